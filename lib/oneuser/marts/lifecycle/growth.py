"""Growth of the active: who is new, who stays, who comes back, who is gone, interval by interval.

Reads   anybody's events
Yields  a row per complete calendar interval
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.marts.calendar import checked_calendar, checked_watermark, instant
from oneuser.marts.event_rows import known_events

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame, WindowSpec

_PHASES = ("new", "returning", "resurrecting", "dormant")


def lifecycle(
    events: DataFrame, *, unit: str, zone: str = "UTC", week_start: str = "monday", watermark: datetime
) -> DataFrame:
    """Count for each interval who is new, returning, resurrecting and dormant. A row of the result is an interval.

    An entity is active in an interval that holds an event of it. It is *new* in its first one; *returning* where it
    was active in the interval before; *resurrecting* where it was not, and is not new; *dormant* in the first interval
    without it after one with it, once for each time that it goes. So `active` is what it was in the interval before,
    plus new and resurrecting, less dormant: `count_broken` counts where it is not.

    The interval that holds the watermark is left out, as it is not over. All others from the first event on have a
    row, those without anybody too. Events are reduced to a row per entity and interval before anything else.

    Args:
        events: Rows with `entity_id` and `event_time`. Events of nobody and without a time are left out.
        unit: hour, day, week, month or quarter.
        zone: Time zone of the calendar.
        week_start: monday or sunday.
        watermark: Last instant up to which all events are there, with a zone. Events after it count nowhere.

    Returns:
        `interval`, its first day, or where it is an hour the instant at which it begins; `new`, `returning`,
        `resurrecting`, `dormant`, `active`; `starts_at`, `unit`, `zone`, `week_start`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    calendar = checked_calendar(unit, zone, week_start)
    ends = checked_watermark(watermark)
    phases = find_phases(events, unit=unit, zone=zone, week_start=week_start, watermark=ends)
    counted = phases.groupBy("at").agg(*(F.count_if(F.col("phase") == F.lit(phase)).alias(phase) for phase in _PHASES))
    last = calendar.interval_of(instant(ends)) - F.lit(1)
    numbered = _without_gaps(counted, last)
    starts_at = calendar.start_of(F.col("at"))
    return numbered.select(
        (starts_at if unit == "hour" else calendar.first_day_of(F.col("at"))).alias("interval"),
        *_PHASES,
        (F.col("new") + F.col("returning") + F.col("resurrecting")).alias("active"),
        starts_at.alias("starts_at"),
        F.lit(unit).alias("unit"),
        F.lit(zone).alias("zone"),
        F.lit(week_start).alias("week_start"),
        instant(ends).alias("watermark"),
    )


def find_phases(
    events: DataFrame, *, unit: str, zone: str = "UTC", week_start: str = "monday", watermark: datetime
) -> DataFrame:
    """Find what each entity is in each interval: those whom `lifecycle` counts. A row is an entity and an interval.

    Takes what `lifecycle` takes.

    Returns:
        `entity_id`, `at`, the number of the interval, and `phase`: new, returning, resurrecting or dormant.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    calendar = checked_calendar(unit, zone, week_start)
    ends = checked_watermark(watermark)
    known = known_events(events, watermark=ends)
    last = calendar.interval_of(instant(ends)) - F.lit(1)
    active = known.select("entity_id", calendar.interval_of(F.col("event_time")).alias("at")).distinct()
    by_entity = W.partitionBy("entity_id").orderBy("at")
    before, after = F.lag("at").over(by_entity), F.lead("at").over(by_entity)
    is_next = F.coalesce(F.col("after") == F.col("at") + F.lit(1), F.lit(False))
    gone = F.struct((F.col("at") + F.lit(1)).alias("at"), F.lit("dormant").alias("phase"))
    each = F.array_compact(F.array(F.struct(F.col("at"), _phase().alias("phase")), F.when(~is_next, gone)))
    phases = active.select("entity_id", "at", before.alias("before"), after.alias("after")).select(
        "entity_id", F.explode(each).alias("one")
    )
    return phases.where(F.col("one.at") <= last).select("entity_id", "one.at", "one.phase")


def count_broken(rows: DataFrame) -> DataFrame:
    """Compare each interval with the one before: active(k) − active(k−1) = new + resurrecting − dormant.

    Args:
        rows: Rows of `lifecycle`, of one calendar.

    Returns:
        One row with `n_broken`, the intervals for which that does not hold. The first has nobody before it.
    """
    before = F.coalesce(F.lag("active").over(_in_order("starts_at")), F.lit(0))
    change = F.col("new") + F.col("resurrecting") - F.col("dormant")
    compared = rows.select((F.col("active") - before != change).alias("is_broken"))
    return compared.agg(F.count_if("is_broken").alias("n_broken"))


def _phase() -> Column:
    was_active = F.col("before") == F.col("at") - F.lit(1)
    return F.when(F.col("before").isNull(), "new").when(was_active, "returning").otherwise("resurrecting")


def _without_gaps(counted: DataFrame, last: Column) -> DataFrame:
    """The same rows, and one of zeros for each interval between them and up to the last."""
    until = F.coalesce(F.lead("at").over(_in_order("at")) - F.lit(1), last)
    filled = counted.withColumn("until", until).select("*", F.explode(F.sequence("at", "until")).alias("each"))
    is_own = F.col("each") == F.col("at")
    return filled.select(
        F.col("each").alias("at"), *(F.when(is_own, F.col(phase)).otherwise(F.lit(0)).alias(phase) for phase in _PHASES)
    )


def _in_order(column: str) -> WindowSpec:
    # a row per interval of a calendar: few, so one task does
    return W.partitionBy(F.lit(0)).orderBy(column)
