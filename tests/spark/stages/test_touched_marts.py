"""Consent, sessions, attribution and retention of whom a run touched are those of everybody, and of a first run.

Owned events are written straight into the tables that these stages read: days on which events come in order and late,
are replaced by another copy or go, and people merge, come apart and exchange single events.
"""

from __future__ import annotations

import json
import random
import shutil
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.config import Config, make_config
from oneuser.contracts.changes import OWNED_MESSAGES
from oneuser.contracts.graph import EVENT_IDENTIFIERS, FILES
from oneuser.contracts.identity import EVENTS_RESOLVED, LINEAGE
from oneuser.contracts.marts import (
    ACCOUNT_TOUCHES,
    ACTIVITY,
    ATTRIBUTION_CHANGES,
    ATTRIBUTION_CREDITS,
    ATTRIBUTION_PATHS,
    ATTRIBUTION_SUMMARY,
    CONVERSION_VALUES,
    CONVERSIONS,
    RETENTION,
    SESSIONS,
    TOUCHES,
)
from oneuser.contracts.privacy import CONSENT
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.reference import FX_RATES
from oneuser.contracts.table import TableContract
from oneuser.marts.retention import retain
from oneuser.spark.small_data import planned_for_small_data
from oneuser.stages import context
from oneuser.stages.attribution.touched_conversions import find_touched_conversions
from oneuser.stages.context import RunContext
from oneuser.stages.declaration import Stage
from oneuser.stages.parameters import credits_provenance
from oneuser.stages.registry import STAGES
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse
from tests.frames import assert_same_rows
from tests.plans import AS_ASKED, FOR_FEW_ROWS

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MARTS = [stage for stage in STAGES if stage.name in {"consent", "sessions", "attribution", "retention"}]
WRITTEN = [
    CONSENT, SESSIONS, TOUCHES, CONVERSIONS, CONVERSION_VALUES, ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY,
    ATTRIBUTION_CHANGES, ATTRIBUTION_PATHS, ACTIVITY, RETENTION,
]  # fmt: skip
NAMES = ["Page Viewed", "Order Completed", "Signed Up"]
# as the configuration has them, and in the words of `retain`
RETENTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "daily": ({"interval": "day", "return": "Page Viewed"}, {"unit": "day", "return_event": "Page Viewed"}),
    "paid": (
        {
            "unit": "hour", "start": {"event": "any", "where": {"properties.revenue": {"in": [9.99, "1200"]}}},
            "mode": "on_or_after", "membership": "recurring", "zone": "Asia/Kathmandu", "max_offset": 40,
        },
        {
            "unit": "hour", "start_where": {"revenue": [9.99, "1200"]}, "mode": "on_or_after",
            "membership": "recurring", "zone": "Asia/Kathmandu", "max_offset": 40,
        },
    ),
    "rolling": (
        {"unit": "day", "basis": "rolling", "breakdown": "properties.revenue", "breakdown_at": "start_and_return"},
        {"unit": "day", "basis": "rolling", "breakdown": "revenue", "breakdown_at": "start_and_return"},
    ),
    "twice": (
        {"unit": "day", "basis": "rolling", "min_events": 2, "mode": "bracket", "brackets": [{"from": 1, "until": 2}]},
        {"unit": "day", "basis": "rolling", "min_events": 2, "mode": {"mode": "bracket", "from": 1, "until": 2}},
    ),
    "twice_a_week": (
        {"unit": "week", "min_events": 2, "mode": "streak"}, {"unit": "week", "min_events": 2, "mode": "streak"},
    ),
}  # fmt: skip
# the two that differ most
IN_SHORT = ["paid", "twice"]
ATTRIBUTION: dict[str, Any] = {
    "lookback_days": 2,
    "models": ["first", "linear", "position", "time_decay", "lead_u", "participation", "set_shapley"],
}
# what makes a conversion depend on others of its person, or on touches of long ago
PATHS: list[dict[str, Any]] = [
    {},
    {"reset_at_conversion": True},
    {"conversion_scope": "first_per_entity"},
    {"lookback_days": 400, "reset_at_conversion": True, "conversion_scope": "first_per_entity"},
    {"lookback_days": 1, "lookback": "calendar_days", "zone": "Asia/Kathmandu"},
]
PEOPLE = [f"usr_{letter * 26}" for letter in "abcdefgh"]


@dataclass(frozen=True)
class Event:
    """One accepted message, and whose it is."""

    key: bytes
    at: datetime
    received: datetime
    name: str
    source: str
    user: str | None
    account: str | None
    campaign: str | None
    revenue: str | None
    run: int
    devices: tuple[int, ...]
    may_advertise: bool | None


