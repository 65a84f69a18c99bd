"""Spend, accounts and the end of journeys through the stage itself, on tables written by the test.

Accounts are compared with every conversion against every touch of whoever was a member at the time; what the opened
warehouse computes of them, with what the stage has written.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from pyspark.sql import Row, SparkSession

from oneuser import open_warehouse
from oneuser.api import OpenWarehouse
from oneuser.config import Config, LeaseRules, make_config
from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP, LINEAGE
from oneuser.contracts.marts import (
    ACCOUNT_ATTRIBUTION,
    ACCOUNT_ATTRIBUTION_CHANGES,
    ACCOUNT_CREDITS,
    ACCOUNT_TOUCHES,
    ATTRIBUTION_PATHS,
    ATTRIBUTION_REMOVAL_EFFECTS,
    ATTRIBUTION_SPEND,
    ATTRIBUTION_SUMMARY,
    ATTRIBUTION_TRANSITIONS,
    CONVERSION_VALUES,
    CONVERSIONS,
    TOUCHES,
)
from oneuser.contracts.reference import FX_RATES, OPPORTUNITIES, SPEND
from oneuser.contracts.table import TableContract
from oneuser.core.errors import ConfigError
from oneuser.marts.attribution.credit_rules import CreditRules
from oneuser.report.gather_marts import gather_attribution
from oneuser.runs.lease import Lease
from oneuser.runs.publication import write_published
from oneuser.spark.small_data import planned_for_small_data
from oneuser.spark.stable_ids import stable_id
from oneuser.stages.attribution.account_credits import credit_accounts
from oneuser.stages.attribution.stage import ATTRIBUTION_STAGE
from oneuser.stages.context import RunContext
from oneuser.stages.parameters import credits_provenance
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse
from tests.oracle import attribution as oracle
from tests.oracle import fitted as fitted_oracle

START = datetime(2026, 3, 1, tzinfo=UTC)
# one more than the last touch or conversion, and half a day
WATERMARK = START + timedelta(days=75, hours=12)
PEOPLE, ACCOUNTS, CHANNELS = "abcdef", ["acme", "mill", "zoo"], ["Email", "Paid Search", "Direct"]
# which have members, and buy nothing
IDLE = ["idle", "rest", "vane"]
LONG = 3
MODELS, FITTED = ["first", "linear", "full_path"], ["set_shapley", "markov_global"]
TOPS = {"acme": "group", "rest": "top of rest"}
AT_CONVERSION: dict[str, Any] = {"membership_at": "conversion", "reset_at_conversion": True, "lookback_days": 20}
RULES = {
    "touch": oracle.Rules(),
    "conversion": oracle.Rules(lookback=20 * oracle.DAY, reset=True),
}


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


class World:
    """People who come and go in accounts, what they touched, and what was sold to whom."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        day = oracle.DAY
        self.touches = [
            (number.to_bytes(16, "big"), chance.choice(PEOPLE), chance.randrange(60) * day, chance.choice(CHANNELS))
            for number in range(90)
        ]
        # ends and starts on the very day of a touch; some people are in two accounts at once
        self.members = [
            (person, account, chance.choice([None, 5 * day, 20 * day]), chance.choice([None, 30 * day, 40 * day]))
            for person in PEOPLE
            for account in [*ACCOUNTS, *IDLE]
            if chance.random() < 0.6
        ]
        self.conversions = [
            (
                (1000 + number).to_bytes(16, "big"),
                chance.choice(["order", "signup"]),
                chance.choice([*PEOPLE[:4], None, None]),
                chance.choice([*ACCOUNTS, None]),
                chance.randrange(75) * day,
                chance.choice([None, 100, 101, -7]),
            )
            for number in range(25)
        ]
        self.opportunities = [
            (f"o{n}", chance.choice(ACCOUNTS), chance.randrange(40) * day,
             None if chance.random() < 0.3 else chance.randrange(40, 75) * day, chance.random() < 0.7, 5000 + n)
            for n in range(8)
        ]  # fmt: skip
        # events that name an account alone
        others = random.Random(seed + 1)
        self.own = [
            ((500 + number).to_bytes(16, "big"), others.choice([*ACCOUNTS, *IDLE]), others.randrange(60) * day,
             others.choice(CHANNELS))
            for number in range(20)
        ]  # fmt: skip

    def rows(self) -> dict[TableContract, list[dict[str, Any]]]:
        made = {"params_id": "", "identity_run": 1}
        return {
            TOUCHES: [
                {"touch_id": key, "user_id": person, "touched_at": at(when), "kind": "session", "channel": channel,
                 "channel_rule": "r", "source": "web", **made}
                for key, person, when, channel in self.touches
            ],
            ACCOUNT_TOUCHES: [
                {"touch_id": key, "message_key": key, "account_id": account, "touched_at": at(when), "channel": channel,
                 "channel_rule": "r", "source": "crm", **made}
                for key, account, when, channel in self.own
            ],
            CONVERSIONS: [
                {"conversion_id": key, "conversion": kind, "message_key": key, "user_id": person, "account_id": account,
                 "converted_at": at(when), "value_minor": value, "currency": None if value is None else "EUR",
                 "is_value_invalid": False, **made}
                for key, kind, person, account, when, value in self.conversions
            ],
            ACCOUNT_MEMBERSHIPS: [
                {"user_id": person, "account_id": account, "source": "file", "is_primary": False,
                 "valid_from": None if begin is None else at(begin), "valid_to": None if end is None else at(end)}
                for person, account, begin, end in self.members
            ],
            ACCOUNT_ROLLUP: [
                {"account_id": account, "ancestor_id": TOPS.get(account, account), "depth": 0, "is_top": True}
                for account in [*ACCOUNTS, *IDLE]
            ],
            OPPORTUNITIES: [
                {"source": "deal", "opportunity_id": name, "account_id": account, "opened_at": at(opened),
                 "closed_at": None if closed is None else at(closed), "is_won": won and closed is not None,
                 "value_minor": value, "currency": "USD"}
                for name, account, opened, closed, won, value in self.opportunities
            ],
            SPEND: [
                {"source": "ads", "spend_date": day, "channel": channel, "currency": currency, "spend_minor": spent,
                 "n_records": 1}
                for day, channel, currency, spent in SPENT
            ],
            FX_RATES: [
                {"rate_date": date(2026, 3, 2), "currency": "USD", "to_currency": "EUR", "rate": Decimal("0.5")}
            ],
            FILES: [
                {"source": "web", "file": "f", "n_bytes": 1, "modified_at": START, "n_lines": 1, "digest": 1,
                 "last_received_at": WATERMARK, "last_event_at": START, "state": "ingested", "run_seq": 1}
            ],
        }  # fmt: skip


