"""Recency, frequency and monetary value of each buyer, in days of a calendar.

Reads   anybody's purchases
Yields  a row per buyer
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.calendar import checked_calendar, checked_watermark, instant
from oneuser.marts.value.money_rows import valued_rows

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import DataFrame


def rfm(rows: DataFrame, *, watermark: datetime, zone: str = "UTC") -> DataFrame:
    """Sum up what each entity bought. A row of the result is an entity with a purchase.

    All purchases of a day count as one. Names and meaning are those of models of customer lifetime value: Fader,
    Hardie and Lee (2005): "Counting your customers" the easy way. Marketing Science 24(2).

    Args:
        rows: Rows with `entity_id`, `value_minor` (whole minor units of one currency), and `event_time`, or `day` where
            only that is known. A row is a purchase whatever its value, refunds are none and take nothing back unless
            they are added up with it. Rows of nobody and without a time are left out.
            Where rows have `currency`, several of them are refused when rows are read.
        watermark: Last instant up to which all purchases are there, with a zone. Those after it count nowhere.
        zone: Time zone whose days count.

    Returns:
        `entity_id`; `frequency`, days with a purchase after the first such day; `recency`, days from the first to the
        last; `T`, days from the first to the day of the watermark; `monetary_minor`, mean value of the days that
        frequency counts, of those of which a value is known, null where there are none; `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    calendar = checked_calendar("day", zone)
    ends = checked_watermark(watermark)
    daily = valued_rows(rows, calendar, ends).groupBy("entity_id", "at").agg(F.sum("value_minor").alias("value"))
    # days differ, so the first is the smallest
    first = F.min(F.struct("at", "value"))
    buyers = daily.groupBy("entity_id").agg(
        first.alias("first"),
        F.max("at").alias("last"),
        F.count(F.lit(1)).alias("n_days"),
        F.count("value").alias("n_valued"),
        F.sum("value").alias("total"),
    )
    later_value = F.col("total") - F.coalesce("first.value", F.lit(0))
    n_later_valued = F.col("n_valued") - F.col("first.value").isNotNull().cast("int")
    return buyers.select(
        "entity_id",
        (F.col("n_days") - F.lit(1)).alias("frequency"),
        (F.col("last") - F.col("first.at")).alias("recency"),
        (calendar.interval_of(instant(ends)) - F.col("first.at")).alias("T"),
        # by doubles: a quotient of decimals has few digits after the point
        (later_value.cast("double") / F.nullif(n_later_valued, F.lit(0))).alias("monetary_minor"),
        F.lit(zone).alias("zone"),
        instant(ends).alias("watermark"),
    )
