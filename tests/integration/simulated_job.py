"""The runs of a simulation through the real job: statements become lines of JSON, link files and configurations."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from oneuser.api.answers import submit
from oneuser.config import Config, make_config
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.privacy.requests import Action, Request
from oneuser.runs.run import run_pipeline
from oneuser.simulation.line_statements import (
    Block,
    Erase,
    Event,
    Linked,
    Manual,
    Setting,
    Statement,
    Unlinked,
    Unsuppress,
)
from oneuser.simulation.play import Played
from oneuser.simulation.rulebook import DEPLOYMENT, KEY_FILE, Rulebook, load_rules
from oneuser.simulation.statement_reader import line_of
from oneuser.storage.request_files import RequestFiles
from oneuser.storage.warehouse import Warehouse
from tests.integration.published import published_versions, read_table

MANUAL_COLUMNS = ("action", "id_type_a", "id_value_a", "id_type_b", "id_value_b", "reason")
LINK_COLUMNS = ("id_type_a", "id_value_a", "id_type_b", "id_value_b")
MAPPING = {
    "message_id": "id",
    "type": "type",
    "event_time": "at",
    "received_at": "received",
    # the new id of an alias; everything else comes as external ids, which may hold two of a type
    "identifiers": {"user_id": "new_id"},
    "external_ids": "ids",
    "previous_id": "previous",
    "consent": "consent",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Pair = tuple[NamedIdentifier, NamedIdentifier]


class Job:
    """A deployment of the real job, with the simulation's key, so that ties and User IDs are the same."""

    def __init__(self, spark: SparkSession, root: Path, *, small_mb: int) -> None:
        self.spark = spark
        self.root = root
        self.small_mb = small_mb
        self.warehouse = root / "warehouse"
        for folder in ("events", "links"):
            (root / folder).mkdir()
        (root / "key").write_text(KEY_FILE)
        self._rulebook = Rulebook(load_rules(None), file=None)
        self._manual: dict[frozenset[NamedIdentifier], Manual] = {}
        self._links: dict[str, list[Linked]] = {}

    def run(self, number: int, statements: Sequence[Statement]) -> None:
        """Do what a text says for one run."""
        self._rulebook.change(s for s in statements if isinstance(s, Setting | Block))
        for statement in statements:
            self._take(statement)
        lines = [json.dumps(self._message(s)) for s in statements if isinstance(s, Event)]
        if lines:
            (self.root / "events" / f"run-{number}.jsonl").write_text("".join(line + "\n" for line in lines))
        run_pipeline(self.spark, self._config())

    def _take(self, statement: Statement) -> None:
        if isinstance(statement, Manual):
            pair = frozenset((statement.a, statement.b))
            self._manual.pop(pair, None)
            if statement.is_on:
                self._manual[pair] = statement
        elif isinstance(statement, Linked):
            self._links.setdefault(statement.source, []).append(statement)
        elif isinstance(statement, Erase | Unsuppress):
            self._ask("erase" if isinstance(statement, Erase) else "unsuppress", statement.line, statement.named)
        elif isinstance(statement, Unlinked):
            kept = [
                link
                for link in self._links[statement.source]
                if statement.ends is not None and {link.a, link.b} != set(statement.ends)
            ]
            self._links[statement.source] = kept

    def _ask(self, action: Action, line: int, named: NamedIdentifier) -> None:
        """Put a request where the next run finds it."""
        warehouse = Warehouse(self.spark, str(self.warehouse))
        request = Request(f"line-{line}", action, "connected", (named,))
        submit(RequestFiles(warehouse.files, warehouse.layout), request)

    def _message(self, event: Event) -> dict[str, Any]:
        is_alias = event.previous is not None
        message: dict[str, Any] = {
            "id": f"line {event.line}",
            "type": "alias" if is_alias else "track",
            "at": (EPOCH + timedelta(microseconds=event.at)).isoformat(),
            "ids": [{"type": named.id_type, "id": named.value} for named in event.identifiers[is_alias:]],
        }
        if is_alias:
            message |= {"new_id": event.identifiers[0].value, "previous": event.previous}
        if event.received_at is not None:
            message["received"] = (EPOCH + timedelta(microseconds=event.received_at)).isoformat()
        if event.consent is not None:
            message["consent"] = {"categoryPreferences": dict(event.consent)}
        return message

    def _config(self) -> Config:
        sections = self._rulebook.sections
        identity = sections.identity.model_dump(mode="json")
        if self._manual:
            identity["manual_rules"] = str(self.root / "manual.csv")
            rows = [(m.action, *_cells(m.a, m.b), m.reason or "none given") for m in self._manual.values()]
            _write(self.root / "manual.csv", MANUAL_COLUMNS, rows)
        values: dict[str, Any] = {
            "deployment": DEPLOYMENT,
            "warehouse": str(self.warehouse),
            "keys": {"identifiers": f"file:{self.root / 'key'}"},
            "sources": {
                "text": {"path": f"{self.root}/events/*.jsonl", "format": "jsonl", "mapping": MAPPING},
            },
            "identity": identity,
            "consent": sections.consent.model_dump(mode="json"),
            # texts are small: most of their people may be merged by one run
            "gates": {"max_merged_ids_share": None, "max_largest_component": None},
            "graph": {"engine": "one_task"},
            "spark": {"small_mb": self.small_mb},
        }
        if self._links:
            values["links"] = {name: self._link_table(name, links) for name, links in self._links.items()}
        return make_config(values)

    def _link_table(self, name: str, links: list[Linked]) -> dict[str, Any]:
        path = self.root / "links" / f"{name}.csv"
        _write(path, LINK_COLUMNS, [_cells(link.a, link.b) for link in links])
        priorities = {link.priority for link in links} - {None}
        return {"path": str(path), "format": "csv", **({"priority": priorities.pop()} if priorities else {})}