# March and April; a day before there is any rate; a channel without credit, and none
SPENT: list[tuple[date, str | None, str, int]] = [
    (date(2026, 3, 1), "Email", "EUR", 1000),
    (date(2026, 3, 3), "Email", "USD", 301),
    (date(2026, 4, 30), "Email", "EUR", 7),
    (date(2026, 3, 1), "Email", "USD", 5),
    (date(2026, 4, 1), "Cinema", "EUR", 400),
    (date(2026, 4, 1), None, "EUR", 30),
]


def config(root: Path, **more: Any) -> Config:
    return make_config(
        {
            "deployment": "accounts",
            "warehouse": str(root),
            "sources": {"web": {"path": str(root / "*.jsonl"), "format": "jsonl", "preset": "segment"}},
            "conversions": {
                "order": {"event": "Order", "value": "properties.v", "currency": {"const": "EUR"}},
                "signup": {"event": "Signup", "milestone": "lead"},
                # which nobody has done yet
                "demo": {"event": "Demo"},
            },
            "reporting_currency": "EUR",
            "fx_rates": {"bank": {"path": str(root / "fx.csv"), "format": "csv"}},
            "opportunities": {"deal": {"path": str(root / "deals.csv"), "format": "csv"}},
            "attribution": {
                "models": [*MODELS, *FITTED], "levels": ["person", "account"], "roll_up": True,
                "week_start": "sunday", "report_paths_above": LONG, **more,
            },
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=5)


@pytest.fixture(scope="module")
def done(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, world: World) -> dict[str, list[Any]]:
    """Rows of what one run of the stage has written, by table; and what the opened warehouse computes of accounts."""
    with planned_for_small_data(spark):
        return run_twice(spark, tmp_path_factory.mktemp("attribution-stage"), world)


def run_twice(spark: SparkSession, root: Path, world: World) -> dict[str, list[Any]]:
    warehouse, settings = Warehouse(spark, str(root)), config(root)
    warehouse.create("accounts")

    def context(**more: Any) -> RunContext:
        given = {"tag": CommitTag(1, 1, 1)} | more
        return RunContext(
            spark=spark, warehouse=warehouse, keys=None, as_of=START, inputs=[], log=structlog.get_logger("test"),
            is_small=True, **given,
        )  # fmt: skip

    upstream = context(tables={}, config=settings)
    for contract, rows in world.rows().items():
        upstream.replace(contract, contract.frame(spark, rows))
    stage = ATTRIBUTION_STAGE
    declared: dict[str, Any] = {
        "stage": stage.name, "may_read": stage.may_read, "may_write": stage.may_write,
        "takes": frozenset(stage.takes), "gives": frozenset(stage.gives),
    }  # fmt: skip
    ctx = context(tables=upstream.tables, config=settings, **declared)
    stage.run(ctx)
    ctx.release()
    at_touch = asked_of_warehouse(warehouse, 1, ctx.tables, config(root))
    # in the next run, whom f was is whom e is, and b has left every account; nothing else has happened
    moved = moved_world(world)
    later = context(tables=dict(ctx.tables), config=settings)
    for contract, rows in moved.rows().items():
        if contract in (TOUCHES, CONVERSIONS, ACCOUNT_MEMBERSHIPS):
            later.replace(contract, contract.frame(spark, rows))
    merged = {"run_seq": 2, "change": "merged", "user_id": "f", "other_user_id": "e"}
    later.replace(LINEAGE, LINEAGE.frame(spark, [merged]))
    second = context(
        tables=later.tables, base=dict(ctx.tables), config=settings, **declared | {"tag": CommitTag(2, 1, 1)}
    )
    stage.run(second)
    second.release()
    restated = {
        f"{name} in the next run": warehouse.read(contract, second.tables[contract.name]).collect()
        for name, contract in (("credits", ACCOUNT_CREDITS), ("changes", ACCOUNT_ATTRIBUTION_CHANGES))
    }
    assert second.metrics["account_attribution_changes"] == len(restated["changes in the next run"])
    alone = run_alone(warehouse, context, root, dict(ctx.tables), declared)
    # the same accounts by other rules
    by_conversion = context(tables=dict(ctx.tables), config=config(root, **AT_CONVERSION), **declared)
    rules = CreditRules.of(by_conversion.config.attribution, by_conversion.config.conversions, reporting_currency="EUR")
    valued = upstream.read(CONVERSIONS).join(
        warehouse.read(CONVERSION_VALUES, ctx.tables["conversion_values"]).select("conversion_id", "reporting_minor"),
        on="conversion_id", how="left",
    )  # fmt: skip
    credit_accounts(by_conversion, rules, credits_provenance(by_conversion), valued)
    by_conversion.release()
    at_conversion = asked_of_warehouse(warehouse, 2, by_conversion.tables, config(root, **AT_CONVERSION))
    assert ctx.metrics["conversions_without_rate"] == 0
    assert ctx.metrics["spend_currencies_without_rate"] == 1
    of_conversions = {
        f"{contract.name} by conversion": warehouse.read(contract, by_conversion.tables[contract.name]).collect()
        for contract in (ACCOUNT_CREDITS, ACCOUNT_ATTRIBUTION)
    }
    asked = {f"asked {name} by touch": rows for name, rows in at_touch.items()}
    asked |= {f"asked {name} by conversion": rows for name, rows in at_conversion.items()}
    return (
        of_conversions
        | {"metrics": [ctx.metrics]}
        | alone
        | asked
        | restated
        | {
            contract.name: warehouse.read(contract, ctx.tables[contract.name]).collect()
            for contract in (
                ACCOUNT_CREDITS,
                ACCOUNT_ATTRIBUTION,
                ATTRIBUTION_SPEND,
                ATTRIBUTION_PATHS,
                ATTRIBUTION_TRANSITIONS,
                ATTRIBUTION_REMOVAL_EFFECTS,
                ATTRIBUTION_SUMMARY,
            )
        }
    )


def run_alone(
    warehouse: Warehouse,
    context: Callable[..., RunContext],
    root: Path,
    tables: dict[str, int],
    declared: dict[str, Any],
) -> dict[str, list[Any]]:
    """With fitted models alone: what is answered, shown in the report, and told of the run."""
    settings = config(root, models=FITTED)
    ctx = context(tables=dict(tables), config=settings, **declared)
    ATTRIBUTION_STAGE.run(ctx)
    ctx.release()
    opened = publish(warehouse, 1, ctx.tables, settings)
    return {
        "answer of fitted": opened.attribution().collect(),
        "report of fitted": list(gather_attribution(opened.figures, 1)),
        "metrics of fitted": [ctx.metrics],
    }


def moved_world(world: World) -> World:
    """The same, after f was found to be e, and b to be nobody's member."""
    moved = copy(world)
    is_now = {"f": "e"}
    moved.touches = [(key, is_now.get(who, who), when, channel) for key, who, when, channel in world.touches]
    moved.members = [(is_now.get(who, who), *rest) for who, *rest in world.members if who != "b"]
    return moved


def publish(warehouse: Warehouse, run_seq: int, tables: dict[str, int], settings: Config) -> OpenWarehouse:
    lease = Lease.acquire(warehouse, LeaseRules())
    lease.publish(run_seq, dict(tables))
    write_published(warehouse, run_seq, dict(tables))
    return open_warehouse(warehouse.root, config=settings, spark=warehouse.spark)


# the sixth week: some accounts buy nothing in it, and some have bought before
SOME = (35 * oracle.DAY, 42 * oracle.DAY)


def asked_of_warehouse(
    warehouse: Warehouse, run_seq: int, tables: dict[str, int], settings: Config
) -> dict[str, list[Row]]:
    """What was written is published, and accounts are asked for with parameters, which makes them be computed."""
    opened = publish(warehouse, run_seq, tables, settings)
    days, (begin, end) = settings.attribution.lookback_days, SOME
    named = {"conversion": "order", "channel": "Email", "currency": "EUR"}
    asked = {
        "summary": opened.attribution(level="account", lookback_days=days),
        "credits": opened.attribute("full_path", level="account"),
        "journeys": opened.journey(level="account"),
        "some": opened.attribution("markov_global", level="account", converted_from=at(begin), converted_until=at(end)),
        **{
            f"members {table} {model}": opened.members(table, {"model": model, **named})
            for table, model in MEMBERS
            if table == "account_attribution" or settings.attribution.membership_at == "touch"
        },
    }
    other = open_warehouse(warehouse.root, config=config(Path(warehouse.root), lookback_days=7), spark=warehouse.spark)
    for level in settings.attribution.levels:
        with pytest.raises(ConfigError, match="attribution: is not what it was when this was published"):
            other.credits("set_shapley", level=level)
    return {name: rows.collect() for name, rows in asked.items()}


# a model whose credits are kept, and one of which the fit is
MEMBERS = [
    ("account_attribution", "linear"),
    ("account_attribution", "set_shapley"),
    ("attribution_summary", "set_shapley"),
]


def pooled(world: World) -> list[oracle.Touch]:
    """Each touch once for each account, or account above it, of which its person was a member then; and its own."""
    found = {
        (key, TOPS.get(account, account), when, channel)
        for key, person, when, channel in world.touches
        for member, account, begin, end in world.members
        if member == person and (begin is None or begin <= when) and (end is None or when < end)
    }
    own = {(key, TOPS.get(account, account), when, channel) for key, account, when, channel in world.own}
    return [oracle.Touch(*one) for one in sorted(found | own)]


def deal_id(spark: SparkSession, name: str) -> bytes:
    one = spark.createDataFrame([(bytearray(name.encode()),)], "key binary")
    return bytes(one.select(stable_id("opportunity deal", "key")).collect()[0][0])


def sold(spark: SparkSession, world: World) -> tuple[list[oracle.Conversion], list[oracle.Milestone]]:
    """Conversions of accounts, or of those above them, with won opportunities; and what was reached."""
    conversions = [
        oracle.Conversion(key, TOPS.get(str(account), account), when, value, None if value is None else "EUR", kind)
        for key, kind, _, account, when, value in world.conversions
    ]
    milestones = [
        oracle.Milestone(one.entity, "lead", one.at) for one in conversions if one.kind == "signup" and one.entity
    ]
    for name, account, opened, closed, won, value in world.opportunities:
        top = TOPS.get(account, account)
        milestones.append(oracle.Milestone(top, "opportunity", opened))
        if won and closed is not None:
            conversions.append(oracle.Conversion(deal_id(spark, name), top, closed, value, "USD", "deal"))
            milestones.append(oracle.Milestone(top, "close", closed))
    return conversions, milestones


def as_told(credited: list[Row]) -> set[oracle.Row]:
    return {
        (bytes(row.conversion_id), row.model, None if row.touch_id is None else bytes(row.touch_id), row.position,
         row.channel, int(row.weight * oracle.UNITS), row.credit_minor, row.currency)
        for row in credited
    }  # fmt: skip


def test_accounts_are_credited_over_the_touches_of_members_at_their_time(
    spark: SparkSession, world: World, done: dict[str, list[Any]]
) -> None:
    conversions, milestones = sold(spark, world)

    credited = done["account_credits"]
    found = as_told(credited)
    assert found == oracle.attribute(pooled(world), conversions, milestones, MODELS, oracle.Rules())
    assert len(found) == len(credited)
    assert {row.entity_level for row in credited} == {"account"}
    assert {row.account_id for row in credited} == {"group", "mill", "zoo", None}
    # a touch is named after whoever came
    came = {key: person for key, person, _, _ in world.touches} | {key: None for key, *_ in world.own}
    assert all(row.touch_user_id == (row.touch_id and came[bytes(row.touch_id)]) for row in credited)
    assert any(row.touch_id and row.touch_user_id is None for row in credited)
    assert any(row.touch_user_id and row.user_id and row.touch_user_id != row.user_id for row in credited)
    # in the reporting currency a dollar is half a euro
    deals = [row for row in credited if row.conversion == "deal" and row.model == "linear"]
    won = [value for _, _, _, closed, won, value in world.opportunities if won and closed is not None]
    assert sum(row.credit_minor for row in deals) == sum(won)
    assert sum(row.reporting_credit_minor for row in deals) == sum((value + 1) // 2 for value in won)
    in_all = sum(row.conversions for row in done["account_attribution"] if row.model == "linear")
    assert in_all == len(conversions)


def test_what_a_merge_and_a_membership_move_of_accounts_is_told(world: World, done: dict[str, list[Any]]) -> None:
    def by_touch(name: str) -> dict[tuple[bytes, str, bytes | None], Row]:
        return {(row.conversion_id, row.model, row.touch_id): row for row in done[name]}

    before, now = by_touch("account_credits"), by_touch("credits in the next run")
    told = by_touch("changes in the next run")
    facts = ("channel", "weight", "credit_minor", "currency", "account_id")
    moved = {
        key
        for key in before.keys() | now.keys()
        if [before.get(key) and before[key][name] for name in facts]
        != [now.get(key) and now[key][name] for name in facts]
    }

    assert told.keys() == moved
    assert len(told) == len(done["changes in the next run"])
    for key, row in told.items():
        was, is_now = before.get(key), now.get(key)
        assert (row.weight_before, row.weight) == (was.weight if was else 0, is_now.weight if is_now else 0)
        assert (row.credit_minor_before, row.credit_minor) == (was and was.credit_minor, is_now and is_now.credit_minor)
        assert (row.touch_user_id_before, row.touch_user_id) == (
            was and was.touch_user_id,
            is_now and is_now.touch_user_id,
        )
        assert row.run_seq == 2
    # of each path one reason: whoever merged comes first, else it is that b has left
    came = {key: person for key, person, _, _ in world.touches}
    for conversion, model in {(conversion, model) for conversion, model, _ in told}:
        rows = [row for key, row in told.items() if key[:2] == (conversion, model)]
        movers = {came.get(row.touch_id) for row in rows} & {"e", "f"}
        buyers = {row.user_id for row in rows} & {"e", "f"}
        assert {row.reason for row in rows} == {"merged" if movers or buyers else "membership"}
    assert {row.reason for row in told.values()} == {"merged", "membership"}


def touches_at(world: World, account: str | None, moment: float) -> list[oracle.Touch]:
    """The touches of whoever is a member of an account, or of one below it, at a moment; and its own."""
    members = {
        person
        for person, one, begin, end in world.members
        if TOPS.get(one, one) == account and (begin is None or begin <= moment) and (end is None or moment < end)
    }
    return [
        *(oracle.Touch(key, account, when, channel) for key, one, when, channel in world.touches if one in members),
        *(oracle.Touch(key, account, when, channel) for key, one, when, channel in world.own
          if TOPS.get(one, one) == account),
    ]  # fmt: skip


def test_accounts_are_credited_over_the_touches_of_members_at_the_conversion(
    spark: SparkSession, world: World, done: dict[str, list[Any]]
) -> None:
    conversions, milestones = sold(spark, world)
    expected: set[oracle.Row] = set()
    for one in conversions:
        seen = touches_at(world, one.entity, one.at)
        told = oracle.attribute(seen, conversions, milestones, MODELS, RULES["conversion"])
        expected |= {row for row in told if row[0] == one.id}

    credited = done["account_credits by conversion"]
    assert as_told(credited) == expected
    assert len(credited) == len(expected)
    assert expected != as_told(done["account_credits"])


def journeys_of(
    world: World, conversions: list[oracle.Conversion], membership: str, rules: oracle.Rules
) -> tuple[dict[Any, tuple[str, ...]], fitted_oracle.Paths]:
    """The path of each credited conversion, by its id; and of all paths conversions and journeys."""

    def path_of(one: oracle.Conversion, others: list[oracle.Conversion]) -> tuple[str, ...]:
        seen = touches_at(world, one.entity, one.at) if membership == "conversion" else pooled(world)
        return tuple(str(touch.channel) for touch in oracle.path_of(one, seen, others, rules))

    credited = oracle.credited(conversions, rules)
    paths = {one.id: path_of(one, conversions) for one in credited}
    counts: dict[tuple[str, ...], list[int]] = {}
    for path in paths.values():
        before = counts.setdefault(path, [0, 0])
        counts[path] = [before[0] + 1, before[1] + 1]
    last = (WATERMARK - START).total_seconds()
    end = last if rules.end is None else min(rules.end - 1e-6, last)
    there_are = {account for _, account, _, _ in world.members} | {account for _, account, _, _ in world.own}
    for account in sorted({TOPS.get(one, one) for one in there_are} - {one.entity for one in credited}):
        # as if it converted at the end, and had used up what led to anything before
        pretended = oracle.Conversion(None, account, end, None, None, oracle.ANY)  # type: ignore[arg-type]
        path = path_of(pretended, [one for one in conversions if one.at < end])
        counts.setdefault(path, [0, 0])[1] += 1
    return paths, {path: (n, of) for path, (n, of) in counts.items() if path}


def weights_of(
    conversions: list[oracle.Conversion], paths: dict[Any, tuple[str, ...]], counts: fitted_oracle.Paths
) -> dict[tuple[Any, ...], float]:
    """Credited conversions by model, kind, currency and channel."""
    effects = fitted_oracle.removal_effects(counts)
    found: dict[tuple[Any, ...], float] = defaultdict(float)
    for one in conversions:
        if one.id not in paths:
            continue
        path = paths[one.id]
        for channel in set(path) or {"(unattributed)"}:
            found["set_shapley", one.kind, one.currency, channel] += 1 / max(1, len(set(path)))
        shares = {name: effect / sum(effects.values()) for name, effect in effects.items()}
        for channel, share in shares.items() if path else [("(unattributed)", 1.0)]:
            found["markov_global", one.kind, one.currency, channel] += share
    return dict(found)


def told(rows: list[Row], models: Sequence[str] = FITTED) -> dict[tuple[Any, ...], float]:
    return {
        (row.model, row.conversion, row.currency, row.channel): float(row.conversions)
        for row in rows
        if row.model in models
    }


@pytest.mark.parametrize("membership", ["touch", "conversion"])
def test_models_are_fitted_on_the_journeys_of_accounts(
    spark: SparkSession, world: World, done: dict[str, list[Any]], membership: str
) -> None:
    conversions, _ = sold(spark, world)
    paths, counts = journeys_of(world, conversions, membership, RULES[membership])
    # accounts without a conversion are among them
    assert sum(of - n for n, of in counts.values()) >= 2

    rows = done["account_attribution" if membership == "touch" else "account_attribution by conversion"]
    assert told(rows) == pytest.approx(weights_of(conversions, paths, counts), abs=1e-6)
    effects = {row.channel: row.channel_value for row in rows if row.channel_value is not None}
    assert effects == pytest.approx(fitted_oracle.removal_effects(counts), abs=1e-6)
    for model in [*MODELS, *FITTED]:
        of_model = [row for row in rows if row.model == model and row.currency == "EUR"]
        assert sum(row.credit_minor or 0 for row in of_model) == sum(
            one.value or 0 for one in conversions if one.currency == "EUR"
        )


@pytest.mark.parametrize("membership", ["touch", "conversion"])
def test_the_warehouse_computes_of_accounts_what_the_run_wrote(done: dict[str, list[Any]], membership: str) -> None:
    suffix = "" if membership == "touch" else " by conversion"
    names = ("model", "conversion", "currency", "channel", "conversions", "credit_minor", "reporting_credit_minor",
             "n_touches", "entity_level")  # fmt: skip

    def rows_of(rows: list[Row]) -> list[Any]:
        return sorted((tuple(row[name] for name in names) for row in rows), key=str)

    assert rows_of(done[f"asked summary by {membership}"]) == rows_of(done[f"account_attribution{suffix}"])
    written = [row for row in done[f"account_credits{suffix}"] if row.model == "full_path"]
    assert as_told(done[f"asked credits by {membership}"]) == as_told(written)


@pytest.mark.parametrize("membership", ["touch", "conversion"])
def test_accounts_are_asked_for_within_a_report_range(
    spark: SparkSession, world: World, done: dict[str, list[Any]], membership: str
) -> None:
    conversions, _ = sold(spark, world)
    rules = replace(RULES[membership], start=SOME[0], end=SOME[1])
    paths, counts = journeys_of(world, conversions, membership, rules)
    assert 0 < len(paths) < len(conversions)

    expected = weights_of(conversions, paths, counts)
    found = told(done[f"asked some by {membership}"], ["markov_global"])
    assert found == pytest.approx({key: n for key, n in expected.items() if key[0] == "markov_global"}, abs=1e-6)


@pytest.mark.parametrize("membership", ["touch", "conversion"])
@pytest.mark.parametrize(("table", "model"), MEMBERS)
def test_who_is_in_a_number_of_attribution_are_as_many_as_it_says(
    world: World, done: dict[str, list[Any]], membership: str, table: str, model: str
) -> None:
    if table == "attribution_summary" and membership == "conversion":
        pytest.skip("of people there is no membership")
    said = [
        row.n_touches
        for row in done[table if membership == "touch" else f"{table} by conversion"]
        if (row.model, row.conversion, row.channel, row.currency) == (model, "order", "Email", "EUR")
    ]
    who = done[f"asked members {table} {model} by {membership}"]
    assert [len(who)] == said
    assert who
    whose = {key: (person, account) for key, _, person, account, _, _ in world.conversions}
    for row in who:
        person, account = whose[bytes(row.conversion_id)]
        assert row.entity_id == (person if table == "attribution_summary" else TOPS.get(str(account), account))


def test_spend_is_added_up_once_and_set_against_every_model(world: World, done: dict[str, list[Any]]) -> None:
    rows = {
        (row.model, row.conversion, row.interval_date, row.channel, row.currency): row
        for row in done["attribution_spend"]
    }
    march, april = date(2026, 3, 1), date(2026, 4, 1)
    for model in MODELS:
        for kind in ("order", "signup", "demo"):
            spent = {
                key[2:]: row.spend_minor for key, row in rows.items() if key[:2] == (model, kind) and row.spend_minor
            }
            # 301 cents are 150.5, half away from zero; the fifth row has no rate
            assert spent == {
                (march, "Email", "EUR"): 1151, (march, "Email", "USD"): 5, (april, "Email", "EUR"): 7,
                (april, "Cinema", "EUR"): 400, (april, "(unallocated)", "EUR"): 30, (None, "Email", "EUR"): 1158,
                (None, "Email", "USD"): 5, (None, "Cinema", "EUR"): 400, (None, "(unallocated)", "EUR"): 30,
            }  # fmt: skip
    summary = {(row.model, row.conversion, row.channel): row for row in done["attribution_summary"] if row.currency}
    for (model, kind, channel), credit in summary.items():
        row = rows[model, kind, None, channel, "EUR"]
        assert row.credit_minor == credit.reporting_credit_minor
    email = rows["linear", "signup", None, "Email", "EUR"]
    weight = sum(row.conversions for row in done["attribution_summary"]
                 if (row.model, row.conversion, row.channel) == ("linear", "signup", "Email"))  # fmt: skip
    assert email.conversions == weight > 0
    assert email.cpa_minor == 1158 / float(weight)
    cinema = rows["linear", "order", None, "Cinema", "EUR"]
    assert (cinema.conversions, cinema.cpa_minor, cinema.roas) == (0, None, 0.0)
    nobody = rows["linear", "order", None, "(unattributed)", "EUR"]
    assert (nobody.spend_minor, nobody.roas, nobody.cpa_minor) == (0, None, 0.0)
    without = [row for key, row in rows.items() if key[1] == "demo"]
    assert {row.model for row in without} == {*MODELS, *FITTED}
    assert {(row.conversions, row.cpa_minor, row.roas) for row in without} == {(0, None, 0.0)}
    assert {row.week_start for row in rows.values()} == {"sunday"}
    # by interval what is there in all
    for model in MODELS:
        parts = sum(row.conversions for key, row in rows.items() if key[0] == model and key[2] and key[4] == "EUR")
        assert parts == len(world.conversions)
    assert {key[2] for key in rows if key[0] == "set_shapley"} == {None}


def test_journeys_that_did_not_convert_end_at_the_watermark(world: World, done: dict[str, list[Any]]) -> None:
    converting = {person for _, _, person, _, _, _ in world.conversions}
    # a look-back of thirty days before the watermark, which is later than anything else
    begins = 45.5 * oracle.DAY
    paths: dict[tuple[str, ...], int] = {}
    for person in set(PEOPLE) - converting:
        mine = sorted((when, key, channel) for key, one, when, channel in world.touches if one == person)
        path = tuple(channel for when, _, channel in mine if when >= begins)
        if path:
            paths[path] = paths.get(path, 0) + 1
    found = {tuple(row.path): row.n_journeys - row.n_conversions for row in done["attribution_paths"]}
    assert {path: n for path, n in found.items() if n} == paths
    assert paths


def test_a_run_needs_no_model_whose_credits_add_up(done: dict[str, list[Any]]) -> None:
    def by_model(name: str) -> dict[str, set[tuple[Any, ...]]]:
        told: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
        for row in done[name]:
            told[row.model].add((row.conversion, row.currency, row.channel, row.conversions, row.credit_minor))
        return told

    # what the models give beside others
    beside = by_model("attribution_summary")
    assert by_model("answer of fitted") == {model: beside[model] for model in FITTED}
    assert {model for part in done["report of fitted"] for model in part.models} == set(FITTED)
    assert {part.conversion for part in done["report of fitted"]} == {"order", "signup"}


def test_long_paths_are_told_of_people_of_accounts_and_of_journeys(done: dict[str, list[Any]]) -> None:
    (told,), credited = done["metrics"], done["account_credits"]
    assert told["account_longest_path"] == max(row.path_length for row in credited) > LONG
    accounts = {row.account_id for row in credited if row.path_length > LONG}
    assert told["accounts_with_long_paths"] == len(accounts) > 0
    assert told["people_with_long_paths"] > 0
    # without credits, of journeys, whether they converted or not
    (told,), paths = done["metrics of fitted"], done["attribution_paths"]
    assert told["longest_path"] == max(len(row.path) for row in paths)
    assert told["journeys_with_long_paths"] == sum(row.n_journeys for row in paths if len(row.path) > LONG) > 0
    assert told["account_longest_path"] > LONG
    assert told["account_journeys_with_long_paths"] > 0
    assert "people_with_long_paths" not in told


@pytest.mark.parametrize("membership", ["touch", "conversion"])
def test_what_an_account_is_credited_stands_in_its_journey(done: dict[str, list[Any]], membership: str) -> None:
    rows = done[f"asked journeys by {membership}"]
    journeys = {(row.entity_id, row.id) for row in rows}
    assert len(journeys) == len(rows)
    credited = done["account_credits" if membership == "touch" else "account_credits by conversion"]
    owned = [row for row in credited if row.account_id]
    ids = {(row.account_id, bytes(one).hex()) for row in owned for one in (row.conversion_id, row.touch_id) if one}
    assert ids <= journeys
    # those of members alone, without roll-up, would be other ones
    assert {row.entity_id for row in rows} >= {"group", "mill", "zoo", "top of rest"}
    assert not {row.entity_id for row in rows} & set(TOPS)


def test_the_fit_and_spend_say_how_they_were_made(done: dict[str, list[Any]]) -> None:
    made = ("transforms", "entity_level", "lookback_days", "lookback", "zone")
    plain, complete_until = ("", "person", 30, "exact", "UTC"), WATERMARK.replace(tzinfo=None)
    for table in ("attribution_paths", "attribution_transitions", "attribution_removal_effects"):
        rows = done[table]
        assert {(*(row[name] for name in made), row.watermark) for row in rows} == {(*plain, complete_until)}, table
    spend = done["attribution_spend"]
    assert {tuple(row[name] for name in made) for row in spend} == {plain}
    # journeys that did not convert have a say in fitted models alone
    assert {(row.watermark, row.is_additive) for row in spend if row.model in FITTED} == {(complete_until, True)}
    assert {(row.watermark, row.is_additive) for row in spend if row.model in MODELS} == {(None, True)}