@dataclass
class World:
    """All events, and the changes of User IDs in the present run."""

    events: dict[bytes, Event] = field(default_factory=dict)
    lineage: list[tuple[str, str, str]] = field(default_factory=list)


def happen(world: World, chance: random.Random, run: int) -> World:
    """What a run brings."""
    events = dict(world.events)
    lineage: list[tuple[str, str, str]] = []
    today = MONDAY + timedelta(days=run)
    for _ in range(40 if run == 1 else 14):
        key = chance.randbytes(16)
        days_late = chance.choice([0, 0, 0, 0, 1, 3]) if run > 1 else chance.randrange(3)
        at = today - timedelta(days=days_late) + timedelta(minutes=chance.randrange(0, 1200, 5))
        events[key] = Event(
            key, at, today + timedelta(days=1), chance.choice(NAMES), chance.choice(["web", "web", "web", "crm"]),
            chance.choice([*PEOPLE, *PEOPLE, None]), chance.choice([None, "acme"]),
            chance.choice([None, "spring", "autumn"]), chance.choice([None, "9.99", "1200", "unreadable"]), run,
            tuple(chance.sample(range(6), chance.choice([1, 1, 2]))), chance.choice([None, True, True, False]),
        )  # fmt: skip
    if run > 1:
        changed = chance.sample(sorted(events), 6)
        # gone, read from another copy, another account, somebody else's
        del events[changed[0]]
        events[changed[1]] = replace(
            events[changed[1]], campaign="winter", revenue="7.50", run=run, may_advertise=False
        )
        events[changed[2]] = replace(events[changed[2]], account="umbrella")
        events[changed[3]] = replace(events[changed[3]], user=chance.choice(PEOPLE))
        events[changed[4]] = replace(events[changed[4]], user=None)
        events[changed[5]] = replace(events[changed[5]], at=events[changed[5]].at - timedelta(minutes=20))
        loser, survivor = chance.sample(PEOPLE, 2)
        change = chance.choice(["merged", "split_from", "restored"])
        lineage.append((change, loser, survivor))
        for key, event in events.items():
            if change == "merged" and event.user == loser:
                events[key] = replace(event, user=survivor)
            elif change != "merged" and event.user == survivor and chance.random() < 0.5:
                events[key] = replace(event, user=loser)
    return World(events, lineage)


def config(root: Path, **sections: Any) -> Config:
    source = {"path": str(root / "*.jsonl"), "format": "jsonl", "preset": "segment"}
    return make_config(
        {
            "deployment": "marts",
            "warehouse": str(root / "warehouse"),
            "sources": {"web": source, "crm": source | {"touch": "event"}},
            "channels": [
                {"name": "spring", "channel": "Email", "when": {"utm_campaign": {"equals": "spring"}}},
                {"name": "autumn", "channel": "Paid Search", "when": {"utm_campaign": {"equals": "autumn"}}},
            ],
            "conversions": {
                "order": {"event": "Order Completed", "value": "properties.revenue", "currency": {"const": "EUR"}},
                "signup": {"event": "Signed Up", "milestone": "lead"},
            },
            "attribution": ATTRIBUTION,
            "reporting_currency": "USD",
            "consent": {"required_for_attribution": ["ads"]},
            "retention": {name: retention for name, (retention, _) in RETENTIONS.items()},
        }
        | sections
    )


