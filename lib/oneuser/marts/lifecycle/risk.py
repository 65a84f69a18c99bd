"""At risk: who was active and is so less, or is silent for longer than is usual for them.

Reads   anybody's events, reduced to a row per entity and day before anything else
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.calendar import checked_calendar, checked_watermark, instant
from oneuser.marts.event_rows import check_at_least, known_events

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import DataFrame


def at_risk(
    events: DataFrame,
    *,
    zone: str = "UTC",
    watermark: datetime,
    min_days: int,
    days: int = 28,
    drop: float = 0.5,
    silence_factor: float = 3.0,
) -> DataFrame:
    """Find those who were active and may be lost. A row of the result is an entity at risk.

    Of the last `2 · days` full days at the watermark, the first half are the previous days, the second the recent
    ones. At risk is who was active on at least `min_days` previous days, and either on so many fewer recent ones that
    the drop is at least `drop` of the previous number, or is silent for longer than `silence_factor` times the own
    median gap. Silence is the number of full days after the last active one; a gap is that from one active day to the
    next, over all that is known of the entity. Who was active on a single day has no gap. The day that holds the
    watermark is left out, as it is not over.

    Args:
        events: Rows with `entity_id` and `event_time`. Events of nobody and without a time are left out.
        zone: Time zone whose days count.
        watermark: Last instant up to which all events are there, with a zone. Events after it count nowhere.
        min_days: Active days among the previous ones from which on somebody can be at risk.
        days: How many days are recent, and how many previous.
        drop: Share of the previous number, above 0 and at most 1.
        silence_factor: Times the median gap.

    Returns:
        `entity_id`, `n_days_previous`, `n_days`, `is_drop`, `silence_days`, `median_gap_days` (null without a gap),
        `is_silent`, `last_day`, `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    calendar = checked_calendar("day", zone)
    ends = checked_watermark(watermark)
    check_at_least(1, days=days, min_days=min_days)
    if not 0 < drop <= 1:
        raise ConfigError.single("drop", f"expected a share above 0 and at most 1, found {drop!r}")
    if not silence_factor > 0:
        raise ConfigError.single("silence_factor", f"expected a number above 0, found {silence_factor!r}")
    last = calendar.interval_of(instant(ends)) - F.lit(1)
    day = calendar.interval_of(F.col("event_time"))
    active = known_events(events, watermark=ends).select("entity_id", day.alias("day")).distinct()
    gap = F.col("day") - F.lag("day").over(W.partitionBy("entity_id").orderBy("day"))
    people = (
        active.where(F.col("day") <= last)
        .select("entity_id", "day", gap.alias("gap"), (last - F.col("day")).alias("age"))
        .groupBy("entity_id")
        .agg(
            F.count_if(F.col("age").between(days, 2 * days - 1)).alias("n_days_previous"),
            F.count_if(F.col("age") < F.lit(days)).alias("n_days"),
            F.min("age").alias("silence_days"),
            F.percentile("gap", 0.5).alias("median_gap_days"),
            F.max("day").alias("last"),
        )
        .where(F.col("n_days_previous") >= F.lit(min_days))
    )
    lost = F.col("n_days_previous") - F.col("n_days")
    is_silent = F.col("silence_days") > F.lit(float(silence_factor)) * F.col("median_gap_days")
    judged = people.select(
        "*",
        (lost >= F.lit(Decimal(str(drop))) * F.col("n_days_previous")).alias("is_drop"),
        F.coalesce(is_silent, F.lit(False)).alias("is_silent"),
    )
    return judged.where(F.col("is_drop") | F.col("is_silent")).select(
        "entity_id",
        "n_days_previous",
        "n_days",
        "is_drop",
        "silence_days",
        "median_gap_days",
        "is_silent",
        F.date_from_unix_date("last").alias("last_day"),
        F.lit(zone).alias("zone"),
        instant(ends).alias("watermark"),
    )
