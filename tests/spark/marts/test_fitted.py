"""Fitted models on Spark against their definitions over tables of paths."""

from __future__ import annotations

from functools import reduce
from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.attribution import fitted
from oneuser.marts.attribution.fitted.markov import share_by_effect
from tests.frames import assert_rows, assert_same_rows
from tests.oracle import fitted as oracle

PATHS = "path array<string>, n_conversions bigint, n_journeys bigint"
SHARES = "path array<string>, position int, share double"
CHANNELS = "channel string, share double, value double"
OF_PATHS = ("markov_path", "counterfactual", "set_shapley")
OF_CHANNELS = ("markov_global", "rate_shapley")
# names that states are called by or joined with, and one whose order is not that of its length
NAMES = ["(start)", "(null)", "a > b", "a", "\\a", "ä"]
STATES = {"(start)": r"\(start)", "(null)": r"\(null)", "a > b": r"a \> b", "a": "a", "\\a": r"\\a", "ä": "ä"}


def frame(spark: SparkSession, paths: oracle.Paths) -> DataFrame:
    return spark.createDataFrame([(list(path), *numbers) for path, numbers in paths.items()], PATHS)


def together(named: dict[str, DataFrame]) -> dict[tuple[Any, ...], Any]:
    """Rows of several frames in one job, each with its name: the last column by all others."""
    rows = reduce(DataFrame.unionAll, [one.select(F.lit(name), *one.columns) for name, one in named.items()])
    return {
        tuple(tuple(cell) if isinstance(cell, list) else cell for cell in row[:-1]): row[-1] for row in rows.collect()
    }


@pytest.fixture(scope="module")
def table() -> oracle.Paths:
    """Random paths, a path without touches that would change everything, and a very long one."""
    chance = Random(11)
    paths = oracle.random_paths(chance, NAMES, n_paths=80, longest=4)
    paths |= {(): (5000, 10000), tuple(chance.choices(NAMES, k=5000)): (1, 3)}
    return paths


@pytest.fixture(scope="module")
def paths(spark: SparkSession, table: oracle.Paths) -> DataFrame:
    return frame(spark, table).repartition(3)


def test_transitions_have_the_probabilities_and_names_that_they_should(table: oracle.Paths, paths: DataFrame) -> None:
    def name(state: oracle.State | str) -> str:
        if isinstance(state, str):
            return {oracle.CONVERTED: "(conversion)", oracle.LOST: "(null)"}[state]
        return " > ".join(STATES[channel] for channel in state if channel != oracle.BEFORE) or "(start)"

    expected = {}
    for order in (1, 2):
        counts = oracle.count_transitions(table, order)
        for (state, following), n in counts.items():
            total = sum(other for (one, _), other in counts.items() if one == state)
            expected[str(order), name(state), name(following)] = n / total

    found = together({str(order): fitted.transitions(paths, order) for order in (1, 2)})

    assert found == expected


def test_channels_have_the_shares_that_they_should(table: oracle.Paths, paths: DataFrame) -> None:
    effects = {order: oracle.removal_effects(table, order) for order in (1, 2)}
    values = {channel: float(value) for channel, value in oracle.shapley_values(table).items()}
    expected = {("effect", channel): effect for channel, effect in effects[2].items()}
    for model, by_channel in {"markov 1": effects[1], "markov 2": effects[2], "shapley": values}.items():
        for channel, value in by_channel.items():
            expected[model, channel, "share"] = value / sum(by_channel.values())
            expected[model, channel, "value"] = value

    shares = {
        "markov 1": fitted.channel_shares(paths, "markov_global"),
        "markov 2": fitted.channel_shares(paths, "markov_global", order=2),
        "shapley": fitted.channel_shares(paths, "rate_shapley"),
    }
    found = together({"effect": fitted.removal_effects(paths, 2)})
    found |= together(
        {name: one.unpivot("channel", ["share", "value"], "of", "number") for name, one in shares.items()}
    )

    assert found == pytest.approx(expected, rel=1e-9)


