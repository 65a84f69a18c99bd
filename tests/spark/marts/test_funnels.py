"""Funnels against trying every attempt in plain Python, in a session far from UTC."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.funnels import funnel, funnel_attempts
from tests.oracle.attempts import farthest_attempt
from tests.oracle.product_events import (
    EPOCH,
    MICROSECOND,
    Event,
    collect_cases,
    counted,
    frame_of,
    in_order,
    random_events,
)

EVENTS = random_events(seed=5, n_events=700, days=40)
LATE, EARLY = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 3, 12, 22, tzinfo=UTC)
PRO_B = {"event": "B", "where": {"plan": "pro"}}
FIVE = {"event": "C", "where": {"n": [5, "none"]}}


def named(name: str) -> Callable[[Event], bool]:
    return lambda event: event.name == name


def is_pro_b(event: Event) -> bool:
    return event.name == "B" and event.property_of("plan") == "pro"


def is_five(event: Event) -> bool:
    return event.name == "C" and event.property_of("n") in ("5", "5.0")


CASES: list[dict[str, Any]] = [
    {"steps": ["A", "B", "C"], "tests": [named("A"), named("B"), named("C")], "window_days": 2, "watermark": LATE},
    # some windows are not over
    {
        "steps": ["A", PRO_B, FIVE, "D"],
        "tests": [named("A"), is_pro_b, is_five, named("D")],
        "window_days": 7.5,
        "watermark": EARLY,
        "by": "plan",
    },
    {"steps": ["B", "A", "B"], "tests": [named("B"), named("A"), named("B")], "window_days": None, "watermark": LATE},
    {
        "steps": ["A", "B", "C"],
        "tests": [named("A"), named("B"), named("C")],
        "window_days": 12,
        "watermark": EARLY,
        "mode": "strict",
    },
    {
        "steps": ["A", "B", PRO_B, "C"],
        "tests": [named("A"), named("B"), is_pro_b, named("C")],
        "window_days": 1,
        "watermark": LATE,
        "mode": "any_order",
        "by": "plan",
    },
    # nobody did that
    {"steps": ["Z", "A"], "tests": [named("Z"), named("A")], "window_days": 1, "watermark": LATE},
]
ARGUMENTS = ("steps", "window_days", "watermark", "mode", "by")


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(spark: SparkSession) -> Iterator[None]:
    spark.conf.set("spark.sql.session.timeZone", "Asia/Kathmandu")
    yield
    spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    return frame_of(spark, EVENTS).repartition(3, "event_time")


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def attempts_by_hand(case: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Entity, times, value, whether the window is over."""
    per_entity = defaultdict(list)
    for event in counted(EVENTS, case["watermark"]):
        steps = frozenset(n for n, test in enumerate(case["tests"]) if test(event))
        value = event.property_of(case["by"]) if "by" in case else None
        if steps:
            per_entity[event.entity].append((micros(event.when), None, steps, value))
    days = case["window_days"]
    window = None if days is None else timedelta(days=days) // MICROSECOND
    rows = []
    for entity, mine in per_entity.items():
        best = farthest_attempt(mine, n_steps=len(case["steps"]), window=window, mode=case.get("mode", "ordered"))
        if best is not None:
            times, value = best
            rows.append((entity, times, value, window is None or times[0] + window <= micros(case["watermark"])))
    return rows


