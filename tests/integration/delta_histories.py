"""Histories of the oracle through the real job: files in, configuration out of the rules, published tables back."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from oneuser.config import Config, make_config
from oneuser.core.keyed import identifier_hasher, message_hasher
from oneuser.privacy.keys import load_keys
from oneuser.privacy.rotation import rotate
from oneuser.runs.run import RunOptions, run_pipeline
from tests.integration.published import published_versions, read_table
from tests.oracle import history as plain
from tests.oracle.people import BEGINNING, Deployment, Outcome

DEPLOYMENT = "histories"
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_VALUES = 6  # of one type in one message
END_OF_TIME = (float("inf"), 0, b"")
NEVER_SEEN = (None, None)


class RealDeployment:
    """A warehouse of its own, and what the oracle makes of the same runs."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root, self.warehouse = spark, root, root / "warehouse"
        (root / "events").mkdir(parents=True)
        keys = self.first_keys = load_keys(self.secret, deployment=DEPLOYMENT, may_create=True)
        self.keys = plain.Keys(
            identifier=self.key_of,
            message=lambda name: message_hasher(keys, "all")(name.encode()),
            deployment=DEPLOYMENT,
            minting=keys.minting,
        )
        self.oracle = Deployment(self.keys)
        self.refused_since: dict[tuple[str, plain.Pair], int] = {}
        self.outcomes: list[Outcome] = []

    @property
    def secret(self) -> str:
        return f"file:{self.root}/identifiers.key"

    def key_of(self, identifier: plain.Identifier) -> bytes:
        """The keyed hash that breaks ties of an identifier."""
        return identifier_hasher(self.first_keys, identifier[0])(identifier[1])

    def beside(self, run: plain.Run) -> tuple[dict[str, Any], dict[str, Any]]:
        """One run of both: what the job publishes and what the oracle does, in the same words."""
        n_run = len(self.outcomes) + 1
        self.write(run, n_run)
        config = self.config(run.rules, n_run)
        result = run_pipeline(self.spark, config, RunOptions(as_of=MONDAY + timedelta(days=n_run)))
        assert result.run_seq == n_run
        self.ran()
        self.outcomes.append(self.oracle.run(run))
        return self.found(), self.wanted()

    def ran(self) -> None:
        """The job has done its run, and the oracle has not."""

    def write(self, run: plain.Run, n_run: int) -> None:
        """The messages that arrive in a run, as a file."""
        if run.arrived:
            lines = [json.dumps(as_line(message)) for message in run.arrived]
            (self.root / "events" / f"{n_run}.jsonl").write_text("\n".join(lines) + "\n")

    def config(self, rules: plain.Rules, n_run: int) -> Config:
        id_types = {
            name: {
                "priority": t.priority, "known": t.known, "unique": t.unique, "limit": t.limit,
                "max_persons_per_value": t.max_persons_per_value, "normaliser": "none",
                "blocked": [value for id_type, value in sorted(rules.blocked) if id_type == name],
            }
            for name, t in rules.types.items()
        }  # fmt: skip
        places = {name: [f"{name}_{place}" for place in range(MOST_VALUES)] for name in rules.types}
        mapping = {
            "message_id": "id", "type": "type", "event": "event", "event_time": "time", "received_at": "received",
            "identifiers": places,
            "previous_id": "previous", "consent": "consent",
        }  # fmt: skip
        return make_config(
            {
                "deployment": DEPLOYMENT,
                "warehouse": str(self.warehouse),
                "keys": {"identifiers": self.secret},
                "sources": {"all": {"path": f"{self.root}/events/*.jsonl", "format": "jsonl", "mapping": mapping}},
                "identity": {
                    "id_types": id_types,
                    "max_identifiers_per_user": rules.max_identifiers_per_user,
                    "conflict": rules.conflict,
                    "shared_device": rules.shared_device,
                    "survivor": rules.survivor,
                    "alias": {"may_join_unique": rules.may_join_unique, "previous_id_type": rules.previous_id_type},
                    "manual_rules": self.manual_rules(rules, n_run),
                },
                "links": self.links(rules),
                "consent": {"required_for_linking": sorted(rules.required_for_linking)},
                "gates": {"max_merged_ids_share": None, "max_largest_component": None},
            }
        )

    def manual_rules(self, rules: plain.Rules, n_run: int) -> str | None:
        ruled = [("include", *ends) for ends in sorted(rules.included)]
        ruled += [("exclude", *ends) for ends in sorted(rules.excluded)]
        if not ruled:
            return None
        path = self.root / f"manual-{n_run}.csv"
        header = ("action", "id_type_a", "id_value_a", "id_type_b", "id_value_b", "reason")
        write_csv(path, header, [(action, *a, *b, "tested") for action, a, b in ruled])
        return str(path)

    def links(self, rules: plain.Rules) -> dict[str, Any]:
        """A link table for each source, which the run may find longer, shorter or gone."""
        tables = {}
        for source, priority in sorted({(link.source, link.priority) for link in rules.links}, key=repr):
            path = self.root / f"{source}.csv"
            ends = sorted(link.ends for link in rules.links if link.source == source)
            write_csv(path, ("id_type_a", "id_value_a", "id_type_b", "id_value_b"), [(*a, *b) for a, b in ends])
            tables[source] = {"path": str(path), "format": "csv", "priority": priority}
        return tables

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows of a published table, none where the runs so far had nothing to write into it."""
        is_there = table in published_versions(self.warehouse)
        return read_table(self.warehouse, table).to_pylist() if is_there else []

    def found(self) -> dict[str, Any]:
        """What is published now, and what the history says of each run before."""
        name = {row["identifier_id"]: (row["id_type"], row["id_value"]) for row in self.rows("identifier_values")}
        message = {self.keys.message(m): m for m in self.oracle.stored}
        labels = {name[row["identifier_id"]]: row["component_id"] for row in self.rows("components")}
        people = self.rows("identifier_map")
        history, ownership = self.rows("identifier_history"), self.rows("identifier_ownership")
        n_runs = len(self.outcomes)
        return {
            "components": {frozenset(i for i in labels if labels[i] == label) for label in labels.values()},
            "users": {name[row["identifier_id"]]: row["user_id"] for row in people},
            "contested": {name[row["identifier_id"]] for row in people if row["is_contested"]},
            "seen": {name[row["identifier_id"]]: when_seen(row) for row in people},
            "refused": {
                (row["rule"], plain.pair(name[row["src"]], name[row["dst"]]), row["opened_run"])
                for row in self.rows("refused_edges")
                if row["closed_run"] is None
            },
            "owners": {message[row["message_key"]]: row["user_id"] for row in self.rows("events_resolved")},
            "kinds": {row["user_id"]: row["kind"] for row in self.rows("dim_user")},
            "ledger": {row["user_id"]: as_plain(row, name) for row in self.rows("user_ids")},
            "redirects": {row["user_id"]: row["redirect_to"] for row in self.rows("user_redirects")},
            "users as of": [users_as_of(history, run, name) for run in range(1, n_runs + 1)],
            "intervals as of": [intervals_as_of(ownership, run, name) for run in range(1, n_runs + 1)],
            "lineage": {
                (row["run_seq"], row["change"], row["user_id"])
                for row in self.rows("lineage")
                if row["change"] in {"minted", "restored"}
            },
        }

    def wanted(self) -> dict[str, Any]:
        """The same by the oracle."""
        now, n_runs = self.outcomes[-1], len(self.outcomes)
        seen = {i: [s.message.at for s in now.evidence.seen if i in s.observed] for i in now.users}
        self.refused_since = {refusal: self.refused_since.get(refusal, n_runs) for refusal in now.refused}
        return {
            "components": now.components,
            "users": now.users,
            "contested": now.contested,
            "seen": {i: (min(times), max(times)) if times else NEVER_SEEN for i, times in seen.items()},
            "refused": {(*refusal, since) for refusal, since in self.refused_since.items()},
            "owners": now.owners,
            "kinds": now.kinds,
            "ledger": now.ledger,
            "redirects": {user: row["target"] for user, row in now.ledger.items() if row["status"] == "retired"},
            "users as of": [outcome.users for outcome in self.outcomes],
            "intervals as of": [outcome.intervals for outcome in self.outcomes],
            "lineage": set(changes(self.outcomes)),
        }


class RotatedDeployment(RealDeployment):
    """The same, where the key is rotated before every run but the first."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        super().__init__(spark, root)
        self.first_seen_under: dict[plain.Identifier, str] = {}

    def key_of(self, identifier: plain.Identifier) -> bytes:
        """By the version that was the newest when the identifier was first seen."""
        versions = {version.key_id: version for version in self.now.of_each_version()}
        first = versions[self.first_seen_under.get(identifier, self.now.key_id)]
        return identifier_hasher(first, identifier[0])(identifier[1])

    def beside(self, run: plain.Run) -> tuple[dict[str, Any], dict[str, Any]]:
        """A rotation, and one run of both."""
        if self.outcomes:
            rotate(self.secret, today=MONDAY.date(), is_dry_run=False)
        self.now = load_keys(self.secret, deployment=DEPLOYMENT, may_create=False)
        return super().beside(run)

    def ran(self) -> None:
        """Who is new has the newest version, and everybody else the one they had."""
        name = {row["identifier_id"]: (row["id_type"], row["id_value"]) for row in self.rows("identifier_values")}
        stored = {name[row["identifier_id"]]: row["key_id"] for row in self.rows("identifiers")}
        assert stored == dict.fromkeys(stored, self.now.key_id) | self.first_seen_under
        self.first_seen_under = stored


