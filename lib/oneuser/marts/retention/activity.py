"""Activity: for each person the cohort and the intervals in which the person came back. Retention is read off it.

Reads   events_resolved   one row per accepted message
Yields  activity          one row per person with a start event
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import ACTIVITY
from oneuser.spark.event_order import event_order

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from oneuser.marts.calendar import Calendar
    from oneuser.marts.provenance import Provenance

ANY = "any"


def build_activity(
    events_resolved: DataFrame, *, calendar: Calendar, start: str = ANY, return_event: str = ANY, provenance: Provenance
) -> DataFrame:
    """Find each person's first start event, and the intervals with a return event after it.

    Args:
        events_resolved: Rows of `events_resolved`. Events of nobody are left out.
        calendar: The intervals.
        start: Name of the start event, or `any`.
        return_event: Name of the return event, or `any`.
        provenance: How the rows are made.

    Returns:
        Rows of `activity`. Whoever has no start event has no row. Offset 0 is there where a return event follows the
        start event, in the order of events, in the cohort's own interval.
    """
    is_start, is_return = _is_named(start), _is_named(return_event)
    # the order of events as one comparable value
    moment = F.struct("event_time", event_order().alias("event_order"))
    by_interval = (
        events_resolved.where(F.col("user_id").isNotNull() & (is_start | is_return))
        .select(
            "user_id",
            calendar.interval_of(F.col("event_time")).alias("interval"),
            F.when(is_start, moment).alias("started"),
            F.when(is_return, moment).alias("returned"),
        )
        # one shuffle and one sort serve both groupings; grouping each side of a shuffle would sort twice
        .repartition("user_id")
        .groupBy("user_id", "interval")
        .agg(F.min("started").alias("started"), F.max("returned").alias("returned"))
    )
    back = F.when(F.col("returned").isNotNull(), F.struct("interval", "returned"))
    people = (
        by_interval.groupBy("user_id")
        .agg(
            F.min(F.when(F.col("started").isNotNull(), F.struct("started", "interval"))).alias("first"),
            F.collect_list(back).alias("back"),
        )
        .where(F.col("first").isNotNull())
    )
    return ACTIVITY.conform(
        people.select(
            "user_id",
            F.lit(calendar.unit).alias("unit"),
            F.col("first.started.event_time").alias("started_at"),
            calendar.first_day_of(F.col("first.interval")).alias("cohort"),
            _offsets().alias("offsets"),
            *provenance.columns(),
        )
    )


def _offsets() -> Column:
    own = F.col("first.interval")

    def counts(back: Column) -> Column:
        is_after = back["returned"] > F.col("first.started")
        return (back["interval"] > own) | ((back["interval"] == own) & is_after)

    return F.array_sort(F.transform(F.filter("back", counts), lambda back: back["interval"] - own))


def _is_named(event: str) -> Column:
    if event == ANY:
        return F.lit(True)
    return F.coalesce(F.col("event") == F.lit(event), F.lit(False))
