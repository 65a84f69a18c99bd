"""How many are active: of a day, a week, four weeks, and what share of these on a day.

Reads   anybody's events, reduced to a row per entity and day before anything else
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.calendar import Calendar, checked_calendar, checked_watermark, instant
from oneuser.marts.event_rows import check_at_least
from oneuser.marts.lifecycle.engagement import days_active, within_last

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame


def dau_mau(events: DataFrame, *, zone: str = "UTC", watermark: datetime, days: int = 28) -> DataFrame:
    """Mean number of daily actives, divided by the different actives of the same days.

    The days are the last full ones at the watermark; the day that holds it is left out, as it is not over.

    Args:
        events: Rows with `entity_id` and `event_time`. Events of nobody and without a time are left out.
        zone: Time zone whose days count.
        watermark: Last instant up to which all events are there, with a zone. Events after it count nowhere.
        days: How many days.

    Returns:
        One row: `dau_mau`, null where nobody was active; `mean_daily_actives`, `n_actives`, `first_day`, `last_day`,
        `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    check_at_least(1, days=days)
    counted = days_active(events, zone=zone, watermark=watermark, days=days).agg(
        F.coalesce(F.sum("n_days"), F.lit(0)).alias("n_entity_days"), F.count(F.lit(1)).alias("n_actives")
    )
    last = Calendar("day", zone).interval_of(instant(checked_watermark(watermark))) - F.lit(1)
    return counted.select(
        (F.col("n_entity_days") / F.nullif(F.col("n_actives") * F.lit(days), F.lit(0))).alias("dau_mau"),
        (F.col("n_entity_days") / F.lit(days)).alias("mean_daily_actives"),
        "n_actives",
        F.date_from_unix_date(last - F.lit(days - 1)).alias("first_day"),
        F.date_from_unix_date(last).alias("last_day"),
        F.lit(zone).alias("zone"),
        instant(checked_watermark(watermark)).alias("watermark"),
    )


def active_users(
    events: DataFrame, *, zone: str = "UTC", watermark: datetime, days: Sequence[int] = (1, 7, 28)
) -> DataFrame:
    """Count different actives of the last full days, for several numbers of days: 1 is DAU, 7 WAU, 28 MAU.

    Args:
        events: As `dau_mau` takes them.
        zone: Time zone whose days count.
        watermark: As in `dau_mau`.
        days: How many days, several numbers.

    Returns:
        A row per number of days: `days`, `n_actives`, `mean_daily_actives`, `daily_share`, the latter by the former,
        null where nobody was active; `first_day`, `last_day`, `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    numbers = sorted(set(days))
    if not numbers:
        raise ConfigError.single("days", "expected at least one number of days")
    for number in numbers:
        check_at_least(1, days=number)
    calendar = checked_calendar("day", zone)
    ends = instant(checked_watermark(watermark))
    last = calendar.interval_of(ends) - F.lit(1)
    known = within_last(events, calendar, watermark=watermark, intervals=numbers[-1])
    active = known.select("entity_id", (last - calendar.interval_of(F.col("event_time"))).alias("age")).distinct()
    of_each = active.groupBy("entity_id").agg(
        *(F.count_if(F.col("age") < F.lit(number)).alias(f"n_{number}") for number in numbers)
    )
    counted = of_each.agg(
        *(F.count_if(F.col(f"n_{number}") > F.lit(0)).alias(f"entities_{number}") for number in numbers),
        *(F.coalesce(F.sum(f"n_{number}"), F.lit(0)).alias(f"days_{number}") for number in numbers),
    )
    each = F.array(
        *(
            F.struct(
                F.lit(number).alias("days"),
                F.col(f"entities_{number}").alias("n_actives"),
                F.col(f"days_{number}").alias("n_entity_days"),
            )
            for number in numbers
        )
    )
    return counted.select(F.explode(each).alias("one")).select(
        "one.days",
        "one.n_actives",
        (F.col("one.n_entity_days") / F.col("one.days")).alias("mean_daily_actives"),
        (F.col("one.n_entity_days") / F.nullif(F.col("one.n_actives") * F.col("one.days"), F.lit(0))).alias(
            "daily_share"
        ),
        F.date_from_unix_date(last - F.col("one.days") + F.lit(1)).alias("first_day"),
        F.date_from_unix_date(last).alias("last_day"),
        F.lit(zone).alias("zone"),
        ends.alias("watermark"),
    )
