"""Adoption: who tried a feature, who made it a habit, out of how many.

Reads   anybody's events, reduced to a row per entity and day before anything else
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.marts.adoption.usage import in_window
from oneuser.marts.calendar import checked_calendar, checked_watermark, instant
from oneuser.marts.event_rows import check_at_least, check_columns, known_events, times_counted
from oneuser.marts.steps import Step, checked_step, text_of, with_tests

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column


def adoption(
    events: DataFrame,
    *,
    feature: Step,
    eligible: DataFrame | Step | None = None,
    min_uses: int,
    min_days: int,
    window_days: float,
    watermark: datetime,
    zone: str = "UTC",
) -> DataFrame:
    """Count who tried and who adopted a feature in the last days up to the watermark.

    An entity *tried* the feature with a use in the window, and *adopted* it with at least `min_uses` uses on at least
    `min_days` days. There is no one rate: it depends on out of how many.

    Args:
        events: Rows with `entity_id`, `event_time`, `event`, and `properties` where a test asks for them; where a row
            stands for several events, `n_events`. Events of nobody and without a time are left out.
        feature: What is a use: an event's name, or `{"event": name, "where": {property: value or values}}`.
        eligible: Who could use the feature: rows with `entity_id`, or an event, written as a use is, that they had at
            any time up to the watermark. None where that is not known.
        min_uses: Uses from which on it is adopted.
        min_days: Days with a use from which on it is.
        window_days: Days of 24 hours up to the watermark, from the first instant to the last.
        watermark: Last instant up to which all events are there, with a zone. Events after it count nowhere.
        zone: Time zone whose days count.

    Returns:
        One row: `n_tried`, `n_adopted`; `adoption_of_active`, adopted out of those with any event in the window;
        `adoption_of_eligible`, those of the eligible who adopted out of all eligible; `adopted_of_tried`. Each is null
        where there is nobody to count them out of. `n_active`, `n_eligible` and `n_adopted_eligible`, null where it is
        not known who could; `feature`, `min_uses`, `min_days`, `window_days`, `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    people = adopters(
        events,
        feature=feature,
        eligible=eligible,
        min_uses=min_uses,
        min_days=min_days,
        window_days=window_days,
        watermark=watermark,
        zone=zone,
    )
    counted = count_adopters(people, is_eligible_known=eligible is not None)
    return counted.select(
        "*",
        F.lit(text_of(checked_step("feature", feature))).alias("feature"),
        *parameters_of(min_uses, min_days, window_days, zone, watermark),
    )


def count_adopters(people: DataFrame, *, is_eligible_known: bool, **more: Column) -> DataFrame:
    """Count those who tried and adopted, and out of how many. One row.

    Args:
        people: Rows of `adopters`, or of `adopting_accounts`.
        is_eligible_known: Whether it is known who could use the feature.
        more: Further numbers of the same rows, by name.

    Returns:
        The numbers and shares that `adoption` gives, and the further ones.
    """
    is_known = F.lit(is_eligible_known)
    counted = people.agg(
        F.count_if("is_tried").alias("n_tried"),
        F.count_if("is_adopted").alias("n_adopted"),
        F.count_if("is_active").alias("n_active"),
        F.when(is_known, F.count_if("is_eligible")).alias("n_eligible"),
        F.when(is_known, F.count_if(F.col("is_adopted") & F.col("is_eligible"))).alias("n_adopted_eligible"),
        *(number.alias(name) for name, number in more.items()),
    )
    return counted.select(
        "n_tried",
        "n_adopted",
        _share("n_adopted", "n_active").alias("adoption_of_active"),
        _share("n_adopted_eligible", "n_eligible").alias("adoption_of_eligible"),
        _share("n_adopted", "n_tried").alias("adopted_of_tried"),
        "n_active",
        "n_eligible",
        "n_adopted_eligible",
        *more,
    )


def adopters(
    events: DataFrame,
    *,
    feature: Step,
    eligible: DataFrame | Step | None = None,
    min_uses: int,
    min_days: int,
    window_days: float,
    watermark: datetime,
    zone: str = "UTC",
) -> DataFrame:
    """Say of each entity whether it used and adopted a feature: those whom `adoption` counts.

    Takes what `adoption` takes.

    Returns:
        A row per entity with an event in the window, or that could use the feature: `entity_id`, `n_uses`, `n_days`
        with one, `is_active`, `is_tried`, `is_adopted`, `is_eligible` (false where it is not known who could).

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    check_at_least(1, min_uses=min_uses, min_days=min_days)
    people = uses_of(events, feature, ("entity_id",), zone, window_days, watermark)
    if eligible is not None:
        could = eligible_of(events, eligible, watermark).withColumn("is_eligible", F.lit(True))
        people = people.join(could, on="entity_id", how="full")
    else:
        people = people.withColumn("is_eligible", F.lit(False))
    none, no = F.lit(0).cast("bigint"), F.lit(False)
    return people.select(
        "entity_id",
        F.coalesce("n_uses", none).alias("n_uses"),
        F.coalesce("n_days", none).alias("n_days"),
        F.col("n_uses").isNotNull().alias("is_active"),
        F.coalesce(F.col("n_uses") > F.lit(0), no).alias("is_tried"),
        F.coalesce(is_adopted_by(min_uses, min_days), no).alias("is_adopted"),
        F.coalesce("is_eligible", no).alias("is_eligible"),
    )


def uses_of(
    events: DataFrame,
    feature: Step,
    whose: tuple[str, ...],
    zone: str,
    window_days: float,
    watermark: datetime,
) -> DataFrame:
    """Uses, and days with one, of everybody with an event in the window; 0 of those who did not use the feature."""
    calendar = checked_calendar("day", zone)
    known = in_window(events, window_days=window_days, watermark=watermark)
    marked = with_tests(known, {"_is_use": checked_step("feature", feature)})
    n_uses = F.when(F.col("_is_use"), times_counted(events)).otherwise(F.lit(0).cast("bigint"))
    daily = (
        marked.select(*whose, calendar.interval_of(F.col("event_time")).alias("day"), n_uses.alias("n"))
        .groupBy(*whose, "day")
        .agg(F.sum("n").alias("n"))
    )
    return daily.groupBy(*whose).agg(F.sum("n").alias("n_uses"), F.count_if(F.col("n") > F.lit(0)).alias("n_days"))


def eligible_of(events: DataFrame, eligible: DataFrame | Step, watermark: datetime) -> DataFrame:
    """Who could use the feature: `entity_id`, each once."""
    entity = events.schema["entity_id"].dataType.simpleString()
    if isinstance(eligible, DataFrame):
        check_columns("eligible", eligible, {"entity_id": entity})
        could = eligible.where(F.col("entity_id").isNotNull())
    else:
        known = known_events(events, watermark=checked_watermark(watermark), needs=("event",))
        could = with_tests(known, {"_could": checked_step("eligible", eligible)}).where(F.col("_could"))
    return could.select("entity_id").distinct()


def is_adopted_by(min_uses: int, min_days: int) -> Column:
    """Whether the uses and days of a row are enough."""
    return (F.col("n_uses") >= F.lit(min_uses)) & (F.col("n_days") >= F.lit(min_days))


def _share(part: str, whole: str) -> Column:
    return F.col(part) / F.nullif(F.col(whole), F.lit(0))


def parameters_of(
    min_uses: int, min_days: int, window_days: float, zone: str, watermark: datetime
) -> tuple[Column, ...]:
    """What rows say of how they were counted."""
    return (
        F.lit(min_uses).alias("min_uses"),
        F.lit(min_days).alias("min_days"),
        F.lit(window_days).cast("double").alias("window_days"),
        F.lit(zone).alias("zone"),
        instant(checked_watermark(watermark)).alias("watermark"),
    )
