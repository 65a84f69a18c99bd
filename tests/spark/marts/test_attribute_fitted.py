"""Credits by fitted models: their shares, dealt out over conversions so that everything adds up."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import types as T

from oneuser.marts.attribution import attribute, count_paths, fitted, removal_effects, transitions
from tests.oracle.attribution import (
    DAY,
    UNITS,
    Conversion,
    Rules,
    Touch,
    credited,
    largest_remainder,
    name_of,
    path_of,
    paths_of,
)
from tests.spark.marts.histories import IDS, History, rows_of

RULES = Rules(lookback=20 * DAY, transform="exposure")
PARAMETERS: dict[str, Any] = {"lookback_days": 20, "transforms": "exposure"}


def gains(path: tuple[str, ...], paths: dict[tuple[str, ...], tuple[int, int]]) -> list[Fraction]:
    """Counterfactual: what the rate of a path would lose without each channel, divided over its touches."""

    def rate(one: tuple[str, ...]) -> Fraction:
        conversions, journeys = paths.get(one, (0, 0))
        return Fraction(conversions, journeys) if journeys else Fraction(0)

    loss = {
        channel: max(Fraction(0), rate(path) - rate(tuple(each for each in path if each != channel)))
        for channel in path
    }
    if not any(loss.values()):
        return [Fraction(int(place == len(path) - 1)) for place in range(len(path))]
    whole = sum(loss.values())
    return [loss[channel] / whole / path.count(channel) for channel in path]


def equal_parts(path: tuple[str, ...]) -> list[Fraction]:
    return [Fraction(1, len(set(path)) * path.count(channel)) for channel in path]


def test_every_touch_gets_the_share_of_its_place_in_its_path(spark: SparkSession) -> None:
    dtype, ids = IDS["binary"]
    history = History(11, ids)
    touches, conversions, _ = history.frames(spark, dtype)
    paths = paths_of(history.touches, history.conversions, RULES)

    found = rows_of(
        attribute(touches, conversions, models=["first", "counterfactual", "set_shapley", "markov_path"], **PARAMETERS)
    )

    by_conversion: dict[tuple[Any, str], list[tuple[Any, ...]]] = defaultdict(list)
    for row in found:
        by_conversion[row[0], row[1]].append(row)
    for one in history.conversions:
        path = path_of(one, history.touches, history.conversions, RULES)
        names = tuple(name_of(touch.channel) for touch in path)
        for model in ("counterfactual", "set_shapley", "markov_path"):
            mine = sorted(by_conversion[one.id, model], key=lambda row: row[3])
            assert sum(row[5] for row in mine) == UNITS
            assert one.value is None or sum(row[6] for row in mine) == one.value
            if not path:
                assert [row[2:5] for row in mine] == [(None, 0, "(unattributed)")]
                continue
            assert all((path[row[3] - 1].id, names[row[3] - 1]) == (row[2], row[4]) for row in mine)
            if model == "markov_path":
                continue
            expected = gains(names, paths) if model == "counterfactual" else equal_parts(names)
            got = {row[3]: row[5] for row in mine}
            assert all(abs(got.get(place, 0) - weight * UNITS) <= 1 for place, weight in enumerate(expected, start=1))
    assert len({row[4] for row in found if row[1] == "markov_path"}) > 3


def test_channels_add_up_by_kind_and_currency(spark: SparkSession) -> None:
    dtype, ids = IDS["text"]
    history = History(12, ids)
    touches, conversions, _ = history.frames(spark, dtype)
    models = ["markov_global", {"model": "rate_shapley", "name": "by rate"}]

    rows = attribute(touches, conversions, models=models, **PARAMETERS).collect()

    paths = count_paths(touches, conversions, **PARAMETERS)
    for label, model in (("markov_global", "markov_global"), ("by rate", "rate_shapley")):
        solved = fitted.channel_shares(paths, model).collect()
        shares = {row.channel: row.share for row in solved}
        told = {
            (row.channel, row.channel_value, row.is_sampled, row.is_negative)
            for row in rows
            if row.model == label and row.channel != "(unattributed)"
        }
        assert told == {(row.channel, row.value, False, row.value < 0) for row in solved}
        for kind in ("order", "signup"):
            for currency in ("EUR", "JPY", "KWD", None):
                mine = {
                    row.channel: row
                    for row in rows
                    if (row.model, row.conversion, row.currency) == (label, kind, currency)
                }
                group = [
                    one for one in credited(history.conversions, RULES) if (one.kind, one.currency) == (kind, currency)
                ]
                check_group(mine, shares, group, history)

    assert {row.is_sampled for row in rows if row.channel == "(unattributed)"} == {None}


def check_group(mine: dict[str, Any], shares: dict[str, float], group: list[Conversion], history: History) -> None:
    assert all(row.conversion_id is None and row.touch_id is None and row.position is None for row in mine.values())
    touched = [one for one in group if path_of(one, history.touches, history.conversions, RULES)]
    untouched = [one for one in group if one not in touched]
    assert ("(unattributed)" in mine) == bool(untouched)
    if untouched:
        assert mine["(unattributed)"].weight == len(untouched)
        assert mine["(unattributed)"].credit_minor == total(untouched)
    if not touched:
        return
    channels = sorted(shares)
    assert set(mine) - {"(unattributed)"} == set(channels)
    value = total(touched)
    exact = [Fraction(shares[channel]) for channel in channels]
    weights = largest_remainder(len(touched) * UNITS, [share / sum(exact) for share in exact])
    for channel, weight in zip(channels, weights, strict=True):
        assert abs(int(mine[channel].weight * UNITS) - weight) <= len(touched)
    assert sum(int(mine[channel].weight * UNITS) for channel in channels) == len(touched) * UNITS
    if value is None:
        assert all(mine[channel].credit_minor is None for channel in channels)
    else:
        assert sum(mine[channel].credit_minor for channel in channels) == value


def total(conversions: list[Conversion]) -> int | None:
    values = [one.value for one in conversions if one.value is not None]
    return sum(values) if values else None


def test_chains_are_those_of_the_counted_paths(spark: SparkSession) -> None:
    # a journey Email → order, one Email → Direct → order, one Direct that goes nowhere
    history = History(1, str)
    history.touches = [
        Touch("1", "a", 0, "Email"),
        Touch("2", "b", 0, "Email"),
        Touch("3", "b", DAY, "Direct"),
        Touch("4", "c", DAY, "Direct"),
    ]
    history.conversions = [Conversion("x", "a", DAY, 1, None), Conversion("y", "b", 2 * DAY, 1, None)]
    touches, conversions, _ = history.frames(spark, T.StringType())

    steps = {(row.from_state, row.to_state): row.probability for row in transitions(touches, conversions).collect()}
    effects = {row.channel: row.removal_effect for row in removal_effects(touches, conversions).collect()}

    assert sorted(steps.values()) == [1 / 3, 1 / 2, 1 / 2, 1 / 2, 1 / 2, 2 / 3]
    # without Email nothing but Direct alone is left, which converts half the time; without Direct, Email alone
    assert {channel: round(effect, 9) for channel, effect in effects.items()} == {"Email": 0.75, "Direct": 0.5}


def test_without_touches_everything_is_unattributed(spark: SparkSession) -> None:
    history = History(1, str)
    touches, conversions, _ = history.frames(spark, T.StringType())

    credit = attribute(touches.limit(0), conversions, models=["markov_path", "markov_global", "rate_shapley", "last"])

    assert {row.channel for row in credit.collect()} == {"(unattributed)"}
