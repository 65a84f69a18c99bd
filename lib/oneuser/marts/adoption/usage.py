"""Feature usage: what each person or account used, how often, on how many days, from when to when.

Reads   anybody's events
Yields  a row per entity and feature; a row per account and feature; breadth and depth, read off the former
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.calendar import checked_calendar, checked_watermark, instant, micros_of
from oneuser.marts.event_rows import check_at_least, check_columns, known_events, last_of, micros_of_days, times_counted
from oneuser.marts.steps import Step, checked_step, named_in, with_tests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pyspark.sql import DataFrame

    from oneuser.marts.event_filters import EventFilter


def feature_usage(
    events: DataFrame,
    *,
    features: Mapping[str, Step],
    zone: str = "UTC",
    window_days: float | None = None,
    watermark: datetime,
) -> DataFrame:
    """Add up what each entity used. A row of the result is an entity and a feature that it used.

    Args:
        events: Rows with `entity_id`, `event_time`, `event`, and `properties` where features ask for them; where a row
            stands for several events, `n_events`, and `last_at`, the time of the last of them. Events of nobody and
            without a time are left out.
        features: What is a use of a feature, by the feature's name: an event's name, or
            `{"event": name, "where": {property: value or values}}`. An event may be a use of several.
        zone: Time zone whose days count.
        window_days: Days of 24 hours up to the watermark whose events count, from the first instant to the last; None
            for all.
        watermark: Last instant up to which all events are there, with a zone. Events after it count nowhere.

    Returns:
        `entity_id`, `feature`, `n_uses`, `n_days` with a use, `first_used_at`, `last_used_at`; `window_days`, `zone`,
        `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    daily = _daily_uses(events, features, ("entity_id",), zone, window_days, watermark)
    added = daily.groupBy("entity_id", "feature").agg(
        F.sum("n_uses").alias("n_uses"),
        F.count(F.lit(1)).alias("n_days"),
        F.min("first_used_at").alias("first_used_at"),
        F.max("last_used_at").alias("last_used_at"),
    )
    return _with_parameters(added, zone, window_days, watermark)


def account_feature_usage(
    events: DataFrame,
    *,
    features: Mapping[str, Step],
    zone: str = "UTC",
    window_days: float | None = None,
    watermark: datetime,
) -> DataFrame:
    """Add up what the members of each account used. A row of the result is an account and a feature that it used.

    Args:
        events: As `feature_usage` takes them, with `account_id`: the account of the entity at the time of the event.
            Events without one are left out.
        features: As in `feature_usage`.
        zone: Time zone whose days count.
        window_days: As in `feature_usage`.
        watermark: As in `feature_usage`.

    Returns:
        `account_id`, `feature`, `n_uses`, `n_days` with a use by anybody, `n_users`, `first_used_at`, `last_used_at`;
        `window_days`, `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    check_columns("events", events, {"account_id": None})
    members = events.where(F.col("account_id").isNotNull())
    daily = _daily_uses(members, features, ("account_id", "entity_id"), zone, window_days, watermark)
    added = daily.groupBy("account_id", "feature").agg(
        F.sum("n_uses").alias("n_uses"),
        F.count_distinct("day").alias("n_days"),
        F.count_distinct("entity_id").alias("n_users"),
        F.min("first_used_at").alias("first_used_at"),
        F.max("last_used_at").alias("last_used_at"),
    )
    return _with_parameters(added, zone, window_days, watermark)


def breadth(usage: DataFrame, *, min_uses: int = 1, min_days: int = 1) -> DataFrame:
    """Count the features that each entity adopted. A row of the result is an entity that used any.

    Args:
        usage: Rows of `feature_usage`, of one window.
        min_uses: Uses from which on a feature is adopted.
        min_days: Days with a use from which on it is.

    Returns:
        `entity_id`, `n_adopted`, 0 where it adopted none, and `n_tried`.

    Raises:
        ConfigError: where a number is smaller than it may be.
    """
    check_at_least(1, min_uses=min_uses, min_days=min_days)
    is_adopted = (F.col("n_uses") >= F.lit(min_uses)) & (F.col("n_days") >= F.lit(min_days))
    return usage.groupBy("entity_id").agg(
        F.count_if(is_adopted).alias("n_adopted"), F.count_if(F.col("n_uses") > F.lit(0)).alias("n_tried")
    )


def depth(usage: DataFrame, *, min_uses: int = 1, min_days: int = 1) -> DataFrame:
    """Count how much those who adopted a feature use it. A row of the result is a feature that anybody used.

    Args:
        usage: Rows of `feature_usage`, of one window.
        min_uses: Uses from which on a feature is adopted.
        min_days: Days with a use from which on it is.

    Returns:
        `feature`, `n_adopted` entities, `n_uses` of these, and `depth`, uses per adopting entity, null without any.

    Raises:
        ConfigError: where a number is smaller than it may be.
    """
    check_at_least(1, min_uses=min_uses, min_days=min_days)
    is_adopted = (F.col("n_uses") >= F.lit(min_uses)) & (F.col("n_days") >= F.lit(min_days))
    counted = usage.groupBy("feature").agg(
        F.count_if(is_adopted).alias("n_adopted"),
        F.coalesce(F.sum(F.when(is_adopted, F.col("n_uses"))), F.lit(0)).alias("n_uses"),
    )
    return counted.select("*", (F.col("n_uses") / F.nullif("n_adopted", F.lit(0))).alias("depth"))


def _daily_uses(
    events: DataFrame,
    features: Mapping[str, Step],
    whose: tuple[str, ...],
    zone: str,
    window_days: float | None,
    watermark: datetime,
) -> DataFrame:
    """A row per entity, feature and day with a use: what all else is added up from."""
    tests = _tests(features)
    calendar = checked_calendar("day", zone)
    known = in_window(events, window_days=window_days, watermark=watermark)
    columns = {f"_is_{place}": name for place, name in enumerate(tests)}
    marked = with_tests(named_in(known, tests.values()), {column: tests[name] for column, name in columns.items()})
    used = F.array_compact(F.array(*(F.when(F.col(column), F.lit(name)) for column, name in columns.items())))
    each = marked.select(
        *whose,
        "event_time",
        last_of(events).alias("last_at"),
        calendar.interval_of(F.col("event_time")).alias("day"),
        times_counted(events).alias("n"),
        F.explode(used).alias("feature"),
    )
    return each.groupBy(*whose, "feature", "day").agg(
        F.sum("n").alias("n_uses"),
        F.min("event_time").alias("first_used_at"),
        F.max("last_at").alias("last_used_at"),
    )


def in_window(events: DataFrame, *, window_days: float | None, watermark: datetime) -> DataFrame:
    """The events that count, of the last days of 24 hours up to the watermark, both ends included; None for all.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    ends = checked_watermark(watermark)
    known = known_events(events, watermark=ends, needs=("event",))
    if window_days is None:
        return known
    first = F.timestamp_micros(F.lit(micros_of(ends) - micros_of_days("window_days", window_days)))
    return known.where(F.col("event_time") >= first)


def _tests(features: Mapping[str, Step]) -> dict[str, EventFilter]:
    if not features:
        raise ConfigError.single("features", "expected at least one feature: a name, and what is a use of it")
    return {name: checked_step(f"features[{name!r}]", use) for name, use in features.items()}


def _with_parameters(rows: DataFrame, zone: str, window_days: float | None, watermark: datetime) -> DataFrame:
    return rows.select(
        "*",
        F.lit(window_days).cast("double").alias("window_days"),
        F.lit(zone).alias("zone"),
        instant(checked_watermark(watermark)).alias("watermark"),
    )
