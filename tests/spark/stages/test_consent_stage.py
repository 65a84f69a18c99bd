"""Consent from run to run through the stage: what goes on from a kept replay is what a replay of all comes to."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from pyspark.sql import SparkSession

from oneuser.config import make_config
from oneuser.contracts.changes import CHANGES, OWNED_MESSAGES
from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.contracts.identity import DIM_USER, EVENTS_RESOLVED, USER_REDIRECTS
from oneuser.contracts.privacy import CONSENT, CONSENT_REPLAYS, ERASURES, MESSAGE
from oneuser.contracts.raw import EVENTS
from oneuser.spark.small_data import planned_for_small_data
from oneuser.stages.consent.stage import CONSENT_STAGE
from oneuser.stages.context import RunContext
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse
from tests.unit.events.parsing import KEYS

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
IDS = {"ann's login": (1, "user_id"), "laptop": (2, "anonymous_id"), "phone": (3, "anonymous_id")}
IDS |= {"tester": (4, "user_id"), "kiosk": (5, "anonymous_id")}


@dataclass(frozen=True)
class Sent:
    """A message: its hour, what it carries, what it says about ads, whose it is."""

    hour: int
    ids: tuple[str, ...]
    ads: bool | None = None
    owner: str | None = "ann"
    run_seq: int = 0

    @property
    def key(self) -> bytes:
        return f"{self.hour:16}".encode()


# what is there after each run, beside what was there before; null takes a message away
RUNS: list[dict[int, Sent | None]] = [
    {
        1: Sent(1, ("tester",), ads=True, owner="tester"),
        2: Sent(2, ("laptop", "phone")),
        20: Sent(20, ("kiosk",), ads=False, owner=None),
    },
    # nobody who says anything is left, and Ann says nothing
    {1: None, 20: None, 3: Sent(3, ("laptop",))},
    # on a device that she has joined with the other long ago
    {5: Sent(5, ("laptop",), ads=False), 6: Sent(6, ("phone",), ads=True), 7: Sent(7, ("ann's login", "phone"))},
    # in the order of events, and earlier than what was seen
    {8: Sent(8, ("phone",), ads=False), 9: Sent(9, ("kiosk",), ads=True, owner=None)},
    {4: Sent(4, ("phone",), ads=False), 10: Sent(10, ("phone",), ads=True)},
    # what was nobody's is hers
    {9: Sent(9, ("kiosk",), ads=True), 11: Sent(11, ("laptop",), ads=True)},
    # somebody else has what was hers
    {11: Sent(11, ("laptop",), ads=True, owner="bob"), 12: Sent(12, ("phone", "kiosk"), ads=False)},
]
STATES = [{("tester", True)}, set(), {("ann", True)}, {("ann", False)}, {("ann", True)}, {("ann", True)}]
STATES += [{("ann", False), ("bob", True)}]


class Site:
    """Tables that the test writes and the stage reads, run after run."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.warehouse = spark, Warehouse(spark, str(root))
        self.warehouse.create("consent")
        self.config = make_config(
            {
                "deployment": "consent",
                "warehouse": str(root),
                "sources": {"web": {"path": "/nowhere", "format": "jsonl", "preset": "segment"}},
            }
        )
        self.messages: dict[int, Sent] = {}
        self.tables: dict[str, int] = {}
        # rows of other tables, as the run finds them
        self.beside: dict[Any, list[dict[str, Any]]] = {}

    def run(self, n: int, come: dict[int, Sent | None]) -> tuple[list[Any], list[Any]]:
        """Rows of both tables, by what was touched."""
        before, base = dict(self.messages), dict(self.tables)
        for name, sent in come.items():
            self.messages.pop(name, None)
            if sent is not None:
                self.messages[name] = replace(sent, run_seq=before[name].run_seq if name in before else n)
        upstream = self._context(n, dict(base), {})
        for contract, rows in (self._rows(before, n) | self.beside).items():
            upstream.replace(contract, contract.frame(self.spark, rows))
        return self._do(n, upstream.tables, base, is_incremental=n > 1)

    def again(self, n: int) -> tuple[list[Any], list[Any]]:
        """The same of everything; nothing of it stays."""
        tables = {
            name: version for name, version in self.tables.items() if name not in {CONSENT.name, CONSENT_REPLAYS.name}
        }
        kept, found = dict(self.tables), self._do(n, tables, {}, is_incremental=False)
        for contract in (CONSENT, CONSENT_REPLAYS):
            self.warehouse.restore(contract, kept[contract.name], CommitTag(n, 1, 1))
            kept[contract.name] = self.warehouse.head(contract) or 0
        self.tables = kept
        return found

    def _do(
        self, n: int, tables: dict[str, int], base: dict[str, int], *, is_incremental: bool
    ) -> tuple[list[Any], list[Any]]:
        ctx = self._context(
            n, dict(tables), base, stage="consent", may_read=CONSENT_STAGE.may_read, may_write=CONSENT_STAGE.may_write,
            takes=frozenset(CONSENT_STAGE.takes), gives=frozenset(CONSENT_STAGE.gives), is_incremental=is_incremental,
        )  # fmt: skip
        CONSENT_STAGE.run(ctx)
        ctx.release()
        self.tables = ctx.tables
        consent, replays = (
            sorted(map(tuple, self.warehouse.read(contract, ctx.tables[contract.name]).collect()))
            for contract in (CONSENT, CONSENT_REPLAYS)
        )
        return consent, replays

    def _context(self, n: int, tables: dict[str, int], base: dict[str, int], **more: Any) -> RunContext:
        return RunContext(
            spark=self.spark, config=self.config, warehouse=self.warehouse, keys=KEYS, tag=CommitTag(n, 1, 1),
            as_of=MONDAY, inputs=[], log=structlog.get_logger("test"), tables=tables, base=base, is_small=True, **more,
        )  # fmt: skip

    def _rows(self, before: dict[int, Sent], n: int) -> dict[Any, list[dict[str, Any]]]:
        facts = [
            (one, {"message_key": one.key, "event_time": MONDAY + timedelta(hours=one.hour), "received_at": None})
            for one in self.messages.values()
        ]
        touched = [name for name in before.keys() | self.messages.keys() if self.messages.get(name) != before.get(name)]
        return {
            EVENTS: [
                fact | {"source": "web", "type": "track", "identifiers": [], "dropped": [], "content_hash": 1}
                | {"file": "f", "run_seq": one.run_seq}
                | ({} if one.ads is None else {"consent": json.dumps({"categoryPreferences": {"ads": one.ads}})})
                for one, fact in facts
            ],
            EVENTS_RESOLVED: [
                fact | {"type": "track", "source": "web", "user_id": one.owner} for one, fact in facts
            ],
            EVENT_IDENTIFIERS: [
                fact | {"identifier_id": number, "id_type": id_type, "link": "event", "n_links": len(one.ids)}
                | {"type_rank": place, "run_seq": one.run_seq}
                for one, fact in facts
                for place, (number, id_type) in enumerate(sorted(IDS[name] for name in one.ids))
            ],
            CHANGES: [
                {"run_seq": n, "attempt": 1, "change_set": OWNED_MESSAGES}
                | {"message_key": (self.messages.get(name) or before[name]).key}
                | {"user_id": self.messages[name].owner if name in self.messages else None}
                | {"user_id_before": before[name].owner if name in before else None}
                | {"reason": "new" if name not in before else "moved" if name in self.messages else "gone"}
                for name in touched
            ],
        }  # fmt: skip