def p90(values: list[int]) -> float:
    """Between two values a straight line, as most tools have it."""
    ordered, place = sorted(values), 0.9 * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def funnel_by_hand(case: dict[str, Any]) -> list[tuple[Any, ...]]:
    attempts = attempts_by_hand(case)
    values = {value for _, _, value, _ in attempts} if "by" in case else {None}
    rows: list[tuple[Any, ...]] = []
    for value in values:
        mine = [(times, is_over) for _, times, one, is_over in attempts if one == value]
        over = [times for times, is_over in mine if is_over]
        reached = [[times for times in over if len(times) > n] for n in range(len(case["steps"]))]
        for n, there in enumerate(reached):
            from_first = [(times[n] - times[0]) // 10**6 for times in there]
            from_previous = [(times[n] - times[n - 1]) // 10**6 for times in there] if n else []
            rows.append(
                (
                    value,
                    n + 1,
                    sum(len(times) > n for times, _ in mine),
                    len(there) / len(over) if over else None,
                    len(there) / len(reached[n - 1]) if n and reached[n - 1] else None,
                    len(there),
                    case["window_days"] is not None and len(over) == len(mine),
                    *((statistics.median(t), p90(t)) if t else (None, None) for t in (from_first, from_previous)),
                )
            )
    return [_flat(row) for row in sorted(rows, key=lambda row: in_order(row[:2]))]


def _flat(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row[:7], *row[7], *row[8])


def arguments(case: dict[str, Any]) -> dict[str, Any]:
    return {name: case[name] for name in ARGUMENTS if name in case}


def test_funnels_are_those_of_the_definition(events: DataFrame) -> None:
    frames = [funnel(events, **arguments(case)) for case in CASES]
    assert frames[0].columns[:4] == ["step", "n_entities", "rate_from_first", "rate_from_previous"]
    columns = ("by_value", *frames[0].columns[:4], "n_eligible", "is_final", *frames[0].columns[8:12])
    assert columns[-4:] == (
        "median_seconds", "p90_seconds", "median_seconds_from_previous", "p90_seconds_from_previous",
    )  # fmt: skip

    found = collect_cases([rows.select(*columns) for rows in frames])

    for case, rows in zip(CASES, found, strict=True):
        expected = funnel_by_hand(case)
        assert [(*row[:8], row[9]) for row in rows] == [(*row[:8], row[9]) for row in expected]
        for row, other in zip(rows, expected, strict=True):
            assert row[8] == pytest.approx(other[8])
            assert row[10] == pytest.approx(other[10])
    # the cases are worth it: null rates and final ones, zeros and medians
    assert {row[3] is None for rows in found for row in rows} == {True, False}
    assert {row[6] for row in found[1]} == {False, True}
    assert not any(row[6] for row in found[2])
    assert all(row[2] > 0 for row in found[2])
    assert [row[2] for row in found[5]] == [0, 0]


def test_attempts_are_those_of_the_definition_whatever_an_entity_is(events: DataFrame) -> None:
    numbered = events.withColumn("entity_id", F.substring("entity_id", 2, 9).cast("bigint"))
    frames = [funnel_attempts(events, **arguments(CASES[1])), funnel_attempts(numbered, **arguments(CASES[1]))]
    times = F.transform("step_times", F.unix_micros)

    as_text, as_number = collect_cases(
        [
            rows.select("entity_id", F.to_json(F.struct(times.alias("t"))), "n_steps", "by_value", "is_eligible")
            for rows in (frames[0], frames[1].withColumn("entity_id", F.concat(F.lit("e"), "entity_id")))
        ]
    )

    assert as_text == sorted(
        (entity, f'{{"t":{times}}}'.replace(" ", ""), len(times), value, is_over)
        for entity, times, value, is_over in attempts_by_hand(CASES[1])
    )
    assert as_number == as_text
    assert frames[1].schema["entity_id"].dataType.simpleString() == "bigint"


def test_properties_may_be_json_a_map_or_a_struct_and_places_order_an_instant(spark: SparkSession) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [
        ("u", at, "A", b"\x01", "pro", True),
        ("u", at, "B", b"\x02", "free", True),
        ("v", at, "B", b"\x01", "pro", False),
        ("v", at, "A", b"\x02", "pro", False),
    ]
    plain = spark.createDataFrame(
        rows, "entity_id string, event_time timestamp, event string, place binary, plan string, is_ok boolean"
    )
    cart = F.struct("is_ok").alias("cart")
    shapes = [
        F.to_json(F.struct("plan", cart)),
        F.create_map(F.lit("plan"), "plan", F.lit("cart.is_ok"), F.col("is_ok").cast("string")),
        F.struct("plan", cart),
    ]
    steps = [{"event": "A", "where": {"plan": "pro"}}, {"event": "B", "where": {"cart.is_ok": True}}]

    found = collect_cases(
        [
            funnel_attempts(
                plain.withColumn("properties", shape), steps=steps, window_days=1, watermark=at, by="plan"
            ).select("entity_id", "n_steps", "by_value", "is_eligible")
            for shape in shapes
        ]
    )

    assert found == [[("u", 2, "pro", False), ("v", 1, "pro", False)]] * 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": []}, "steps: expected a list of steps, the first one first"),
        ({"steps": "A"}, "steps: expected a list of steps, the first one first"),
        ({"steps": ["A", 3]}, r"steps\[1\]: expected an event's name, .* found int"),
        ({"steps": [{"name": "A"}]}, r"steps\[0\]: unknown key 'name'"),
        ({"steps": [{"event": "A", "where": {"p": []}}]}, r"steps\[0\]_where\['p'\]: an empty list"),
        ({"steps": [{"where": {"p": 1}}]}, r"steps\[0\]: the name of the event is missing"),
        ({"steps": ["A"] * 61}, "at most 60"),
        ({"mode": "orderd"}, "did you mean ordered"),
        ({"mode": "any_order", "steps": ["A", "A"]}, "twice"),
        ({"window_days": 0}, "window_days: expected a number of days above 0"),
        ({"watermark": datetime(2026, 3, 1)}, "time zone"),  # noqa: DTZ001
    ],
)
def test_what_is_no_funnel_is_refused(events: DataFrame, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        funnel(events, **{"steps": ["A", "B"], "window_days": 1, "watermark": LATE, **wrong})


def test_an_entity_of_another_type_is_refused(events: DataFrame) -> None:
    with pytest.raises(ConfigError, match="entity_id is date, expected one of string, bigint, int, binary"):
        funnel(events.withColumn("entity_id", F.to_date("event_time")), steps=["A"], window_days=1, watermark=LATE)
