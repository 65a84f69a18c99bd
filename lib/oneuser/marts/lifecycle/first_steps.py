"""Activation: how many of those who are new did all first steps, and how soon.

Reads   anybody's events
Yields  a row per entity that began; a row per interval in which somebody began
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.marts.calendar import checked_calendar, checked_watermark, instant, micros_of
from oneuser.marts.event_rows import known_events, micros_of_days
from oneuser.marts.steps import Step, checked_step, checked_steps, named_in, with_tests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame

_MICROSECONDS_PER_SECOND = 1_000_000


def activation(
    events: DataFrame,
    *,
    steps: Sequence[Step],
    window_days: float,
    unit: str = "week",
    zone: str = "UTC",
    week_start: str = "monday",
    watermark: datetime,
    start: Step | None = None,
) -> DataFrame:
    """Count who began in each interval and was activated. A row of the result is an interval in which somebody began.

    Who counts is said by `activations`. The rate is that of those whose window is over at the watermark; it is null,
    not 0, where nobody's is.

    Args:
        events: As `activations` takes them.
        steps: As in `activations`.
        window_days: As in `activations`.
        unit: hour, day, week, month or quarter.
        zone: Time zone of the calendar.
        week_start: monday or sunday.
        watermark: As in `activations`.
        start: As in `activations`.

    Returns:
        `interval`, its first day, or where it is an hour the instant at which it begins; `n_new`; `n_eligible`, those
        whose window is over; `n_activated` so far; `n_activated_eligible`; `rate`; `median_seconds`, from the start to
        the last step, of those activated whose window is over, in whole seconds of which two may be averaged, null
        where there are none; `is_final`, whether all are eligible; `starts_at`, `window_days`, `unit`, `zone`,
        `week_start`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    calendar = checked_calendar(unit, zone, week_start)
    people = activations(events, steps=steps, window_days=window_days, watermark=watermark, start=start)
    is_activated = F.col("activated_at").isNotNull()
    is_counted = is_activated & F.col("is_eligible")
    seconds = F.floor((F.unix_micros("activated_at") - F.unix_micros("started_at")) / F.lit(_MICROSECONDS_PER_SECOND))
    counted = people.groupBy(calendar.interval_of(F.col("started_at")).alias("at")).agg(
        F.count(F.lit(1)).alias("n_new"),
        F.count_if("is_eligible").alias("n_eligible"),
        F.count_if(is_activated).alias("n_activated"),
        F.count_if(is_counted).alias("n_activated_eligible"),
        F.percentile(F.when(is_counted, seconds), 0.5).alias("median_seconds"),
    )
    starts_at = calendar.start_of(F.col("at"))
    return counted.select(
        (starts_at if unit == "hour" else calendar.first_day_of(F.col("at"))).alias("interval"),
        "n_new",
        "n_eligible",
        "n_activated",
        "n_activated_eligible",
        (F.col("n_activated_eligible") / F.nullif("n_eligible", F.lit(0))).alias("rate"),
        "median_seconds",
        (F.col("n_eligible") == F.col("n_new")).alias("is_final"),
        starts_at.alias("starts_at"),
        F.lit(window_days).cast("double").alias("window_days"),
        F.lit(unit).alias("unit"),
        F.lit(zone).alias("zone"),
        F.lit(week_start).alias("week_start"),
        instant(checked_watermark(watermark)).alias("watermark"),
    )


def activations(
    events: DataFrame,
    *,
    steps: Sequence[Step],
    window_days: float,
    watermark: datetime,
    start: Step | None = None,
) -> DataFrame:
    """Find when each entity began, and when it had done all steps. A row of the result is an entity that began.

    Steps count in any order, in the closed window from the start on; the event that is the start may be a step too.

    Args:
        events: Rows with `entity_id`, `event_time`, `event`, and `properties` where steps or `start` ask for them.
            Events of nobody and without a time are left out.
        steps: The steps: an event's name, or `{"event": name, "where": {property: value or values}}`.
        window_days: Days of 24 hours from the start on.
        watermark: Last instant up to which all events are there, with a zone. Events after it count nowhere.
        start: What an entity begins with, written as a step is: the first such event is its start. None for the first
            event of any kind.

    Returns:
        `entity_id`, `started_at`, `activated_at`, when the last of the steps was done for the first time, null where
        one of them was not in the window; `is_eligible`, whether the window is over at the watermark.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    tests = {f"_is_{place}": step for place, step in enumerate(checked_steps("steps", steps))}
    ends = checked_watermark(watermark)
    window = micros_of_days("window_days", window_days)
    known = known_events(events, watermark=ends, needs=("event",))
    if start is None:
        timed = with_tests(known, tests).withColumn("_is_start", F.lit(True))
        counts = F.lit(True)
    else:
        begins = checked_step("start", start)
        named = named_in(known, [begins, *tests.values()])
        first = F.min(F.when(F.col("_is_start"), F.col("event_time"))).over(W.partitionBy("entity_id"))
        timed = with_tests(named, {**tests, "_is_start": begins}).withColumn("_first", first)
        # what was done before the start is no step
        counts = F.col("event_time") >= F.col("_first")
    people = timed.groupBy("entity_id").agg(
        F.min(F.when(F.col("_is_start"), F.col("event_time"))).alias("started_at"),
        *(F.min(F.when(F.col(column) & counts, F.col("event_time"))).alias(column) for column in tests),
    )
    began = people.where(F.col("started_at").isNotNull())
    done_at = F.array_max(F.array(*tests))
    is_all_done = F.lit(True)
    for column in tests:
        is_all_done = is_all_done & F.col(column).isNotNull()
    started = F.unix_micros("started_at")
    is_in_time = F.unix_micros(done_at) <= started + F.lit(window)
    return began.select(
        "entity_id",
        "started_at",
        F.when(is_all_done & is_in_time, done_at).alias("activated_at"),
        (started <= F.lit(micros_of(ends) - window)).alias("is_eligible"),
    )
