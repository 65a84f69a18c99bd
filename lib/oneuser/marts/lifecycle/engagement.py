"""How often the active are active: stickiness, the power curve, power users.

Reads   anybody's events, reduced to a row per entity and interval before anything else
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.core.zoned_times import checked_bound
from oneuser.marts.calendar import Calendar, checked_calendar, checked_watermark, instant, known_word
from oneuser.marts.event_rows import check_at_least, check_columns, known_events

if TYPE_CHECKING:
    from datetime import date, datetime

    from pyspark.sql import DataFrame

PowerRule = Literal["min_days", "top_decile"]
_DECILE = 10


def stickiness(
    events: DataFrame,
    *,
    unit: str,
    zone: str = "UTC",
    week_start: str = "monday",
    since: datetime | date | str,
    until: datetime | date | str,
) -> DataFrame:
    """Count entities by the number of intervals in which they were active. A row of the result is such a number.

    Args:
        events: Rows with `entity_id` and `event_time`. Events of nobody and without a time are left out.
        unit: hour, day, week, month or quarter.
        zone: Time zone of the calendar.
        week_start: monday or sunday.
        since: Where the range begins: an instant with a zone, or a day, from its start in `zone`.
        until: Where it ends, itself no part of it, in the same way. An interval that the range cuts counts by what of
            it is inside.

    Returns:
        `n_intervals` from 1 on and `n_entities`; a number that nobody has is no row. `unit`, `zone`, `week_start`,
        `since`, `until`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    calendar = checked_calendar(unit, zone, week_start)
    begins, ends = checked_bound("since", since, zone), checked_bound("until", until, zone)
    if begins >= ends:
        raise ConfigError.single("until", "must be after since: the range is half-open")
    start, end = instant(begins), instant(ends)
    check_columns("events", events, {"entity_id": None, "event_time": "timestamp"})
    is_inside = (F.col("event_time") >= start) & (F.col("event_time") < end)
    known = events.where(F.col("entity_id").isNotNull() & is_inside)
    counted = _count_intervals(known, calendar).groupBy("n").agg(F.count(F.lit(1)).alias("n_entities"))
    return counted.select(
        F.col("n").alias("n_intervals"),
        "n_entities",
        F.lit(unit).alias("unit"),
        F.lit(zone).alias("zone"),
        F.lit(week_start).alias("week_start"),
        start.alias("since"),
        end.alias("until"),
    )


def power_curve(events: DataFrame, *, zone: str = "UTC", watermark: datetime, days: int = 28) -> DataFrame:
    """Share of the active by the number of days on which they were, of the last full days at the watermark.

    Args:
        events: As `dau_mau` takes them.
        zone: Time zone whose days count.
        watermark: As in `dau_mau`.
        days: How many days: 28 make the curve that is known as L28.

    Returns:
        A row for each `n_days` from 1 to `days`: `n_entities`, 0 where nobody has that number; `share` of all who were
        active, null where nobody was; `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    shares = recent_stickiness(events, unit="day", zone=zone, watermark=watermark, intervals=days)
    return shares.select(F.col("n_intervals").alias("n_days"), "n_entities", "share", "zone", "watermark")


def recent_stickiness(
    events: DataFrame,
    *,
    unit: str = "day",
    zone: str = "UTC",
    week_start: str = "monday",
    watermark: datetime,
    intervals: int = 28,
) -> DataFrame:
    """Share of the active by the number of intervals in which they were, of the last full ones at the watermark.

    Args:
        events: As `stickiness` takes them.
        unit: hour, day, week, month or quarter.
        zone: Time zone of the calendar.
        week_start: monday or sunday.
        watermark: As in `dau_mau`; the interval that holds it is left out, as it is not over.
        intervals: How many intervals.

    Returns:
        A row for each `n_intervals` from 1 to `intervals`: `n_entities`, 0 where nobody has that number; `share` of all
        who were active, null where nobody was; `unit`, `zone`, `week_start`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    check_at_least(1, intervals=intervals)
    active = intervals_active(
        events, unit=unit, zone=zone, week_start=week_start, watermark=watermark, intervals=intervals
    )
    numbers = range(1, intervals + 1)
    counted = active.agg(
        F.count(F.lit(1)).alias("n_actives"),
        *(F.count_if(F.col("n_intervals") == F.lit(n)).alias(f"n_{n}") for n in numbers),
    )
    each = F.array(*(F.struct(F.lit(n).alias("n_intervals"), F.col(f"n_{n}").alias("n_entities")) for n in numbers))
    return counted.select("n_actives", F.explode(each).alias("one")).select(
        "one.n_intervals",
        "one.n_entities",
        (F.col("one.n_entities") / F.nullif("n_actives", F.lit(0))).alias("share"),
        F.lit(unit).alias("unit"),
        F.lit(zone).alias("zone"),
        F.lit(week_start).alias("week_start"),
        instant(checked_watermark(watermark)).alias("watermark"),
    )


