"""Credits against a quadratic walk over random touches and conversions; the check against planted damage."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from oneuser.config import AttributionRules
from oneuser.contracts.marts import ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY, CONVERSIONS, TOUCHES
from oneuser.marts.attribution.credits import build_credits, build_summary, count_broken, measure_totals
from oneuser.marts.attribution.models import WEIGHT_UNITS, ModelRules, deal_out, shares
from oneuser.marts.provenance import Provenance
from tests.frames import assert_rows, assert_same_rows

START = datetime(2026, 3, 1, tzinfo=UTC)
MADE = Provenance(params_id="p", identity_run=3)
RULES = ModelRules.of(AttributionRules())
LOOKBACK = timedelta(days=30)
MICROSECOND = timedelta(microseconds=1)
EXCLUDED = "Direct"

Touch = dict[str, Any]
Conversion = dict[str, Any]


def random_touches(chance: random.Random) -> list[Touch]:
    return [
        {
            "touch_id": number.to_bytes(16, "big"),
            "user_id": chance.choice(["a", "b", "c", "never converts"]),
            "touched_at": START + timedelta(days=chance.randrange(80)),
            "kind": "session",
            "channel": chance.choice(["Direct", "Email", "Paid Search"]),
            "channel_rule": "r",
            "source": "web",
            "params_id": "p",
            "identity_run": 1,
        }
        for number in chance.sample(range(900), 150)
    ]


def random_conversions(chance: random.Random) -> list[Conversion]:
    """Often exactly at a touch, or exactly a look-back after one, or a microsecond beside that."""
    return [
        {
            "conversion_id": number.to_bytes(16, "big"),
            "conversion": chance.choice(["order", "signup"]),
            "message_key": number.to_bytes(16, "big"),
            "user_id": chance.choice([None, "a", "b", "c", "c", "without touches"]),
            "account_id": "acme",
            "converted_at": START + timedelta(days=chance.randrange(100)) + chance.choice([0, 0, 1, -1]) * MICROSECOND,
            "value_minor": chance.choice([None, 0, 1, 7, 9999, -500, 10**15]),
            "currency": chance.choice([None, "EUR", "USD"]),
            "is_value_invalid": False,
            "params_id": "p",
            "identity_run": 1,
        }
        for number in chance.sample(range(900), 80)
    ]


def credits_by_hand(touches: list[Touch], conversions: list[Conversion]) -> dict[tuple[bytes, str, int], Any]:
    """Every conversion with every touch, by the definition."""
    found: dict[tuple[bytes, str, int], Any] = {}
    for conversion in conversions:
        at, value = conversion["converted_at"], conversion["value_minor"]
        path = sorted(
            (touch["touched_at"], touch["touch_id"], touch["channel"])
            for touch in touches
            if touch["user_id"] == conversion["user_id"]
            and at - LOOKBACK <= touch["touched_at"] <= at
            and touch["channel"] != EXCLUDED
        )
        for model in RULES.models:
            if not path:
                found[conversion["conversion_id"], model, 0] = (0, None, "(unattributed)", WEIGHT_UNITS, value)
                continue
            by = shares(model, [(at - touched) // MICROSECOND for touched, _, _ in path], RULES)
            weights = deal_out(WEIGHT_UNITS, by)
            credit = [None] * len(by) if value is None else deal_out(value, by)
            for place, (_, touch_id, channel) in enumerate(path, start=1):
                if weights[place - 1] or credit[place - 1]:
                    found[conversion["conversion_id"], model, place] = (
                        len(path), touch_id, channel, weights[place - 1], credit[place - 1],
                    )  # fmt: skip
    return found


def frame(spark: SparkSession, contract: Any, rows: list[dict[str, Any]]) -> DataFrame:
    return spark.createDataFrame([tuple(row.get(name) for name in contract.columns) for row in rows], contract.schema)


@pytest.fixture(scope="module")
def inputs(spark: SparkSession) -> tuple[list[Touch], list[Conversion], DataFrame, DataFrame]:
    chance = random.Random(5)
    touches, conversions = random_touches(chance), random_conversions(chance)
    return touches, conversions, frame(spark, TOUCHES, touches), frame(spark, CONVERSIONS, conversions)


@pytest.fixture(scope="module")
def credited(inputs: tuple[list[Touch], list[Conversion], DataFrame, DataFrame]) -> DataFrame:
    _, _, touches, conversions = inputs
    return build_credits(
        touches, conversions, rules=RULES, lookback_days=30, exclude_channels=[EXCLUDED], provenance=MADE
    ).persist()


def test_credits_are_those_of_the_definition(
    inputs: tuple[list[Touch], list[Conversion], DataFrame, DataFrame], credited: DataFrame
) -> None:
    touches, conversions, _, _ = inputs
    expected = credits_by_hand(touches, conversions)

    rows = credited.collect()

    assert credited.columns == ATTRIBUTION_CREDITS.columns
    assert_rows(
        credited.select(
            "conversion_id", "model", "position", "path_length", "touch_id", "channel",
            (F.col("weight") * F.lit(WEIGHT_UNITS)).cast("bigint").alias("weight_units"), "credit_minor",
        ),
        "conversion_id binary, model string, position int, path_length int, touch_id binary, channel string, "
        "weight_units bigint, credit_minor bigint",
        *((*key, *facts) for key, facts in expected.items()),
    )  # fmt: skip
    # the data holds what it is meant to hold
    assert max(row.path_length for row in rows) > 3
    by_id = {conversion["conversion_id"]: conversion for conversion in conversions}
    at_once = [row for row in rows if row.touched_at == row.converted_at]
    longest_ago = [row for row in rows if row.touched_at and row.converted_at - row.touched_at == LOOKBACK]
    assert at_once
    assert longest_ago
    assert all(row.user_id == by_id[bytes(row.conversion_id)]["user_id"] for row in rows)


def test_the_same_rows_in_other_partitions_give_the_same_credits(
    inputs: tuple[list[Touch], list[Conversion], DataFrame, DataFrame], credited: DataFrame
) -> None:
    _, _, touches, conversions = inputs
    again = build_credits(
        touches.repartition(5).orderBy(F.desc("touch_id")),
        conversions.repartition(3),
        rules=RULES,
        lookback_days=30,
        exclude_channels=[EXCLUDED],
        provenance=MADE,
    )

    assert_same_rows(again, credited)


def test_the_summary_adds_credits_up(credited: DataFrame) -> None:
    rows = credited.collect()

    def group(row: Row) -> tuple[str, ...]:
        return row.model, row.conversion, row.channel, row.currency or ""

    expected = []
    for name, grouped in groupby(sorted(rows, key=group), key=group):
        mine = list(grouped)
        values = [row.credit_minor for row in mine if row.credit_minor is not None]
        n_touches = sum(row.touch_id is not None for row in mine)
        weight = sum((row.weight for row in mine), Decimal(0))
        expected.append((*name[:3], name[3] or None, weight, sum(values) if values else None, n_touches))

    summary = build_summary(credited, provenance=MADE)

    assert summary.columns == ATTRIBUTION_SUMMARY.columns
    assert_rows(
        summary.drop("entity_level", "lookback_days", "params_id", "identity_run"),
        "model string, conversion string, channel string, currency string, conversions decimal(30,12), "
        "credit_minor bigint, n_touches bigint",
        *expected,
    )


def test_what_is_credited_is_what_there_was_and_damage_is_found(
    inputs: tuple[list[Touch], list[Conversion], DataFrame, DataFrame], credited: DataFrame
) -> None:
    _, plain, _, conversions = inputs

    def n_broken(rows: DataFrame) -> int:
        return int(count_broken(rows, conversions, models=RULES.models).collect()[0].n_broken)

    whole = measure_totals(credited, conversions, models=RULES.models).collect()[0]
    assert (whole.n_conversions, n_broken(credited)) == (len(plain), 0)
    assert whole.n_credits == credited.count()
    assert {whole[f"credit_{model}"] for model in RULES.models} == {whole.value}
    assert whole.value == sum(conversion["value_minor"] or 0 for conversion in plain)

    # a row lost, a cent too many, and a conversion that does not exist: in three conversions
    key = ["conversion_id", "model", "position"]
    rows = credited.where(F.col("credit_minor") > F.lit(1)).orderBy(*key)
    lost, changed, *_ = {row.conversion_id: row for row in rows.collect()}.values()
    is_lost, is_changed = (
        (F.col("conversion_id") == F.lit(bytes(row.conversion_id)))
        & (F.col("model") == F.lit(row.model))
        & (F.col("position") == F.lit(row.position))
        for row in (lost, changed)
    )
    a_cent_more = F.when(is_changed, F.col("credit_minor") + F.lit(1)).otherwise(F.col("credit_minor"))
    strange = credited.where(is_changed).withColumn("conversion_id", F.lit(b"unknown"))
    damaged = credited.where(~is_lost).withColumn("credit_minor", a_cent_more).unionByName(strange)
    assert n_broken(damaged) == 1 + 1 + len(RULES.models)


def test_without_conversions_nothing_is_credited(spark: SparkSession) -> None:
    credited = build_credits(
        TOUCHES.empty(spark), CONVERSIONS.empty(spark), rules=RULES, lookback_days=30, provenance=MADE
    )
    nothing = CONVERSIONS.empty(spark)
    measured = measure_totals(credited, nothing, models=RULES.models).collect()[0]

    assert credited.collect() == []
    assert build_summary(credited, provenance=MADE).collect() == []
    assert (measured.n_conversions, measured.n_credits, measured.value) == (0, 0, None)
    assert count_broken(credited, nothing, models=RULES.models).collect()[0].n_broken == 0