def people(*names: str) -> list[dict[str, Any]]:
    of_each = {"kind": "known", "n_identifiers": 1, "identifiers_by_type": {}, "account_ids": []}
    return [{"user_id": name} | of_each for name in names]


def test_what_goes_on_from_what_was_kept_is_what_a_replay_of_all_comes_to(spark: SparkSession, tmp_path: Path) -> None:
    site = Site(spark, tmp_path)
    with planned_for_small_data(spark):
        for n, (come, states) in enumerate(zip(RUNS, STATES, strict=True), start=1):
            consent, replays = site.run(n, come)

            assert {(row[0], row[2] == "granted") for row in consent} == states, n
            assert bool(replays) is bool(states)
            # what is wrong once is carried on: to compare now and then is enough
            if n % 3 == 0 or n == len(RUNS):
                assert (consent, replays) == site.again(n), n


def test_a_kept_refusal_goes_with_who_has_no_messages(spark: SparkSession, tmp_path: Path) -> None:
    site, refusing = Site(spark, tmp_path), Sent(3, ("tester",), ads=False, owner="tester")
    erased = {"run_seq": 2, "request_id": "ask", "kind": MESSAGE, "message_key": refusing.key}
    with planned_for_small_data(spark):
        site.run(1, {3: refusing, 2: Sent(2, ("laptop",), ads=True)})
        site.beside = {ERASURES: [erased], DIM_USER: people("ann", "tester"), USER_REDIRECTS: []}
        consent, _ = site.run(2, {3: None})
        assert {(row[0], row[2]) for row in consent} == {("ann", "granted"), ("tester", "refused")}

        # when a link makes them one, and somebody else sends something
        led = {"user_id": "tester", "redirect_to": "ann", "reason": "merge", "run_seq": 3}
        site.beside = {ERASURES: [erased], DIM_USER: people("ann", "bob"), USER_REDIRECTS: [led]}
        consent, _ = site.run(3, {4: Sent(4, ("phone",), owner="bob")})

        assert {(row[0], row[2]) for row in consent} == {("ann", "refused")}