class Marts:
    """One warehouse, of which only what the stages read is written by the test."""

    def __init__(self, spark: SparkSession, path: Path) -> None:
        self.spark, self.warehouse = spark, Warehouse(spark, str(path))
        self.tables: dict[str, int] = {}
        self.world = World()
        self.run_seq = 0
        self.metrics: dict[str, float] = {}

    def copied_to(self, path: Path) -> Marts:
        """The same in another folder: what follows in one is not seen in the other."""
        shutil.copytree(self.warehouse.root, path)
        copy = Marts(self.spark, path)
        copy.tables, copy.world, copy.run_seq, copy.metrics = dict(self.tables), self.world, self.run_seq, self.metrics
        return copy

    def run(
        self,
        world: World,
        config: Config,
        *,
        is_incremental: bool = False,
        run_seq: int | None = None,
        rates: list[dict[str, Any]] | None = None,
        stages: list[Stage] = MARTS,
        is_small: bool = False,
    ) -> None:
        """One run of the stages after what came before them has been written."""
        self.run_seq = run_seq or self.run_seq + 1
        base = dict(self.tables)
        # what a test writes is little, whatever the stages take it for
        upstream = self._context(config, base, None, is_incremental=is_incremental, is_small=True)
        for contract, rows in (
            (EVENTS, [as_event(event) for event in world.events.values()]),
            (EVENTS_RESOLVED, [as_resolved(event) for event in world.events.values()]),
            (EVENT_IDENTIFIERS, [row for event in world.events.values() for row in as_carried(event)]),
            (FILES, [as_file(source, world) for source in ("web", "crm")]),
            (FX_RATES, rates or rates_of(self.run_seq)),
        ):
            upstream.replace(contract, contract.frame(self.spark, rows))
        lineage = [
            {"run_seq": self.run_seq, "change": change, "user_id": user, "other_user_id": other}
            for change, user, other in world.lineage
        ]
        upstream.append(LINEAGE, LINEAGE.frame(self.spark, lineage))
        if is_incremental:
            told = [tuple(row) for row in moved_messages(self.world, world)]
            schema = "message_key binary, user_id string, user_id_before string, reason string"
            upstream.tell(OWNED_MESSAGES, self.spark.createDataFrame(told, schema))
        self.tables = upstream.tables
        self.metrics = {}
        for stage in stages:
            ctx = self._context(config, base, stage, is_incremental=is_incremental, is_small=is_small)
            stage.run(ctx)
            ctx.release()
            self.tables = ctx.tables
            self.metrics |= ctx.metrics
        self.world = world

    def _context(
        self,
        config: Config,
        base: dict[str, int],
        stage: Stage | None,
        *,
        is_incremental: bool,
        is_small: bool = False,
    ) -> RunContext:
        declared: dict[str, Any] = {}
        if stage is not None:
            declared = {
                "stage": stage.name, "may_read": stage.may_read, "may_write": stage.may_write,
                "takes": frozenset(stage.takes), "gives": frozenset(stage.gives),
            }  # fmt: skip
        return RunContext(
            spark=self.spark, config=config, warehouse=self.warehouse, keys=None, tag=CommitTag(self.run_seq, 1, 1),
            as_of=MONDAY, inputs=[], tables=dict(self.tables), base=base, is_incremental=is_incremental,
            is_small=is_small, log=structlog.get_logger("test"), **declared,
        )  # fmt: skip

    def rows(self, contract: TableContract, *, without: tuple[str, ...] = ()) -> list[str]:
        kept = [name for name in contract.columns if name not in without]
        found = self.warehouse.read(contract, self.tables.get(contract.name)).select(*kept).collect()
        return sorted(str(tuple(row)) for row in found)


def as_event(event: Event) -> dict[str, Any]:
    properties = {"revenue": event.revenue} if event.revenue else {}
    return {
        "message_key": event.key, "source": event.source, "type": "track", "event": event.name, "event_time": event.at,
        "received_at": event.received, "identifiers": [], "dropped": [], "campaign_name": event.campaign,
        "properties": json.dumps(properties), "consent": as_consent(event), "raw": "{}",
        "content_hash": 0, "file": "f", "run_seq": event.run,
    }  # fmt: skip


def rates_of(run: int) -> list[dict[str, Any]]:
    """Rates up to the day before the run, but for one day; the second run corrects a rate of before."""
    days = [day for day in range(-2, run) if day != 1]
    return [
        {
            "rate_date": (MONDAY + timedelta(days=day)).date(),
            "currency": "USD" if day == 0 else "EUR",
            "to_currency": "EUR" if day == 0 else "USD",
            "rate": Decimal("1.07") + Decimal(day) / 100 + Decimal("0.333") * (run > 1 and day == -1),
        }
        for day in days
    ]


def as_consent(event: Event) -> str | None:
    if event.may_advertise is None:
        return None
    return json.dumps({"categoryPreferences": {"ads": event.may_advertise}})


def as_carried(event: Event) -> list[dict[str, Any]]:
    return [
        {
            "message_key": event.key, "identifier_id": device, "id_type": "anonymous_id", "type_rank": rank,
            "event_time": event.at, "received_at": event.received, "link": "event", "n_links": len(event.devices),
            "run_seq": event.run,
        }
        for rank, device in enumerate(event.devices)
    ]  # fmt: skip


def as_resolved(event: Event) -> dict[str, Any]:
    return {
        "message_key": event.key, "event_time": event.at, "received_at": event.received, "type": "track",
        "event": event.name, "user_id": event.user, "account_id": event.account, "source": event.source,
    }  # fmt: skip


