"""What every function refuses: a time that names no zone, given with the call or in a column, and what is no frame."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.attribution.path_rules import PathParameters

ROOMS = ("attribution", "retention", "lifecycle", "funnels", "adoption", "value")
TIMES = ("watermark", "since", "until", "converted_from", "converted_until")
# texts that may be days where a range begins or ends
RANGES = TIMES[1:]
NAIVE = datetime(2026, 3, 1)  # noqa: DTZ001 - without a zone, which is what is refused
EVENTS = "entity_id string, account_id string, event_time timestamp, event string, value_minor bigint, mrr_minor bigint"
FRAMES = {
    "events": EVENTS,
    "rows": EVENTS,
    "touches": "entity_id string, touch_id string, touched_at timestamp, channel string",
    "conversions": "conversion_id int, entity_id string, converted_at timestamp, value_minor int, currency string",
    "memberships": "entity_id string, account_id string, valid_from timestamp, valid_to timestamp",
    "members": "entity_id string, started_at timestamp",
    "subscriptions": "entity_id string, mrr_minor bigint, valid_from timestamp, valid_to timestamp",
    "milestones": "entity_id string, milestone string, reached_at timestamp",
}
# rows are those of a function here, or no time of theirs is read
OF_FIGURES = ("count_broken", "credit_by")
# who started is said by `members` alone
UNREAD = {("value.members_of_ages", "rows")}
# parameters that name events
NAMING = ("steps", "feature", "features", "start")
# what has no default, and frames that may be left out
ASKED: dict[str, Any] = {
    "unit": "day", "steps": ["A", "B"], "window_days": 1, "min_days": 1, "min_uses": 1, "feature": "A",
    "features": {"a": "A"}, "watermark": datetime(2026, 3, 1, tzinfo=UTC), "since": date(2026, 1, 1),
    "until": date(2026, 2, 1), "intervals": 3, "model": "markov_global",
}  # fmt: skip


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Everything that rooms of marts give away and that takes a frame of times."""
    for room in ROOMS:
        module = importlib.import_module(f"oneuser.marts.{room}")
        for name in module.__all__:
            function = getattr(module, name)
            if set(inspect.signature(function).parameters) & {*FRAMES} and name not in OF_FIGURES:
                yield f"{room}.{name}", function


FUNCTIONS = dict(functions())


def times_of(function: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(function).parameters
    more = {*PathParameters.__annotations__} if "parameters" in parameters else set()
    more |= {"watermark"} if "habit" in parameters else set()
    return {*parameters, *more} & {*TIMES}


def asked_of(function: Callable[..., Any], spark: SparkSession) -> dict[str, Any]:
    parameters = dict(inspect.signature(function).parameters)
    names = [
        *parameters,
        *(("feature", "min_uses", "min_days", "window_days", "watermark") if "habit" in parameters else ()),
    ]
    given = {name: ASKED[name] for name in names if name in ASKED}
    if "rule" in parameters:
        given.pop("min_days", None)
    return given | {name: spark.createDataFrame([], FRAMES[name]) for name in FRAMES if name in parameters}


def test_all_functions_are_looked_at() -> None:
    assert len(FUNCTIONS) > 30
    with_times = {name for name, function in FUNCTIONS.items() if times_of(function)}
    assert {*FUNCTIONS} - with_times == {"retention.account_events"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_time_without_a_zone_is_refused_in_words(spark: SparkSession, name: str) -> None:
    function = FUNCTIONS[name]
    good = asked_of(function, spark)
    assert isinstance(function(**good), DataFrame)
    for time in sorted(times_of(function)):
        for written in (NAIVE, "2026-03-01 00:00:00"):
            with pytest.raises(ConfigError) as caught:
                function(**good | {time: written})
            assert f"{time}: 2026-03-01 00:00:00 has no time zone" in str(caught.value)
        if time not in RANGES:
            with pytest.raises(ConfigError, match=f"{time}: "):
                function(**good | {time: NAIVE.date()})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_column_without_a_zone_is_refused_in_words(spark: SparkSession, name: str) -> None:
    function = FUNCTIONS[name]
    good = asked_of(function, spark)
    dated = [
        (argument, column)
        for argument, frame in good.items()
        if isinstance(frame, DataFrame)
        for column, kind in frame.dtypes
        if kind == "timestamp" and (name, argument) not in UNREAD
    ]
    assert dated
    for argument, column in dated:
        local = good[argument].withColumn(column, good[argument][column].cast("timestamp_ntz"))
        with pytest.raises(ConfigError) as caught:
            function(**good | {argument: local})
        assert f"{column} is timestamp_ntz" in str(caught.value).replace(": is", " is")
        assert "without a zone each is another instant on every machine" in str(caught.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_frame_is_refused_in_words(spark: SparkSession, name: str) -> None:
    function = FUNCTIONS[name]
    good = asked_of(function, spark)
    for argument in (one for one, value in good.items() if isinstance(value, DataFrame)):
        if (name, argument) not in UNREAD:
            with pytest.raises(ConfigError, match="expected a Spark DataFrame, found list"):
                function(**good | {argument: []})


@pytest.mark.parametrize(
    "name", [name for name, function in FUNCTIONS.items() if {*NAMING} & {*inspect.signature(function).parameters}]
)
def test_names_of_events_are_text(spark: SparkSession, name: str) -> None:
    function = FUNCTIONS[name]
    good = asked_of(function, spark)
    if name == "retention.retain":
        good["start"] = "A"
    numbered = good["events"].withColumn("event", F.lit(1))
    with pytest.raises(ConfigError, match="event is int, expected string"):
        function(**good | {"events": numbered})
