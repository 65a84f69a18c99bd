"""Fitted models in the job: what is kept is what the functions find, and credits come from it again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.config import AttributionRules
from oneuser.contracts.marts import ATTRIBUTION_SUMMARY, CONVERSIONS, TOUCHES
from oneuser.marts.attribution import attribute, count_paths
from oneuser.marts.attribution.credit_rules import CreditRules
from oneuser.marts.attribution.credits import path_facts
from oneuser.marts.attribution.fitted_tables import (
    build_fitted_credits,
    build_fitted_summary,
    build_paths,
    find_journeys,
    find_unequal,
)
from oneuser.marts.provenance import Provenance
from tests.frames import assert_same_rows
from tests.spark.marts.histories import History, as_time

MADE = Provenance(params_id="p", identity_run=3)
MODELS = ("set_shapley", "markov_global")


def test_the_fit_gives_what_the_functions_give(spark: SparkSession) -> None:
    history = History(21, str)
    # several of which are more than 64 bits hold
    history.conversions = [
        replace(one, value=9 * 10**18, currency="EUR", kind="order") if one.value == 10**15 else one
        for one in history.conversions
    ]
    facts = {"params_id": "p", "identity_run": 1}
    touches = TOUCHES.frame(
        spark,
        [
            {
                "touch_id": one.id.encode(), "user_id": one.entity, "touched_at": as_time(one.at), "kind": "session",
                "channel": one.channel or "Unassigned", "channel_rule": "r", "source": "web", **facts,
            }
            for one in history.touches
            if one.entity
        ],
    )  # fmt: skip
    conversions = CONVERSIONS.frame(
        spark,
        [
            {
                "conversion_id": one.id.encode(), "conversion": one.kind, "message_key": b"m", "user_id": one.entity,
                "converted_at": as_time(one.at), "value_minor": one.value, "currency": one.currency,
                "is_value_invalid": False, **facts,
            }
            for one in history.conversions
        ],
    )  # fmt: skip
    rules = CreditRules.of(AttributionRules(models=MODELS, lookback_days=20), {})
    theirs = (
        touches.select(F.col("user_id").alias("entity_id"), "touch_id", "touched_at", "channel"),
        conversions.withColumnRenamed("user_id", "entity_id").withColumn(
            "value_minor", F.col("value_minor").cast("decimal(38,0)")
        ),
    )

    journeys = find_journeys(touches, conversions, rules=rules).persist()
    paths = build_paths(journeys, made=path_facts(rules, watermark=7), provenance=MADE).persist()
    summary = build_fitted_summary(journeys, paths, rules=rules, provenance=MADE, watermark=7).persist()

    assert_same_rows(paths.select("path", "n_conversions", "n_journeys"), count_paths(*theirs, lookback_days=20))
    assert paths.select("path_id").distinct().count() == paths.count()
    # people who did not convert are needed for the fit, and not for what is read
    read = build_fitted_credits(
        find_journeys(touches, conversions, rules=rules, with_unconverted=False), paths, specs=rules.fitted
    )
    expected = attribute(*theirs, models=MODELS, lookback_days=20).persist()
    assert_same_rows(read.select(*sorted(expected.columns)), expected.select(*sorted(expected.columns)))
    assert summary.columns == ATTRIBUTION_SUMMARY.columns
    assert sum(row.conversions for row in summary.collect()) == Decimal(len(history.conversions) * len(MODELS))
    largest = {model: max(row.credit_minor or 0 for row in summary.collect() if row.model == model) for model in MODELS}
    assert all(most > 1 << 63 for most in largest.values())
    values = {row.channel for row in summary.collect() if row.channel_value is not None and row.is_sampled is False}
    assert values == {row.channel for row in read.where("model = 'markov_global'").collect()} - {"(unattributed)"}
    assert {row.us for row in summary.select(F.unix_micros("watermark").alias("us")).collect()} == {7}
    assert find_unequal(summary, conversions).collect() == []
    wrong = summary.withColumn(
        "credit_minor", F.when(F.col("channel") == "Email", F.lit(1)).otherwise(F.col("credit_minor"))
    )
    assert {row.model for row in find_unequal(wrong, conversions).collect()} == set(MODELS)
