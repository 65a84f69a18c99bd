"""Credits against a quadratic walk over random touches and conversions; the check against planted damage."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from oneuser.config import AttributionRules, Conversion
from oneuser.contracts.marts import ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY, CONVERSIONS, TOUCHES
from oneuser.marts.attribution.credit_rules import CreditRules
from oneuser.marts.attribution.credits import (
    build_credits,
    build_summary,
    count_broken,
    count_with_long_paths,
    measure_totals,
    only_counted,
    sum_credits,
)
from oneuser.marts.provenance import Provenance
from tests.frames import assert_rows
from tests.oracle import attribution as oracle

START = datetime(2026, 3, 1, tzinfo=UTC)
MADE = Provenance(params_id="p", identity_run=3)
KINDS = {"order": Conversion(event="Order", milestone="close"), "signup": Conversion(event="Signup", milestone="lead")}
MODELS = ("first", "last", "linear", "position", "lead_u", "participation")
ADDITIVE = MODELS[:-1]
CASES = {
    "every": ({"exclude_channels": ("direct",)}, oracle.Rules(exclude=("Direct",))),
    "first": (
        {"conversion_scope": "first_per_entity", "reset_at_conversion": True, "transforms": ("exposure",)},
        oracle.Rules(first_per_entity=True, reset=True, transform="exposure"),
    ),
}


def rules_of(case: str) -> CreditRules:
    return CreditRules.of(AttributionRules(models=MODELS, **CASES[case][0]), KINDS)  # type: ignore[arg-type]


def random_history(seed: int) -> tuple[list[oracle.Touch], list[oracle.Conversion]]:
    """Conversions are often exactly at a touch, or exactly a look-back after one, or a second beside that."""
    chance = random.Random(seed)
    touches = [
        oracle.Touch(
            number.to_bytes(16, "big"),
            chance.choice(["a", "b", "c", "never converts"]),
            chance.randrange(80) * oracle.DAY,
            chance.choice(["Direct", "Email", "Paid Search"]),
        )
        for number in chance.sample(range(900), 150)
    ]
    conversions = [
        oracle.Conversion(
            number.to_bytes(16, "big"),
            chance.choice([None, "a", "b", "c", "c", "without touches"]),
            chance.randrange(100) * oracle.DAY + chance.choice([0, 0, 1, -1]),
            chance.choice([None, 0, 1, 7, 9999, -500, 9 * 10**18, 9 * 10**18]),
            chance.choice([None, "EUR", "USD"]),
            chance.choice(["order", "signup"]),
        )
        for number in chance.sample(range(900), 80)
    ]
    return touches, conversions


def frames(
    spark: SparkSession, touches: list[oracle.Touch], conversions: list[oracle.Conversion]
) -> tuple[DataFrame, DataFrame]:
    made = {"params_id": "p", "identity_run": 1}
    return (
        TOUCHES.frame(
            spark,
            [
                {
                    "touch_id": one.id, "user_id": one.entity, "touched_at": START + timedelta(seconds=one.at),
                    "kind": "session", "channel": one.channel, "channel_rule": "r", "source": "web", **made,
                }
                for one in touches
            ],
        ),
        CONVERSIONS.frame(
            spark,
            [
                {
                    "conversion_id": one.id, "conversion": one.kind, "message_key": one.id, "user_id": one.entity,
                    "account_id": "acme", "converted_at": START + timedelta(seconds=one.at), "value_minor": one.value,
                    "currency": one.currency, "is_value_invalid": False, **made,
                }
                for one in conversions
            ],
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def inputs(spark: SparkSession) -> tuple[list[oracle.Touch], list[oracle.Conversion], DataFrame, DataFrame]:
    touches, conversions = random_history(5)
    return touches, conversions, *frames(spark, touches, conversions)


@pytest.fixture(scope="module")
def credited(inputs: tuple[list[oracle.Touch], list[oracle.Conversion], DataFrame, DataFrame]) -> DataFrame:
    _, _, touches, conversions = inputs
    return build_credits(touches, conversions, rules=rules_of("every"), provenance=MADE).persist()


@pytest.mark.parametrize("case", CASES)
def test_credits_are_those_of_the_definition(
    inputs: tuple[list[oracle.Touch], list[oracle.Conversion], DataFrame, DataFrame], credited: DataFrame, case: str
) -> None:
    touches, conversions, touched, converted = inputs
    roles = {"order": "close", "signup": "lead"}
    milestones = [oracle.Milestone(one.entity, roles[one.kind], one.at) for one in conversions if one.entity]
    expected = oracle.attribute(touches, conversions, milestones, MODELS, CASES[case][1])

    rules = rules_of(case)
    # other partitions, and another order
    rows = (
        credited
        if case == "every"
        else build_credits(
            touched.repartition(5).orderBy(F.desc("touch_id")), converted.repartition(3), rules=rules, provenance=MADE
        )
    )

    assert rows.columns == ATTRIBUTION_CREDITS.columns
    assert_rows(
        rows.select(
            "conversion_id", "model", "touch_id", "position", "channel",
            (F.col("weight") * F.lit(oracle.UNITS)).cast("bigint").alias("weight_units"), "credit_minor", "currency",
        ),
        "conversion_id binary, model string, touch_id binary, position int, channel string, weight_units bigint, "
        "credit_minor bigint, currency string",
        *expected,
    )  # fmt: skip
    # the data holds what it is meant to hold
    seen = rows.collect()
    by_id = {one.id: one for one in conversions}
    assert max(row.path_length for row in seen) > 3
    assert all(row.user_id == by_id[bytes(row.conversion_id)].entity for row in seen)
    assert {row.model for row in seen if not row.is_additive} == {"participation"}
    assert {row.transforms for row in seen} == {"exposure" if case == "first" else ""}
    if case == "every":
        assert any(row.touched_at == row.converted_at for row in seen)
        assert any(row.touched_at and row.converted_at - row.touched_at == timedelta(days=30) for row in seen)
    else:
        counted = only_counted(converted, rules=rules).select("conversion_id").collect()
        assert sorted(bytes(row.conversion_id) for row in counted) == sorted({row[0] for row in expected})


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
        expected.append((*name[:3], name[3] or None, weight, Decimal(sum(values)) if values else None, n_touches))

    summary = build_summary(sum_credits(credited), rules=rules_of("every"), provenance=MADE)

    assert summary.columns == ATTRIBUTION_SUMMARY.columns
    # journeys that did not convert have no say in these models
    assert {(row.lookback, row.zone, row.watermark) for row in summary.collect()} == {("exact", "UTC", None)}
    assert_rows(
        summary.drop(
            "reporting_credit_minor",
            "reporting_currency",
            "channel_value",
            "is_sampled",
            "is_negative",
            "is_additive",
            "transforms",
            "entity_level",
            "lookback_days",
            "lookback",
            "zone",
            "watermark",
            "params_id",
            "identity_run",
        ),
        "model string, conversion string, channel string, currency string, conversions decimal(30,12), "
        "credit_minor decimal(38,0), n_touches bigint",
        *expected,
    )


def test_what_is_credited_is_what_there_was_and_damage_is_found(
    inputs: tuple[list[oracle.Touch], list[oracle.Conversion], DataFrame, DataFrame], credited: DataFrame
) -> None:
    _, plain, _, conversions = inputs

    def n_broken(rows: DataFrame) -> int:
        return int(count_broken(rows, conversions, models=ADDITIVE).collect()[0].n_broken)

    whole = measure_totals(sum_credits(credited), conversions, models=ADDITIVE).collect()[0]
    assert (whole.n_conversions, n_broken(credited)) == (len(plain), 0)
    assert whole.n_credits == credited.count()
    assert {whole[f"credit_minor_{n}"] for n in range(len(ADDITIVE))} == {whole.value_minor}
    assert whole.value_minor == sum(conversion.value or 0 for conversion in plain)

    # a row lost, a cent too many, and a conversion that does not exist: in three conversions
    key = ["conversion_id", "model", "position"]
    rows = credited.where((F.col("credit_minor") > F.lit(1)) & F.col("is_additive")).orderBy(*key)
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
    assert n_broken(damaged) == 1 + 1 + len(ADDITIVE)
    # fitted models have no credits, and those of participation do not add up
    assert count_broken(damaged, conversions, models=[]).collect()[0].n_broken == 0
    assert measure_totals(sum_credits(damaged), conversions, models=[]).collect()[0].value_minor == whole.value_minor


def test_without_conversions_nothing_is_credited(spark: SparkSession) -> None:
    credited = build_credits(TOUCHES.empty(spark), CONVERSIONS.empty(spark), rules=rules_of("every"), provenance=MADE)
    nothing = CONVERSIONS.empty(spark)
    measured = measure_totals(sum_credits(credited), nothing, models=ADDITIVE).collect()[0]

    assert credited.collect() == []
    assert build_summary(sum_credits(credited), rules=rules_of("every"), provenance=MADE).collect() == []
    assert (measured.n_conversions, measured.n_credits, measured.value_minor) == (0, 0, None)
    assert count_broken(credited, nothing, models=ADDITIVE).collect()[0].n_broken == 0


def test_people_with_long_paths_are_counted(credited: DataFrame) -> None:
    rows = credited.collect()
    longest = max(row.path_length for row in rows)

    for above in (longest, longest - 1, 1):
        expected = {row.user_id for row in rows if row.path_length > above}
        assert count_with_long_paths(credited, above=above).collect()[0].n_entities == len(expected)