def power_users(
    events: DataFrame,
    *,
    zone: str = "UTC",
    watermark: datetime,
    rule: PowerRule = "min_days",
    min_days: int = 20,
    days: int = 28,
) -> DataFrame:
    """Find those who are active most, of the last full days at the watermark. A row of the result is one of them.

    Args:
        events: As `dau_mau` takes them.
        zone: Time zone whose days count.
        watermark: As in `dau_mau`.
        rule: `min_days`, active on at least so many days; or `top_decile`: one of those with as many days or more, who
            are at most a tenth of the active. Of those with the same number all belong to them, or none.
        min_days: For the rule of that name.
        days: How many days.

    Returns:
        `entity_id`, `n_days`, `rule`, `min_days` (what the rule comes to; for `top_decile` read off the data), `zone`,
        `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    known_word("rule", rule, get_args(PowerRule))
    check_at_least(1, days=days, min_days=min_days)
    active = days_active(events, zone=zone, watermark=watermark, days=days)
    if rule == "min_days":
        found = active.where(F.col("n_days") >= F.lit(min_days)).withColumn("min_days", F.lit(min_days))
    else:
        found = active.join(F.broadcast(_top_decile(active)), on="n_days", how="inner")
    return found.select(
        "entity_id",
        "n_days",
        F.lit(rule).alias("rule"),
        "min_days",
        F.lit(zone).alias("zone"),
        instant(checked_watermark(watermark)).alias("watermark"),
    )


def days_active(events: DataFrame, *, zone: str = "UTC", watermark: datetime, days: int = 28) -> DataFrame:
    """Count on how many full days each entity was active. A row of the result is an entity that was, on any.

    Args:
        events: As `dau_mau` takes them.
        zone: Time zone whose days count.
        watermark: As in `dau_mau`.
        days: How many days, the last of them the last full one at the watermark.

    Returns:
        `entity_id`, `n_days`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    active = intervals_active(events, unit="day", zone=zone, watermark=watermark, intervals=days)
    return active.withColumnRenamed("n_intervals", "n_days")


def intervals_active(
    events: DataFrame,
    *,
    unit: str,
    zone: str = "UTC",
    week_start: str = "monday",
    watermark: datetime,
    intervals: int,
) -> DataFrame:
    """Count in how many full intervals each entity was active. A row of the result is an entity that was, in any.

    Args:
        events: As `stickiness` takes them.
        unit: hour, day, week, month or quarter.
        zone: Time zone of the calendar.
        week_start: monday or sunday.
        watermark: As in `dau_mau`.
        intervals: How many intervals, the last of them the last full one at the watermark.

    Returns:
        `entity_id`, `n_intervals`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    calendar = checked_calendar(unit, zone, week_start)
    known = within_last(events, calendar, watermark=watermark, intervals=intervals)
    return _count_intervals(known, calendar).withColumnRenamed("n", "n_intervals")


def within_last(events: DataFrame, calendar: Calendar, *, watermark: datetime, intervals: int) -> DataFrame:
    """The events that count in the last full intervals at the watermark."""
    ends = checked_watermark(watermark)
    last = calendar.interval_of(instant(ends)) - F.lit(1)
    # instants, so that whoever stores events by time reads no others
    begins, ended = calendar.start_of(last - F.lit(intervals - 1)), calendar.end_of(last)
    known = known_events(events, watermark=ends)
    return known.where((F.col("event_time") >= begins) & (F.col("event_time") < ended))


def _count_intervals(known: DataFrame, calendar: Calendar) -> DataFrame:
    at = calendar.interval_of(F.col("event_time"))
    active = known.select("entity_id", at.alias("at")).distinct()
    return active.groupBy("entity_id").agg(F.count(F.lit(1)).alias("n"))


def _top_decile(active: DataFrame) -> DataFrame:
    """Numbers of days of the top decile, each with the smallest of them: at most as many rows as there are days."""
    by_days = active.groupBy("n_days").agg(F.count(F.lit(1)).alias("n"))
    # a row per number of days: few, so one task does
    all_of_them = W.partitionBy(F.lit(0))
    as_many_or_more = all_of_them.orderBy(F.desc("n_days")).rowsBetween(W.unboundedPreceding, W.currentRow)
    ranked = by_days.select(
        "n_days", F.sum("n").over(as_many_or_more).alias("n_ahead"), F.sum("n").over(all_of_them).alias("n_actives")
    )
    top = ranked.where(F.col("n_ahead") * F.lit(_DECILE) <= F.col("n_actives"))
    return top.select("n_days", F.min("n_days").over(all_of_them).cast("int").alias("min_days"))
