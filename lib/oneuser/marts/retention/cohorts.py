"""Retention by cohort: how many of those who began together came back.

Reads   activity
Yields  retention   one row per cohort and offset, up to the interval that holds the watermark
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.marts import RETENTION
from oneuser.marts.calendar import start_of
from oneuser.marts.wilson import wilson_interval

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from oneuser.marts.calendar import Calendar
    from oneuser.marts.provenance import Provenance

Mode = Literal["on", "on_or_after"]


def find_watermark(files: DataFrame) -> DataFrame:
    """The last instant up to which all sources are complete: the smallest of their last receipts.

    Args:
        files: Rows of `files`. Sources without any time are left out.

    Returns:
        One row with `watermark`; null where there is no source with a time.
    """
    last = files.groupBy("source").agg(F.max("last_received_at").alias("last_received_at"))
    return last.agg(F.min("last_received_at").alias("watermark"))


def build_retention(
    activity: DataFrame, *, calendar: Calendar, mode: Mode, watermark: datetime, provenance: Provenance
) -> DataFrame:
    """Count, for each cohort and number of intervals later, who came back.

    Every cohort has a row for every offset up to the interval that holds the watermark, whether anybody came back or
    not; a cohort that begins after it has offset 0 only. Offset 0 is the cohort's size. Where an interval has not ended
    at the watermark, `retained` is the count so far, nobody is `eligible`, and the rate and its bounds are null.

    Args:
        activity: Rows of `activity`, of the same calendar.
        calendar: The intervals.
        mode: `on`, back in that interval, or `on_or_after`, back in that or a later one.
        watermark: Last instant up to which all sources are complete.
        provenance: How the rows are made.

    Returns:
        Rows of `retention`.
    """
    per_person = activity.select(
        calendar.interval_of(F.col("started_at")).alias("interval"),
        "cohort",
        "offsets",
        F.array_contains("offsets", 0).alias("is_back_at_once"),
    )
    sizes = per_person.groupBy("interval", "cohort").agg(
        F.count(F.lit(1)).alias("cohort_size"), F.count_if("is_back_at_once").alias("returned_same_interval")
    )
    last = calendar.interval_of(F.lit(watermark))
    cells = sizes.withColumn("_last", F.greatest(last - F.col("interval"), F.lit(0))).select(
        "*", F.explode(F.sequence(F.lit(0), "_last")).alias("offset")
    )
    returns = _count_on(per_person) if mode == "on" else _count_last(per_person, last)
    counted = cells.join(returns, on=["interval", "offset"], how="left").withColumn(
        "n", F.coalesce("n", F.lit(0).cast("bigint"))
    )
    if mode == "on_or_after":
        # who came last in this interval or a later one
        later = W.partitionBy("interval").orderBy(F.desc("offset")).rowsBetween(W.unboundedPreceding, W.currentRow)
        counted = counted.withColumn("n", F.sum("n").over(later))
    return RETENTION.conform(_with_rates(counted, calendar, mode, watermark, provenance))


def _count_on(per_person: DataFrame) -> DataFrame:
    each = per_person.select("interval", F.explode("offsets").alias("offset"))
    return each.groupBy("interval", "offset").agg(F.count(F.lit(1)).alias("n"))


def _count_last(per_person: DataFrame, last: Column) -> DataFrame:
    """People by the offset of their last return; one beyond the watermark's interval counts in that."""
    newest = F.least(F.element_at("offsets", -1), F.greatest(last - F.col("interval"), F.lit(0)))
    each = per_person.where(F.size("offsets") > F.lit(0)).select("interval", newest.alias("offset"))
    return each.groupBy("interval", "offset").agg(F.count(F.lit(1)).alias("n"))


def _with_rates(
    counted: DataFrame, calendar: Calendar, mode: Mode, watermark: datetime, provenance: Provenance
) -> DataFrame:
    ends_at = start_of(
        F.col("interval") + F.col("offset") + F.lit(1),
        unit=calendar.unit,
        zone=calendar.zone,
        week_start=calendar.week_start,
    )
    is_own = F.col("offset") == F.lit(0)
    cells = (
        counted.withColumn("is_observed", ends_at <= F.lit(watermark))
        .withColumn("retained", F.when(is_own, F.col("cohort_size")).otherwise(F.col("n")))
        .withColumn("eligible", F.when(F.col("is_observed"), F.col("cohort_size")).otherwise(F.lit(0).cast("bigint")))
    )
    low, high = wilson_interval(F.col("retained"), F.col("eligible"))
    return cells.select(
        "*",
        (F.col("retained") / F.nullif("eligible", F.lit(0))).alias("rate"),
        low.alias("rate_low"),
        high.alias("rate_high"),
        F.lit(mode).alias("mode"),
        F.lit(calendar.unit).alias("unit"),
        F.lit(calendar.zone).alias("zone"),
        F.lit(calendar.week_start).alias("week_start"),
        F.lit(watermark).alias("watermark"),
        F.lit("person").alias("entity_level"),
        *provenance.columns(),
    )
