"""Activity: what each person did in each quarter of an hour. Retention and whatever counts by days is read off it.

Reads   events_resolved, events   whose an event is and when; properties where some are declared
Yields  activity                  one row per person, event name and quarter of an hour in UTC
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import ACTIVITY
from oneuser.marts.calendar import quarter_of
from oneuser.marts.properties import property_text
from oneuser.spark.event_order import event_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.provenance import Provenance

_MAP = "map<string,string>"


def with_properties(
    events_resolved: DataFrame,
    events: DataFrame,
    *,
    properties: Sequence[str],
    owner: str = "user_id",
    also: Sequence[str] = (),
    is_placed: bool = False,
) -> DataFrame:
    """Events of people, or of accounts, with the declared properties that they have.

    Args:
        events_resolved: Rows of `events_resolved`. Events of nobody are left out.
        events: Rows of `events`; read only where properties are declared.
        properties: Declared properties, as paths within an event's properties, such as `plan` or `cart.size`.
        owner: `user_id` or `account_id`: whose events.
        also: Further columns of `events_resolved` to keep.
        is_placed: Whether rows say their `place` among those of their instant.

    Returns:
        `entity_id`, `event_time`, `event`, those columns, `place` where it is asked for, and `properties`, a map from
        those names to text, where any are declared.
    """
    owned = events_resolved.where(F.col(owner).isNotNull())
    if is_placed:
        owned = owned.withColumn("place", event_order())
    placed = ("place",) if is_placed else ()
    whose = (F.col(owner).alias("entity_id"), *map(F.col, ("event_time", "event", *also, *placed)))
    if not properties:
        return owned.select(*whose)
    said = events.select("message_key", _declared(properties).alias("properties"))
    return owned.join(said, on="message_key", how="left").select(
        *whose, F.coalesce("properties", F.create_map().cast(_MAP)).alias("properties")
    )


def _declared(properties: Sequence[str]) -> Column:
    """A map of those that an event has, in alphabetical order."""
    pairs = [part for name in sorted(properties) for part in (F.lit(name), property_text(name))]
    return F.map_filter(F.create_map(*pairs), lambda _, text: text.isNotNull())


def build_activity(events: DataFrame, *, provenance: Provenance) -> DataFrame:
    """Count what each person did in each quarter of an hour.

    Args:
        events: What `with_properties` yields.
        provenance: How the rows are made.

    Returns:
        Rows of `activity`. Grows with the quarters of an hour in which somebody did something; shuffled by person once.
    """
    time, has_properties = F.col("event_time"), "properties" in events.columns
    properties = F.to_json("properties") if has_properties else F.lit(None).cast("string")
    by_variant = (
        events.select(
            F.col("entity_id").alias("user_id"), "event", quarter_of(time).alias("quarter"), time, properties.alias("p")
        )
        # one shuffle serves both groupings
        .repartition("user_id")
        .groupBy("user_id", "event", "quarter", F.col("p").alias("properties"))
        .agg(F.count(F.lit(1)).alias("n_events"), F.min(time).alias("first_at"), F.max(time).alias("last_at"))
    )
    variant = F.struct("properties", "n_events", "first_at", "last_at")
    variants = F.array_sort(F.collect_list(variant)) if has_properties else _no_variants()
    by_name = by_variant.groupBy("user_id", "event", "quarter").agg(
        F.sum("n_events").alias("n_events"),
        F.min("first_at").alias("first_at"),
        F.max("last_at").alias("last_at"),
        *([variants.alias("variants")] if has_properties else []),
    )
    whole = by_name if has_properties else by_name.withColumn("variants", variants)
    return ACTIVITY.conform(whole.select("*", *provenance.columns()))


def _no_variants() -> Column:
    return F.lit(None).cast(next(one.dtype for one in ACTIVITY.fields if one.name == "variants"))


def moments_of_activity(activity: DataFrame, *, properties: Sequence[str]) -> DataFrame:
    """Rows of `activity` as moments, which count like single events.

    Args:
        activity: Rows of `activity`.
        properties: Declared properties that are asked for; where there are any, each variant is a moment.

    Returns:
        `entity_id`, `event`, `properties` where asked for, `n_events`, `first_at` and `last_at`.
    """
    whose = (F.col("user_id").alias("entity_id"), F.col("event"))
    if not properties:
        return activity.select(*whose, "n_events", "first_at", "last_at")
    each = activity.select(*whose, F.explode("variants").alias("one"))
    return each.select(
        "entity_id",
        "event",
        F.from_json("one.properties", _MAP).alias("properties"),
        "one.n_events",
        "one.first_at",
        "one.last_at",
    )


def moments_of_events(events: DataFrame, *, properties: Sequence[str]) -> DataFrame:
    """Single events as moments: the columns of `moments_of_activity`; `event` is null where events have no names."""
    time = F.col("event_time")
    has_name = "event" in events.columns
    return events.select(
        "entity_id",
        (F.col("event") if has_name else F.lit(None).cast("string")).alias("event"),
        *([F.col("properties")] if properties else []),
        F.lit(1).cast("bigint").alias("n_events"),
        time.alias("first_at"),
        time.alias("last_at"),
    )
