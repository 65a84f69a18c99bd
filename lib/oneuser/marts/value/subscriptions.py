"""Retention of recurring revenue: gross, net, and of customers.

Reads   anybody's monthly rows of recurring revenue
Yields  a row per month and number of months later
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.calendar import Calendar, checked_calendar, checked_watermark, instant, known_word
from oneuser.marts.event_rows import check_at_least
from oneuser.marts.value.money_rows import valued_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

Customers = Literal["recurring", "first_ever"]


def revenue_retention(
    rows: DataFrame,
    *,
    watermark: datetime,
    zone: str = "UTC",
    offsets: Sequence[int] = (1, 3, 6, 12),
    membership: Customers = "recurring",
) -> DataFrame:
    """Compare recurring revenue of a month's customers with theirs some months later. A row is a month and an offset.

    A customer of a month has recurring revenue above 0 in it. A month without a row is one without revenue, once it is
    over at the watermark; before, nothing is known of it.

    Args:
        rows: Rows with `entity_id`, `mrr_minor` (whole minor units of one currency), and `event_time`, or `month`, any
            day of it, where only that is known. Several of one entity and month are added up. Rows of nobody and
            without a month are left out.
        watermark: Last instant up to which all rows are there, with a zone. Rows after it count nowhere.
        zone: Time zone whose months count.
        offsets: How many months later, each at least 1.
        membership: `recurring`, all customers of each month, or `first_ever`, those whose first month it is.

    Returns:
        `month`, its first day; `offset`; `n_customers` and `mrr_minor` of the month; `gross_mrr_minor`, what each has
        later but at most what it had; `later_mrr_minor`; `n_retained`, customers with revenue later; `grr`, `nrr` and
        `logo_retention`, gross, later and retained divided by what there was. All that is later is null where
        the later month is not over. `is_observed`, `membership`, `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    ends = checked_watermark(watermark)
    calendar = checked_calendar("month", zone)
    last = calendar.interval_of(instant(ends)) - F.lit(1)
    pairs = _customers(rows, ends, calendar, offsets, membership)
    summed = pairs.groupBy("at", "later.offset").agg(
        F.count(F.lit(1)).alias("n_customers"),
        F.sum("mrr").alias("mrr_minor"),
        F.sum(F.least("mrr", "later.mrr")).alias("gross"),
        F.sum("later.mrr").alias("later"),
        F.count_if(F.col("later.mrr") > F.lit(0)).alias("retained"),
    )
    return _with_rates(summed, last, calendar).select(
        "*", F.lit(membership).alias("membership"), F.lit(zone).alias("zone"), instant(ends).alias("watermark")
    )


def customers(
    rows: DataFrame,
    *,
    watermark: datetime,
    zone: str = "UTC",
    offsets: Sequence[int] = (1, 3, 6, 12),
    membership: Customers = "recurring",
) -> DataFrame:
    """Find the customers whom `revenue_retention` counts. A row is a customer of a month, and an offset.

    Takes what `revenue_retention` takes.

    Returns:
        `entity_id`; `month`, its first day; `offset`; `mrr_minor`; `later_mrr_minor` and `is_retained`, null where the
        later month is not over.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    ends = checked_watermark(watermark)
    calendar = checked_calendar("month", zone)
    last = calendar.interval_of(instant(ends)) - F.lit(1)
    is_observed = F.col("at") + F.col("later.offset") <= last
    return _customers(rows, ends, calendar, offsets, membership).select(
        "entity_id",
        calendar.first_day_of(F.col("at")).alias("month"),
        "later.offset",
        F.col("mrr").alias("mrr_minor"),
        F.when(is_observed, F.col("later.mrr")).alias("later_mrr_minor"),
        F.when(is_observed, F.col("later.mrr") > F.lit(0)).alias("is_retained"),
    )


def _customers(
    rows: DataFrame, ends: datetime, calendar: Calendar, offsets: Sequence[int], membership: Customers
) -> DataFrame:
    """Customers of the months that are over, each with what it has later, offset by offset."""
    known_word("membership", membership, get_args(Customers))
    if not offsets:
        raise ConfigError.single("offsets", "expected at least one number of months")
    for offset in offsets:
        check_at_least(1, offsets=offset)
    monthly = (
        valued_rows(rows, calendar, ends, value="mrr_minor", day="month")
        .groupBy("entity_id", "at")
        .agg(F.coalesce(F.sum("value_minor"), F.lit(0)).alias("mrr"))
    )
    last = calendar.interval_of(instant(ends)) - F.lit(1)
    return _with_later(monthly, sorted(set(offsets)), membership).where(F.col("at") <= last)


def _with_later(monthly: DataFrame, offsets: Sequence[int], membership: Customers) -> DataFrame:
    """Customers of each month, each with what it has later, offset by offset; 0 where there is no row."""
    of_entity = W.partitionBy("entity_id")
    in_order = of_entity.orderBy("at")
    later = F.array(
        *(
            F.struct(
                F.lit(offset).alias("offset"),
                F.coalesce(F.sum("mrr").over(in_order.rangeBetween(offset, offset)), F.lit(0)).alias("mrr"),
            )
            for offset in offsets
        )
    )
    is_customer = F.col("mrr") > F.lit(0)
    first = F.min(F.when(is_customer, F.col("at"))).over(of_entity)
    wide = monthly.select("entity_id", "at", "mrr", later.alias("each"), first.alias("first"))
    is_base = is_customer if membership == "recurring" else F.col("at") == F.col("first")
    return wide.where(is_base).select("entity_id", "at", "mrr", F.explode("each").alias("later"))


def _with_rates(summed: DataFrame, last: Column, calendar: Calendar) -> DataFrame:
    is_observed = F.col("at") + F.col("offset") <= last

    def known(column: str) -> Column:
        return F.when(is_observed, F.col(column))

    there = F.col("mrr_minor").cast("double")
    return summed.select(
        calendar.first_day_of(F.col("at")).alias("month"),
        "offset",
        "n_customers",
        "mrr_minor",
        known("gross").alias("gross_mrr_minor"),
        known("later").alias("later_mrr_minor"),
        known("retained").alias("n_retained"),
        # by doubles: a quotient of decimals has few digits after the point
        (known("gross").cast("double") / there).alias("grr"),
        (known("later").cast("double") / there).alias("nrr"),
        (known("retained") / F.col("n_customers")).alias("logo_retention"),
        is_observed.alias("is_observed"),
    )
