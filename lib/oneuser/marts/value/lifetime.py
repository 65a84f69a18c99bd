"""Lifetime value so far: what members have spent up to an age, of those who have reached it.

Reads   anybody's rows of revenue
Yields  a row per age
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.marts.calendar import checked_calendar, checked_watermark, instant
from oneuser.marts.event_rows import check_columns
from oneuser.marts.value.money_rows import SUM, interval_column, valued_rows

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.calendar import Calendar


def ltv(
    rows: DataFrame,
    *,
    watermark: datetime,
    unit: str = "month",
    zone: str = "UTC",
    week_start: str = "monday",
    members: DataFrame | None = None,
) -> DataFrame:
    """Add up the revenue of members up to each age, of those whose interval of that age is over. A row is an age.

    An age is a number of calendar intervals after the one in which a member started, which has age 0. Of an age those
    members count for whom its interval is over at the watermark, with all of their revenue up to its end: so sums of
    different ages are of different members, each divided by their own number.

    Revenue is reduced to a row per interval of the start and of the revenue before ages are added up: work grows with
    the rows, and then with the square of the number of intervals.

    Args:
        rows: Rows with `entity_id`, `value_minor` (whole minor units of one currency; refunds are negative), and
            `event_time`, or `day` where only that is known. Rows of nobody and without a time are left out, and so are
            rows without a value where `members` are given; without, they start somebody.
        watermark: Last instant up to which all revenue is there, with a zone. Rows after it count nowhere.
        unit: day, week, month or quarter; hour only with `event_time`.
        zone: Time zone of the calendar.
        week_start: monday or sunday.
        members: Rows with `entity_id` and `started_at`; the first one of each counts. Those without revenue count with
            0, and revenue of others or before that instant counts nowhere; where only days are known, that of the day
            of the start counts. None where each entity starts with its first row.

    Returns:
        `age` from 0 to the last that is over for anybody; `n_members`, `revenue_minor`, a decimal(38,0), `ltv_minor`,
        the one divided by the other; `unit`, `zone`, `week_start`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    calendar = checked_calendar(unit, zone, week_start)
    ends = checked_watermark(watermark)
    valued = valued_rows(rows, calendar, ends).withColumn("value", F.coalesce("value_minor", F.lit(0).cast(SUM)))
    if members is None:
        by_interval = valued.groupBy("entity_id", "at").agg(F.sum("value").alias("value"))
        first = F.min("at").over(W.partitionBy("entity_id"))
        joined = by_interval.select(first.alias("start"), "at", "value", (F.col("at") == first).alias("is_first"))
    else:
        started = _started(members, calendar, ends)
        since = F.col("latest") >= F.col("started_at")
        # where clocks go back over midnight, what comes later may have the earlier date
        at = F.greatest("at", "start").alias("at")
        spent = started.join(valued, on="entity_id", how="inner").where(since)
        nothing = started.select("start", F.col("start").alias("at"), F.lit(0), F.lit(True))
        joined = spent.select("start", at, "value", F.lit(False).alias("is_first")).union(nothing)
    cells = joined.groupBy("start", "at").agg(F.sum("value").alias("value"), F.count_if("is_first").alias("n_members"))
    last = calendar.interval_of(instant(ends)) - F.lit(1)
    by_age = (
        _up_to_each_age(cells, last)
        .groupBy("age")
        .agg(F.sum("n_members").alias("n_members"), F.sum("revenue_minor").alias("revenue_minor"))
    )
    return by_age.select(
        "age",
        "n_members",
        "revenue_minor",
        # by doubles: a quotient of decimals has few digits after the point
        (F.col("revenue_minor").cast("double") / F.col("n_members")).alias("ltv_minor"),
        F.lit(unit).alias("unit"),
        F.lit(zone).alias("zone"),
        F.lit(week_start).alias("week_start"),
        instant(ends).alias("watermark"),
    )


def members_of_ages(
    rows: DataFrame,
    *,
    watermark: datetime,
    unit: str = "month",
    zone: str = "UTC",
    week_start: str = "monday",
    members: DataFrame | None = None,
) -> DataFrame:
    """Find the members whom `ltv` counts at each age. A row of the result is a member and an age that is over.

    Takes what `ltv` takes; answers `entity_id` and `age`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    calendar = checked_calendar(unit, zone, week_start)
    ends = checked_watermark(watermark)
    if members is None:
        started = valued_rows(rows, calendar, ends).groupBy("entity_id").agg(F.min("at").alias("start"))
    else:
        started = _started(members, calendar, ends)
    last = calendar.interval_of(instant(ends)) - F.lit(1)
    ages = F.sequence(F.lit(0), last - F.col("start"))
    return started.where(F.col("start") <= last).select("entity_id", F.explode(ages).alias("age"))


def _started(members: DataFrame, calendar: Calendar, ends: datetime) -> DataFrame:
    """When each member started, and in which interval: `entity_id`, `started_at`, `start`."""
    check_columns("members", members, {"entity_id": None, "started_at": "timestamp"})
    start, is_known = interval_column(members, calendar, ends, argument="members", time="started_at")
    known = members.where(F.col("entity_id").isNotNull() & is_known)
    return known.groupBy("entity_id").agg(F.min("started_at").alias("started_at")).withColumn("start", start)


def _up_to_each_age(cells: DataFrame, last: Column) -> DataFrame:
    """Members and revenue so far of those who started in an interval, at each age that is over."""
    of_start = W.partitionBy("start")
    in_order = of_start.orderBy("at")
    so_far = in_order.rowsBetween(W.unboundedPreceding, W.currentRow)
    # nothing changes up to the next interval with revenue
    until = F.coalesce(F.lead("at").over(in_order) - F.lit(1), last)
    added = cells.where(F.col("at") <= last).select(
        "start",
        F.sum("n_members").over(of_start).alias("n_members"),
        F.sum("value").over(so_far).alias("revenue_minor"),
        "at",
        until.alias("until"),
    )
    each = added.select("*", F.explode(F.sequence("at", "until")).alias("each"))
    return each.select((F.col("each") - F.col("start")).alias("age"), "n_members", "revenue_minor")