def changes(outcomes: list[Outcome]) -> Iterator[tuple[int, str, str]]:
    """IDs that each run minted or gave back."""
    before: dict[str, Any] = {}
    for n_run, outcome in enumerate(outcomes, start=1):
        for user, row in outcome.ledger.items():
            if user not in before:
                yield n_run, "minted", user
            elif row["status"] == "live" != before[user]["status"]:
                yield n_run, "restored", user
        before = outcome.ledger


def as_line(message: plain.Message) -> dict[str, Any]:
    """A message as the source writes it."""
    line: dict[str, Any] = {
        "id": message.id,
        "type": "alias" if message.kind == "alias" else "track",
        "event": None if message.kind == "alias" else "Seen",
        "time": (MONDAY + timedelta(minutes=message.at)).isoformat(),
        "previous": message.previous,
    }
    if message.received is not None:
        line["received"] = (MONDAY + timedelta(minutes=message.received)).isoformat()
    if message.consent is not None:
        line["consent"] = {"categoryPreferences": dict(message.consent)}
    for id_type in {id_type for id_type, _ in message.ids}:
        values = [value for other, value in message.ids if other == id_type]
        line |= {f"{id_type}_{place}": value for place, value in enumerate(values)}
    return line


def write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def minutes(instant: datetime) -> float:
    return (instant.astimezone(UTC) - MONDAY).total_seconds() / 60


