"""Funnels: how many got how far, how long they took.

Reads   anybody's events, a row per event
Yields  a row per entity that began; a row per step
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, get_args

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.calendar import checked_watermark, instant, known_word, micros_of
from oneuser.marts.event_rows import known_events, micros_of_days
from oneuser.marts.funnels.attempts import Mode, attempts_of, find_attempts, step_events_of
from oneuser.marts.steps import Step, checked_steps, named_in, text_of, with_tests
from oneuser.spark.clustering import cluster

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.event_filters import EventFilter

_ENTITY_TYPES = ("string", "bigint", "int", "binary")
# steps of an event are bits of a bigint
_MOST_STEPS = 60
_MICROSECONDS_PER_SECOND = 1_000_000


def funnel(
    events: DataFrame,
    *,
    steps: Sequence[Step],
    window_days: float | None,
    watermark: datetime,
    mode: Mode = "ordered",
    by: str | None = None,
) -> DataFrame:
    """Count for each step who came so far. A row of the result is a step, for each value where it is broken down.

    Who counts is said by `funnel_attempts`. An entity is *eligible* once the window of its attempt is over at the
    watermark; rates and times are those of eligible entities alone, since of the others the quick ones are known and
    the slow ones are not. Without a window everybody is eligible, and nothing is final.

    Args:
        events: As `funnel_attempts` takes them.
        steps: The steps, in order.
        window_days: Days of 24 hours within which steps count from the first one on; None for no end.
        watermark: Last instant up to which all events are there, with a zone. Events after it count nowhere.
        mode: As in `funnel_attempts`.
        by: A property to break down by, as it is at step 1.

    Returns:
        `step` from 1 on (with `any_order`, the number of different steps done), `n_entities` so far,
        `rate_from_first` and `rate_from_previous`, null where nobody is eligible or there is no step before;
        `step_name`, null with `any_order`; `by_value`, the value at step 1, null where there is none or nothing is
        broken down; `n_eligible`, those of `n_entities` that the rates count; `is_final`, whether all are eligible;
        `median_seconds` and `p90_seconds` from the first step, `median_seconds_from_previous` and
        `p90_seconds_from_previous`: whole seconds, between two of which a percentile is interpolated, null where there
        are none; `mode`, `window_days`, `watermark`. Without a break-down every step has a row, whoever came; with one,
        every step of a value that somebody began with.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    tests = _tests(steps)
    attempts = funnel_attempts(events, steps=steps, window_days=window_days, watermark=watermark, mode=mode, by=by)
    grouped = attempts.groupBy("by_value") if by is not None else attempts.groupBy()
    counted = grouped.agg(*(count for place in range(len(tests)) for count in _counts(place)))
    each = counted.select(
        F.lit(None).cast("string").alias("by_value") if by is None else F.col("by_value"),
        F.explode(F.array(*(_step(place, test, mode) for place, test in enumerate(tests)))).alias("at"),
    )
    is_final = F.lit(False) if window_days is None else F.col("at.n_first") == F.col("at.n_eligible_first")
    return each.select(
        "at.step",
        "at.n_entities",
        _share("at.n_eligible", "at.n_eligible_first").alias("rate_from_first"),
        _share("at.n_eligible", "at.n_eligible_previous").alias("rate_from_previous"),
        "at.step_name",
        "by_value",
        "at.n_eligible",
        is_final.alias("is_final"),
        *(
            F.element_at(F.col(f"at.{source}"), place).alias(f"{percentile}_seconds{suffix}")
            for source, suffix in (("from_first", ""), ("from_previous", "_from_previous"))
            for place, percentile in ((1, "median"), (2, "p90"))
        ),
        F.lit(mode).alias("mode"),
        F.lit(window_days).cast("double").alias("window_days"),
        instant(checked_watermark(watermark)).alias("watermark"),
    )