def as_file(source: str, world: World) -> dict[str, Any]:
    # within a quarter of an hour: some of its events are complete, others are not
    last = max((event.at for event in world.events.values() if event.source == source), default=None)
    return {
        "source": source, "file": source, "n_bytes": 1, "modified_at": MONDAY, "n_lines": 1, "digest": 1,
        "last_received_at": last and last - timedelta(minutes=7), "last_event_at": last, "state": "ingested",
        "run_seq": 1,
    }  # fmt: skip


def moved_messages(before: World, now: World) -> list[tuple[bytes, str | None, str | None, str]]:
    """What the identity stage tells."""
    told = []
    for key in sorted(before.events.keys() | now.events.keys()):
        was, event = before.events.get(key), now.events.get(key)
        # a copy in the place of another is told of though it may say the same of whose it is and when
        if was != event:
            reason = "new" if was is None else "gone" if event is None else "moved"
            told.append((key, event.user if event else None, was.user if was else None, reason))
    return told


def check_days(spark: SparkSession, root: Path, seed: int, n_days: int, *, is_in_short: bool) -> None:
    """Day by day. In short, what was touched is planned as small data, in one partition, and not all at once after.

    A first day is the same for both: they go on from it apart.
    """
    chance = random.Random(seed)
    sessions, paths = {"gap_minutes": 30, "cut_at_campaign": seed % 2 == 1}, ATTRIBUTION | PATHS[seed % len(PATHS)]
    retentions = IN_SHORT if is_in_short else list(RETENTIONS)
    settings = config(
        root, sessions=sessions, attribution=paths, retention={name: RETENTIONS[name][0] for name in retentions}
    )
    touched = Marts(spark, root / "touched")
    world = happen(World(), chance, 1)
    touched.run(world, settings, is_small=is_in_short)
    everybody = touched.copied_to(root / "everybody")
    for run in range(2, n_days + 1):
        world = happen(world, chance, run)
        with planned_for_small_data(spark) if is_in_short else nullcontext():
            touched.run(world, settings, is_incremental=True, is_small=is_in_short)
        everybody.run(world, settings)
        for contract in WRITTEN:
            assert touched.rows(contract) == everybody.rows(contract), (seed, run, contract.name)
        assert touched.metrics == everybody.metrics, (seed, run)
    assert touched.rows(ATTRIBUTION_CHANGES)
    assert any("True" in row for row in touched.rows(CONVERSION_VALUES))
    check_retentions(touched, world, retentions)
    if is_in_short:
        return
    # and all of it as if everything had come at once
    at_once = Marts(spark, root / "at-once")
    at_once.run(world, settings, run_seq=n_days)
    for contract in WRITTEN:
        if contract.replaced:
            found, wanted = (marts.rows(contract, without=("identity_run",)) for marts in (touched, at_once))
            assert found == wanted, (seed, contract.name)


def check_retentions(marts: Marts, world: World, names: list[str]) -> None:
    """The table says what `retain` says of the events themselves."""
    rows = [
        (event.user, event.at, event.name, {"revenue": event.revenue} if event.revenue else {})
        for event in world.events.values()
    ]
    schema = "entity_id string, event_time timestamp, event string, properties map<string,string>"
    events = marts.spark.createDataFrame(rows, schema)
    table = marts.warehouse.read(RETENTION, marts.tables[RETENTION.name])
    watermark = datetime.fromtimestamp(marts.metrics["watermark"], UTC)
    for name in names:
        wanted = retain(events, watermark=watermark, **RETENTIONS[name][1])
        counts = [one for one in wanted.columns if one != "cohort"]
        found = table.where(F.col("name") == name).select(F.col("cohort_starts_at").alias("cohort"), *counts)
        moved = wanted.withColumn("cohort", F.col("cohort").cast("timestamp"))
        assert_same_rows(found, moved)


def test_days_of_whom_they_touch(spark: SparkSession, tmp_path: Path) -> None:
    check_days(spark, tmp_path, seed=1, n_days=3, is_in_short=AS_ASKED is FOR_FEW_ROWS)