def _cells(a: NamedIdentifier, b: NamedIdentifier) -> tuple[str, str, str, str]:
    return (a.id_type, a.value, b.id_type, b.value)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def apart(runs: Sequence[Sequence[Statement]], number: int) -> list[list[Statement]]:
    """The statements of a text with lines, times and values that no other text has, so that several go together."""

    def own(named: NamedIdentifier) -> NamedIdentifier:
        if named.id_type == "phone":
            return NamedIdentifier("phone", f"{named.value[:-2]}{number:02d}")
        mark = "." if named.id_type == "email" else "-"
        return NamedIdentifier(named.id_type, f"{number}{mark}{named.value}")

    def own_statement(statement: Statement) -> Statement:
        line = statement.line + 1000 * number
        if isinstance(statement, Event):
            previous = None if statement.previous is None else f"{number}-{statement.previous}"
            identifiers = tuple(map(own, statement.identifiers))
            at = statement.at + number * 1_000_000
            return replace(statement, line=line, at=at, identifiers=identifiers, previous=previous)
        if isinstance(statement, Block | Erase | Unsuppress):
            return replace(statement, line=line, named=own(statement.named))
        if isinstance(statement, Manual | Linked):
            return replace(statement, line=line, a=own(statement.a), b=own(statement.b))
        return replace(statement, line=line)

    return [[own_statement(statement) for statement in run] for run in runs]


Facts = dict[str, Any]
READ = (
    "identifier_values", "identifier_map", "dim_user", "refused_edges", "events", "events_resolved",
    "identifier_ownership", "user_ids", "lineage",
)  # fmt: skip


def simulated_facts(played: Played) -> Facts:
    """What a simulated run decided, in plain values."""
    resolution = played.resolution
    name = {number: (found.id_type, found.value) for number, found in resolution.identifiers.items()}
    return {
        "people": {name[number]: resolution.users[label] for number, label in resolution.components.items()},
        "kinds": {resolution.users[label]: kind for label, kind in resolution.kinds.items()},
        "refused": {(frozenset((name[edge.src], name[edge.dst])), edge.rule) for edge in resolution.refusals},
        "contested": {name[number] for number in resolution.contested},
        "owners": {line_of(key): owner for key, owner in resolution.owners.items()},
        "intervals": {
            name[number]: [
                (
                    None if interval.owner is None else resolution.users[interval.owner],
                    None if interval.start is None else interval.start[0],
                )
                for interval in intervals
            ]
            for number, intervals in resolution.intervals.items()
        },
        "ledger": {
            user.user_id: (user.status, user.redirect_to, None if user.anchor is None else name[user.anchor])
            for user in resolution.state.ledger.values()
        },
        "changes": sorted((row.change, row.user_id, row.other_user_id or "") for row in played.lineage),
    }


def _rows(warehouse: Path, name: str) -> list[dict[str, Any]]:
    """Rows of a published table; none where nothing was ever written to it."""
    return read_table(warehouse, name).to_pylist() if name in published_versions(warehouse) else []


def published_facts(warehouse: Path, run_seq: int) -> Facts:
    """What readers see of a run of the real job, in the same values."""
    rows = {name: _rows(warehouse, name) for name in READ}
    name = {row["identifier_id"]: (row["id_type"], row["id_value"]) for row in rows["identifier_values"]}
    line = {row["message_key"]: int(row["message_id"].removeprefix("line ")) for row in rows["events"]}
    contested = {row["identifier_id"] for row in rows["identifier_map"] if row["is_contested"]}
    intervals: dict[tuple[str, str], list[tuple[str | None, int | None]]] = {}
    for row in sorted(rows["identifier_ownership"], key=lambda row: row["interval"]):
        if row["superseded_run"] is None and row["identifier_id"] in contested:
            start = None if row["valid_from"] is None else (row["valid_from"] - EPOCH) // timedelta(microseconds=1)
            intervals.setdefault(name[row["identifier_id"]], []).append((row["user_id"], start))
    return {
        "people": {name[row["identifier_id"]]: row["user_id"] for row in rows["identifier_map"]},
        "kinds": {row["user_id"]: row["kind"] for row in rows["dim_user"]},
        "refused": {
            (frozenset((name[row["src"]], name[row["dst"]])), row["rule"])
            for row in rows["refused_edges"]
            if row["closed_run"] is None
        },
        "contested": {name[number] for number in contested},
        "owners": {line[row["message_key"]]: row["user_id"] for row in rows["events_resolved"]},
        "intervals": intervals,
        "ledger": {
            row["user_id"]: (row["status"], row["redirect_to"], name.get(row["anchor_identifier_id"]))
            for row in rows["user_ids"]
        },
        "changes": sorted(
            (row["change"], row["user_id"], row["other_user_id"] or "")
            for row in rows["lineage"]
            if row["run_seq"] == run_seq
        ),
    }