def as_order(at: datetime, place: bytes) -> plain.Order:
    """An event's place in the order of events as the oracle writes it."""
    received = timedelta(microseconds=int.from_bytes(place[:8], "big") - 2**63)
    is_known = not place.startswith(b"\xff" * 8)
    return minutes(at), minutes(EPOCH + received) if is_known else float("inf"), place[8:]


def as_plain(row: dict[str, Any], name: dict[int, plain.Identifier]) -> dict[str, Any]:
    """A row of the ledger as the oracle writes it."""
    at, place = row["minted_first_seen_at"], row["minted_first_event_order"]
    was_seen = at.year < 2262
    return {
        "status": row["status"],
        "target": row["redirect_to"],
        "present": name.get(row["anchor_identifier_id"] or row["last_anchor_identifier_id"]),
        "stands": row["anchor_identifier_id"] is not None,
        "anchors": [name[anchor["identifier_id"]] for anchor in row["anchors"]],
        "order": (row["minted_run"], *(as_order(at, place) if was_seen else END_OF_TIME), row["minted_key"]),
    }


def when_seen(row: dict[str, Any]) -> tuple[float | None, float | None]:
    """First and last time that an identifier was carried."""
    first, last = (None if at is None else minutes(at) for at in (row["first_seen_at"], row["last_seen_at"]))
    return first, last


def held(row: dict[str, Any], run: int) -> bool:
    """Whether a dated row was what a run recorded."""
    return row["recorded_run"] <= run and (row["superseded_run"] is None or run < row["superseded_run"])


def users_as_of(
    history: list[dict[str, Any]], run: int, name: dict[int, plain.Identifier]
) -> dict[plain.Identifier, str]:
    return {name[row["identifier_id"]]: row["user_id"] for row in history if held(row, run)}


def intervals_as_of(
    ownership: list[dict[str, Any]], run: int, name: dict[int, plain.Identifier]
) -> dict[plain.Identifier, list[tuple[plain.Order, str | None]]]:
    found: dict[plain.Identifier, list[tuple[plain.Order, str | None]]] = {}
    for row in sorted(ownership, key=lambda row: row["interval"]):
        if held(row, run):
            start = row["valid_from"]
            at = BEGINNING if start is None else as_order(start, row["valid_from_event_order"])
            found.setdefault(name[row["identifier_id"]], []).append((at, row["user_id"]))
    return found