def funnel_attempts(
    events: DataFrame,
    *,
    steps: Sequence[Step],
    window_days: float | None,
    watermark: datetime,
    mode: Mode = "ordered",
    by: str | None = None,
) -> DataFrame:
    """Find for each entity the attempt that gets farthest. A row of the result is an entity that began.

    Every first step opens an attempt. Step k counts at its first occurrence after step k−1, in the closed window from
    the first step on. After is later in time; where events have a `place`, bytes that order those of one instant, it
    is later in that order. Without one, no two events of an instant are after each other.

    With `strict` the next event that is any step has to be the step that is awaited; events that are no steps are
    looked over. With `any_order` every step opens an attempt, and all steps in the window count, each once: an event
    that is two steps is both.

    Args:
        events: Rows with `entity_id` (text, a whole number or bytes), `event_time`, `event`, `properties` where steps
            or `by` ask for them, and `place` where it is known. Events of nobody and without a time are left out.
        steps: The steps, in order: an event's name, or `{"event": name, "where": {property: value or values}}`.
        window_days: Days of 24 hours within which steps count from the first one on; None for no end.
        watermark: Last instant up to which all events are there, with a zone. Events after it count nowhere.
        mode: `ordered`, `strict` or `any_order`.
        by: A property whose value at the first step is kept.

    Returns:
        `entity_id`, `n_steps` reached, `step_times` of these in order, `by_value`, and `is_eligible`: whether the
        attempt's window is over at the watermark.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    tests = _tests(steps)
    _check_mode(mode, tests)
    ends = checked_watermark(watermark)
    window = None if window_days is None else micros_of_days("window_days", window_days)
    known = known_events(events, watermark=ends, needs=("event",))
    entity_type = known.schema["entity_id"].dataType.simpleString()
    if entity_type not in _ENTITY_TYPES:
        raise ConfigError.single(
            "events", f"column entity_id is {entity_type}, expected one of {', '.join(_ENTITY_TYPES)}"
        )
    step_events = cluster(
        _step_events(known, tests, by, entity_type), "entity_id", "entity_id", F.desc("at"), F.desc("place")
    )
    find = partial(find_attempts, n_steps=len(tests), window=window, mode=mode, entity_type=entity_type)
    attempts = step_events.mapInArrow(find, attempts_of(entity_type).ddl)
    is_over = F.lit(True) if window is None else F.col("times")[0] <= F.lit(micros_of(ends) - window)
    return attempts.select(
        "entity_id",
        F.size("times").alias("n_steps"),
        F.transform("times", F.timestamp_micros).alias("step_times"),
        "by_value",
        is_over.alias("is_eligible"),
    )


def _step_events(known: DataFrame, tests: Sequence[EventFilter], by: str | None, entity_type: str) -> DataFrame:
    """Events that are a step, in the shape in which they pass."""
    names = {f"_is_step_{place}": test for place, test in enumerate(tests)}
    marked = with_tests(named_in(known, tests), names, properties={} if by is None else {"by_value": by})
    bits = F.lit(0).cast("bigint")
    for place, column in enumerate(names):
        bits = bits + F.when(F.col(column), F.lit(1 << place)).otherwise(F.lit(0)).cast("bigint")
    rows = marked.withColumns({"at": F.unix_micros("event_time"), "steps": bits})
    return step_events_of(entity_type).select(rows.where(F.col("steps") > F.lit(0)))


def _counts(place: int) -> tuple[Column, ...]:
    """Who reached a step, and the times of those who are eligible."""
    has_reached = F.col("n_steps") > F.lit(place)
    is_counted = has_reached & F.col("is_eligible")
    return (
        F.count_if(has_reached).alias(f"n_{place}"),
        F.count_if(is_counted).alias(f"eligible_{place}"),
        _percentiles(F.when(is_counted, _seconds(0, place))).alias(f"from_first_{place}"),
        _percentiles(F.when(is_counted & F.lit(place > 0), _seconds(place - 1, place))).alias(f"from_previous_{place}"),
    )


def _seconds(earlier: int, later: int) -> Column:
    """Whole seconds between two steps: so there are never more different ones than the window has."""
    times = (F.unix_micros(F.get("step_times", F.lit(max(place, 0)))) for place in (later, earlier))
    return F.floor((next(times) - next(times)) / F.lit(_MICROSECONDS_PER_SECOND))


def _percentiles(seconds: Column) -> Column:
    return F.percentile(seconds, F.array(F.lit(0.5), F.lit(0.9)))


def _step(place: int, test: EventFilter, mode: Mode) -> Column:
    before = F.lit(None).cast("bigint") if place == 0 else F.col(f"eligible_{place - 1}")
    name = F.lit(None).cast("string") if mode == "any_order" else F.lit(text_of(test))
    return F.struct(
        F.lit(place + 1).alias("step"),
        F.col(f"n_{place}").alias("n_entities"),
        F.col(f"eligible_{place}").alias("n_eligible"),
        name.alias("step_name"),
        F.col("n_0").alias("n_first"),
        F.col("eligible_0").alias("n_eligible_first"),
        before.alias("n_eligible_previous"),
        F.col(f"from_first_{place}").alias("from_first"),
        F.col(f"from_previous_{place}").alias("from_previous"),
    )


def _share(part: str, whole: str) -> Column:
    return F.col(part) / F.nullif(F.col(whole), F.lit(0))


def _tests(steps: Sequence[Step]) -> list[EventFilter]:
    tests = checked_steps("steps", steps)
    if len(tests) > _MOST_STEPS:
        raise ConfigError.single("steps", f"expected at most {_MOST_STEPS} steps, found {len(tests)}")
    return tests


def _check_mode(mode: str, tests: Sequence[EventFilter]) -> None:
    known_word("mode", mode, get_args(Mode))
    if mode == "any_order" and len(set(tests)) < len(tests):
        raise ConfigError.single("steps", "with mode any_order, a step that is there twice would be done twice at once")