def test_touches_have_the_shares_that_they_should(table: oracle.Paths, paths: DataFrame) -> None:
    expected = {
        (model, *of_touch): share for model in OF_PATHS for of_touch, share in oracle.path_shares(table, model).items()
    }

    shares = together({model: fitted.path_share_arrays(paths, model) for model in OF_PATHS})

    found = {(*key, place): share for key, of_path in shares.items() for place, share in enumerate(of_path, start=1)}
    assert found == pytest.approx(expected, rel=1e-9)
    assert [sum(of_path) for of_path in shares.values()] == pytest.approx([1.0] * len(shares), abs=1e-12)


def test_nothing_depends_on_how_rows_lie(spark: SparkSession) -> None:
    table = oracle.random_paths(Random(12), [f"channel {number}" for number in range(15)], n_paths=150)
    shuffled = dict(Random(13).sample(list(table.items()), len(table)))

    def everything(paths: DataFrame) -> DataFrame:
        by_touch = [fitted.path_share_arrays(paths, model) for model in ("markov_path", "counterfactual")]
        by_channel = fitted.channel_shares(paths, "rate_shapley", samples=30)
        return reduce(
            DataFrame.unionAll,
            [
                one.select(F.concat_ws(",", "path"), F.concat_ws(",", F.col("shares").cast("array<string>")))
                for one in by_touch
            ],
            by_channel.select(
                "channel", F.concat_ws(",", F.col("share").cast("string"), F.col("value").cast("string"))
            ),
        )

    assert_same_rows(everything(frame(spark, shuffled).repartition(5)), everything(frame(spark, table).coalesce(1)))


def test_without_conversions_all_is_defined(spark: SparkSession) -> None:
    lost = frame(spark, {("a", "b", "a"): (0, 3), ("c",): (0, 1), (): (7, 7)})

    found = together({model: fitted.path_shares(lost, model).where("path[0] = 'a'") for model in OF_PATHS})
    channels = fitted.channel_shares(lost, "markov_global").unionAll(fitted.channel_shares(lost, "rate_shapley"))

    path = ("a", "b", "a")
    assert found == {
        **{("markov_path", path, place): 1 / 3 for place in (1, 2, 3)},
        **{("counterfactual", path, place): share for place, share in enumerate([0.0, 0.0, 1.0], start=1)},
        **{("set_shapley", path, place): share for place, share in enumerate([0.25, 0.5, 0.25], start=1)},
    }
    assert_rows(channels, CHANNELS, *[(channel, None, 0.0) for channel in "abc"] * 2)


def test_without_paths_there_are_no_rows(spark: SparkSession) -> None:
    nothing = frame(spark, {(): (1, 2)})
    by_touch = reduce(DataFrame.unionAll, [fitted.path_shares(nothing, model) for model in OF_PATHS])
    by_channel = reduce(DataFrame.unionAll, [fitted.channel_shares(nothing, model) for model in OF_CHANNELS])

    assert_rows(by_touch, SHARES)
    assert_rows(by_channel, CHANNELS)
    assert_rows(fitted.transitions(nothing), "from_state string, to_state string, probability double")


def test_a_channel_that_was_not_fitted_has_no_effect(spark: SparkSession) -> None:
    effects = spark.createDataFrame([("a", 0.5), ("b", 0.25)], "channel string, removal_effect double")

    shares = share_by_effect(frame(spark, {("a", "new", "b", "b"): (1, 1), ("new", "new"): (1, 1)}), effects)

    assert_rows(
        shares,
        "path array<string>, shares array<double>",
        (["a", "new", "b", "b"], [0.5, 0.0, 0.25, 0.25]),
        (["new", "new"], [0.5, 0.5]),
    )


def test_what_cannot_be_asked_for_is_refused(spark: SparkSession) -> None:
    paths = frame(spark, {("a",): (1, 1)})

    with pytest.raises(ConfigError, match="no 'markov_global' here, only markov_path, counterfactual, set_shapley"):
        fitted.path_shares(paths, "markov_global")
    with pytest.raises(ConfigError, match="order: 0 is below 1"):
        fitted.transitions(paths, 0)
    with pytest.raises(ConfigError, match="samples: 0 is below 1"):
        fitted.channel_shares(paths, "rate_shapley", samples=0)
    with pytest.raises(ConfigError, match="exact_up_to: 21 is not between 0 and 20"):
        fitted.channel_shares(paths, "rate_shapley", exact_up_to=21)
    with pytest.raises(TypeError, match="order"):
        fitted.path_shares(paths, "set_shapley", order=2)
