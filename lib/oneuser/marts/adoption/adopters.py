"""Adoption: who tried a feature, who made it a habit, out of how many. Of people, and of accounts by their members.

Reads   anybody's events, reduced to a row per entity and day before anything else
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.adoption.usage import in_window
from oneuser.marts.calendar import checked_calendar, checked_watermark, instant
from oneuser.marts.event_rows import check_at_least, check_columns, known_events, times_counted
from oneuser.marts.steps import Step, checked_step, text_of, with_tests

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column

_HUNDRED = 100


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
    is_known = F.lit(eligible is not None)
    counted = people.agg(
        F.count_if("is_tried").alias("n_tried"),
        F.count_if("is_adopted").alias("n_adopted"),
        F.count_if("is_active").alias("n_active"),
        F.when(is_known, F.count_if("is_eligible")).alias("n_eligible"),
        F.when(is_known, F.count_if(F.col("is_adopted") & F.col("is_eligible"))).alias("n_adopted_eligible"),
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
        F.lit(text_of(checked_step("feature", feature))).alias("feature"),
        *_parameters(min_uses, min_days, window_days, zone, watermark),
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
    people = _uses(events, feature, ("entity_id",), zone, window_days, watermark)
    if eligible is not None:
        could = _eligible(events, eligible, watermark).withColumn("is_eligible", F.lit(True))
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
        F.coalesce(_is_adopted(min_uses, min_days), no).alias("is_adopted"),
        F.coalesce("is_eligible", no).alias("is_eligible"),
    )


def account_adoption(
    events: DataFrame,
    *,
    feature: Step,
    min_uses: int,
    min_days: int,
    window_days: float,
    watermark: datetime,
    zone: str = "UTC",
    seats: DataFrame | None = None,
    min_seats_percent: float | None = None,
) -> DataFrame:
    """Find the accounts that adopted a feature. A row is an account with an event in the window, or with seats.

    Args:
        events: As `adoption` takes them, with `account_id`: the account of the entity at the time of the event. Events
            without one are left out.
        feature: As in `adoption`.
        min_uses: As in `adoption`; what a member used in one account counts there alone.
        min_days: As in `adoption`.
        window_days: As in `adoption`.
        watermark: As in `adoption`.
        zone: Time zone whose days count.
        seats: Rows with `account_id`, one each, and `n_seats`; None where they are not known.
        min_seats_percent: Per cent of the seats that have to have adopted it. None where one member is enough.

    Returns:
        `account_id`, `n_active`, `n_tried` and `n_adopted` members, `n_seats` (null where not known), `is_adopted`,
        null where that depends on seats that are not known; `feature`, `min_seats_percent`, `min_uses`, `min_days`,
        `window_days`, `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    check_at_least(1, min_uses=min_uses, min_days=min_days)
    if min_seats_percent is not None and not 0 < min_seats_percent <= _HUNDRED:
        raise ConfigError.single("min_seats_percent", f"expected above 0 and at most 100, found {min_seats_percent!r}")
    if min_seats_percent is not None and seats is None:
        raise ConfigError.single("seats", "a percentage of seats needs the number of seats of each account")
    check_columns("events", events, {"account_id": None})
    members = _uses(
        events.where(F.col("account_id").isNotNull()),
        feature,
        ("account_id", "entity_id"),
        zone,
        window_days,
        watermark,
    )
    accounts = members.groupBy("account_id").agg(
        F.count(F.lit(1)).alias("n_active"),
        F.count_if(F.col("n_uses") > F.lit(0)).alias("n_tried"),
        F.count_if(_is_adopted(min_uses, min_days)).alias("n_adopted"),
    )
    if seats is None:
        seated = accounts.withColumn("n_seats", F.lit(None).cast("bigint"))
    else:
        check_columns("seats", seats, {"account_id": None, "n_seats": None})
        numbers = seats.select("account_id", F.col("n_seats").cast("bigint").alias("n_seats"))
        seated = accounts.join(numbers, on="account_id", how="full")
    none = F.lit(0).cast("bigint")
    return seated.select(
        "account_id",
        *(F.coalesce(name, none).alias(name) for name in ("n_active", "n_tried", "n_adopted")),
        "n_seats",
        _is_account_adopted(F.coalesce("n_adopted", none), min_seats_percent).alias("is_adopted"),
        F.lit(text_of(checked_step("feature", feature))).alias("feature"),
        F.lit(min_seats_percent).cast("double").alias("min_seats_percent"),
        *_parameters(min_uses, min_days, window_days, zone, watermark),
    )


def _uses(
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


def _eligible(events: DataFrame, eligible: DataFrame | Step, watermark: datetime) -> DataFrame:
    entity = events.schema["entity_id"].dataType.simpleString()
    if isinstance(eligible, DataFrame):
        check_columns("eligible", eligible, {"entity_id": entity})
        could = eligible.where(F.col("entity_id").isNotNull())
    else:
        known = known_events(events, watermark=checked_watermark(watermark), needs=("event",))
        could = with_tests(known, {"_could": checked_step("eligible", eligible)}).where(F.col("_could"))
    return could.select("entity_id").distinct()


def _is_adopted(min_uses: int, min_days: int) -> Column:
    return (F.col("n_uses") >= F.lit(min_uses)) & (F.col("n_days") >= F.lit(min_days))


def _is_account_adopted(n_adopted: Column, min_seats_percent: float | None) -> Column:
    is_any = n_adopted > F.lit(0)
    if min_seats_percent is None:
        return is_any
    wanted = F.lit(Decimal(str(min_seats_percent))) * F.col("n_seats")
    return is_any & (n_adopted * F.lit(_HUNDRED) >= wanted)


def _share(part: str, whole: str) -> Column:
    return F.col(part) / F.nullif(F.col(whole), F.lit(0))


def _parameters(min_uses: int, min_days: int, window_days: float, zone: str, watermark: datetime) -> tuple[Column, ...]:
    return (
        F.lit(min_uses).alias("min_uses"),
        F.lit(min_days).alias("min_days"),
        F.lit(window_days).cast("double").alias("window_days"),
        F.lit(zone).alias("zone"),
        instant(checked_watermark(watermark)).alias("watermark"),
    )
