"""Recurring revenue by month, of subscriptions with an amount and a period.

Reads   anybody's subscriptions
Yields  rows as `revenue_retention` takes them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.calendar import checked_calendar, checked_watermark, instant
from oneuser.marts.event_rows import check_columns

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import DataFrame

# no offset of retention reaches farther back, and a start in the year 1 would be two thousand years of months
_MOST_MONTHS = 400


def monthly_revenue(subscriptions: DataFrame, *, watermark: datetime, zone: str = "UTC") -> DataFrame:
    """Say month by month what subscriptions are worth. A row is a record of one, and a month that it counts in.

    A record counts in the months at whose end it holds: an upgrade within a month counts with its new amount, and what
    ends within a month is no revenue of it any more. Grows with the records and the months that each holds.

    Args:
        subscriptions: Rows with `entity_id`, `mrr_minor` (an amount of a month, in whole minor units), `valid_from`
            (inclusive) and `valid_to` (exclusive). What has no end holds on. What has no beginning reaches back to the
            first month in which any record with a beginning or an end holds. Rows of nobody are left out.
        watermark: Last instant up to which all is known, with a zone. Months that are not over at it have no rows.
        zone: Time zone whose months count.

    Returns:
        `entity_id`, `month`, its first day, and `mrr_minor`; of the last 400 months at most.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    check_columns(
        "subscriptions",
        subscriptions,
        {"entity_id": None, "mrr_minor": None, "valid_from": "timestamp", "valid_to": "timestamp"},
    )
    calendar = checked_calendar("month", zone)
    last = calendar.interval_of(instant(checked_watermark(watermark))) - F.lit(1)
    held = subscriptions.where(F.col("entity_id").isNotNull()).select(
        "entity_id",
        "mrr_minor",
        calendar.interval_of(F.col("valid_from")).alias("begins"),
        # the last month that is over when it ends
        (calendar.interval_of(F.col("valid_to")) - F.lit(1)).alias("ends"),
    )
    known = held.agg(F.min(F.coalesce("begins", "ends")).alias("known"))
    earliest = F.greatest(F.coalesce("known", last), last - F.lit(_MOST_MONTHS - 1))
    bounded = held.crossJoin(F.broadcast(known)).select(
        "entity_id",
        "mrr_minor",
        F.greatest(F.col("begins"), earliest).alias("begins"),
        F.least(F.col("ends"), last).alias("ends"),
    )
    months = F.explode(F.sequence("begins", "ends"))
    each = bounded.where(F.col("begins") <= F.col("ends")).select("entity_id", "mrr_minor", months.alias("at"))
    return each.select("entity_id", calendar.first_day_of(F.col("at")).alias("month"), "mrr_minor")
