"""Agreement of models, sensitivity to the look-back, and intervals over drawn people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.attribution import attribute, bootstrap_intervals, lookback_sensitivity, model_agreement
from tests.frames import assert_rows

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def touches(spark: SparkSession) -> DataFrame:
    """Everybody comes by e-mail, every second one also by search; who does, buys more often."""
    rows = [(f"p{n}", 2 * n, START, "Email") for n in range(40)]
    rows += [(f"p{n}", 2 * n + 1, START + timedelta(days=9), "Search") for n in range(0, 40, 2)]
    return spark.createDataFrame(rows, "entity_id string, touch_id int, touched_at timestamp, channel string")


@pytest.fixture(scope="module")
def conversions(spark: SparkSession) -> DataFrame:
    buyers = [n for n in range(40) if n % 4 == 0 or n % 10 == 1]
    rows = [(n, f"p{n}", START + timedelta(days=10), 100, "EUR") for n in buyers]
    return spark.createDataFrame(
        rows, "conversion_id int, entity_id string, converted_at timestamp, value_minor bigint, currency string"
    )


def test_models_agree_as_far_as_their_shares_are_alike(spark: SparkSession) -> None:
    credited = spark.createDataFrame(
        [("first", "A", 3.0), ("last", "A", 1.0), ("last", "B", 1.0), ("last", "C", 2.0), ("none", "D", 1.0)],
        "model string, channel string, weight double",
    )
    assert_rows(
        model_agreement(credited),
        "model string, other_model string, agreement double",
        ("first", "last", 0.25),
        ("first", "none", 0.0),
        ("last", "none", 0.0),
    )
    # one that credits nothing has no shares
    nothing = credited.withColumns({"model": F.lit("nothing"), "weight": F.lit(0.0)})
    assert model_agreement(credited.unionByName(nothing)).count() == 3


def test_agreement_is_the_same_however_rows_are_divided(spark: SparkSession) -> None:
    chance = Random(3)
    rows = [(chance.choice("ab"), chance.choice("ABCDEFG"), chance.random()) for _ in range(400)]
    # in two orders, and in one part or several
    found = {
        model_agreement(spark.createDataFrame(some, "model string, channel string, weight double").repartition(n))
        .collect()[0]
        .agreement
        for some, n in [(rows, 1), (rows[::-1], 1), (rows, 5)]
    }
    assert len(found) == 1


def test_each_look_back_is_what_attribute_says_of_it(touches: DataFrame, conversions: DataFrame) -> None:
    found = lookback_sensitivity(touches, conversions, lookbacks=(2, 30), models=["first"]).collect()

    # ten of the fourteen were searching the day before, and came by e-mail ten days before
    assert {(row.lookback_days, row.channel): (float(row.conversions), row.credit_minor) for row in found} == {
        (2.0, "Search"): (10.0, 1000),
        (2.0, "(unattributed)"): (4.0, 400),
        (30.0, "Email"): (14.0, 1400),
    }


@pytest.mark.parametrize("model", ["markov_global", "rate_shapley"])
def test_intervals_hold_the_share_and_depend_on_nothing_but_the_seed(
    touches: DataFrame, conversions: DataFrame, model: str
) -> None:
    def intervals(rows: DataFrame) -> dict[str, tuple[float, ...]]:
        drawn = bootstrap_intervals(rows, conversions, model=model, samples=40, seed=7).collect()
        return {row.channel: (row.share, row.share_low, row.share_high, row.n_samples) for row in drawn}

    found = intervals(touches)

    credited = attribute(touches, conversions, models=[model]).collect()
    total = sum(float(row.weight) for row in credited)
    assert {channel: share for channel, (share, *_) in found.items()} == pytest.approx(
        {row.channel: float(row.weight) / total for row in credited}
    )
    for share, low, high, n_samples in found.values():
        assert low <= share <= high
        assert (n_samples, low < high) == (40, True)
    assert intervals(touches.repartition(3)) == found


def test_what_cannot_be_asked_for_is_told(touches: DataFrame, conversions: DataFrame) -> None:
    with pytest.raises(ConfigError) as told:
        bootstrap_intervals(touches, conversions, model="linear", samples=0, level=2.0)
    assert {one.key for one in told.value.problems} == {"model", "samples", "level"}
    with pytest.raises(ConfigError, match="each once"):
        lookback_sensitivity(touches, conversions, lookbacks=(7, 7))