def test_a_run_of_another_rate_alone_credits_all_of_whom_it_revalues(spark: SparkSession, tmp_path: Path) -> None:
    stages = [stage for stage in MARTS if stage.name in {"sessions", "attribution"}]
    # every earlier conversion counts for the later ones of its person
    rules = {"lookback_days": 2, "models": ["linear"], "reset_at_conversion": True}
    settings = config(tmp_path, attribution=rules, consent={})
    world = happen(World(), random.Random(3), 1)
    rates = rates_of(1)
    corrected = [
        rate | {"rate": rate["rate"] + Decimal("0.5")} if rate["currency"] == "EUR" else rate for rate in rates
    ]
    touched, everybody = Marts(spark, tmp_path / "touched"), Marts(spark, tmp_path / "everybody")

    touched.run(world, settings, rates=rates, stages=stages)
    before = touched.rows(ATTRIBUTION_CREDITS, without=("identity_run",))
    touched.run(world, settings, rates=corrected, stages=stages, is_incremental=True)
    everybody.run(world, settings, rates=corrected, stages=stages, run_seq=2)

    for contract in (CONVERSION_VALUES, ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY):
        found, wanted = (marts.rows(contract, without=("identity_run",)) for marts in (touched, everybody))
        assert found == wanted, contract.name
    now = touched.rows(ATTRIBUTION_CREDITS, without=("identity_run",))
    assert len(now) == len(before)
    assert set(now) - set(before)


def test_touches_of_accounts_that_are_nobodys_follow_their_messages(spark: SparkSession, tmp_path: Path) -> None:
    stages = [stage for stage in MARTS if stage.name == "sessions"]
    settings = config(tmp_path, attribution={"levels": ["person", "account"]}, consent={})
    chance = random.Random(4)
    own = [
        replace(event, source="crm", user=None, account="acme")
        for event in list(happen(World(), chance, 1).events.values())[:6]
    ]
    first = World({event.key: event for event in own[:5]})
    # one is somebody's by now, one is of another account, one is gone, one is new
    now = [
        replace(own[0], user=PEOPLE[0]),
        replace(own[1], account="umbrella", run=2),
        *own[3:5],
        replace(own[5], run=2),
    ]
    second = World({event.key: event for event in now})
    touched, everybody = Marts(spark, tmp_path / "touched"), Marts(spark, tmp_path / "everybody")

    touched.run(first, settings, stages=stages)
    before = touched.rows(ACCOUNT_TOUCHES, without=("identity_run",))
    touched.run(second, settings, stages=stages, is_incremental=True)
    everybody.run(second, settings, stages=stages, run_seq=2)

    after, wanted = (marts.rows(ACCOUNT_TOUCHES, without=("identity_run",)) for marts in (touched, everybody))
    assert after == wanted
    assert [len(rows) for rows in (before, after, set(before) & set(after))] == [5, 4, 2]
    # whoever has no use for them keeps none
    touched.run(second, config(tmp_path), stages=stages)
    assert touched.rows(ACCOUNT_TOUCHES) == []


def test_only_conversions_after_a_change_are_credited_again(spark: SparkSession, tmp_path: Path) -> None:
    settings = config(tmp_path, consent={})
    stages = [stage for stage in MARTS if stage.name in {"sessions", "attribution"}]

    def bought(number: int, user: str, day: int, *, run: int, name: str = "Order Completed") -> Event:
        at = MONDAY + timedelta(days=day)
        return Event(bytes([number]) * 16, at, at, name, "web", user, None, None, "9.99", run, (number,), None)

    orders = [bought(1, PEOPLE[0], 0, run=1), bought(2, PEOPLE[0], 5, run=1), bought(3, PEOPLE[1], 5, run=1)]
    seen = bought(4, PEOPLE[0], 4, run=2, name="Page Viewed")
    marts = Marts(spark, tmp_path / "touched")

    marts.run(World({event.key: event for event in orders}), settings, stages=stages)
    base = dict(marts.tables)
    marts.run(World({event.key: event for event in [*orders, seen]}), settings, stages=stages[:1], is_incremental=True)
    ctx = marts._context(settings, base, stages[1], is_incremental=True)
    touched = find_touched_conversions(ctx, credits_provenance(ctx))

    assert touched is not None
    ids = {row["conversion_id"] for row in touched.conversion_ids.collect()}
    found = marts.warehouse.read(CONVERSIONS, marts.tables[CONVERSIONS.name]).where(F.col("conversion_id").isin(*ids))
    assert [bytes(row["message_key"]) for row in found.collect()] == [orders[1].key]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_other_days_too(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(context, "_QUICKLY_REWRITTEN", 0 if seed % 2 else 1 << 30)
    if seed % 3:
        # as where tables lie elsewhere
        monkeypatch.setattr(Warehouse, "change_few_rows", lambda *_: None)
        monkeypatch.setattr(Warehouse, "read_few_among", lambda *_, **__: None)
    check_days(spark, tmp_path, seed, n_days=6, is_in_short=False)
