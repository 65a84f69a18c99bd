"""Over-shared values: those that too many people carry to say anything about any of them.

Counted before components, on messages, so that one placeholder never builds a giant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import Column, DataFrame

WARN_SHARE = 0.8


def count_persons_per_value(
    messages: DataFrame,
    classes: DataFrame | None,
    *,
    bounds: Mapping[int, int],
    unique_priorities: Collection[int],
    known_priorities: Collection[int],
) -> DataFrame:
    """How many people the messages with a value carry, for the values near their bound or above it.

    People are counted by distinct values of one other type that is unique, an alias class counting once. A value that
    no unique type ever accompanies, as where nobody logs in, is counted by one other known type. Where there are
    several such types, the largest of the counts holds.

    Args:
        messages: Rows of `linking_messages`.
        classes: `identifier_id`, `value_class` of the values that aliases join; null where none are.
        bounds: `max_persons_per_value` by priority of the type.
        unique_priorities: Priorities of the unique types.
        known_priorities: Priorities of the types that name a person.

    Returns:
        `identifier_id`, `n_persons`, `bound`: one row per value with at least `WARN_SHARE` of its bound. Those with
        more people than the bound are over-shared.
    """
    pairs = find_persons(
        messages, bounds=bounds, unique_priorities=unique_priorities, known_priorities=known_priorities
    )
    if classes is not None:
        renamed = classes.select(F.col("identifier_id").alias("person_id"), "value_class")
        pairs = pairs.join(renamed, on="person_id", how="left").withColumn(
            "person_id", F.coalesce("value_class", "person_id")
        )
    counted = pairs.groupBy("identifier_id", "priority", "is_by_unique", "person_priority").agg(
        F.count_distinct("person_id").alias("n_persons")
    )
    by_unique = F.max(F.when(F.col("is_by_unique"), F.col("n_persons")))
    largest = counted.groupBy("identifier_id", "priority").agg(
        F.coalesce(by_unique, F.max("n_persons")).alias("n_persons")
    )
    return largest.select("identifier_id", "n_persons", _bound(bounds).alias("bound")).where(
        F.col("n_persons") >= nearly(bounds)
    )


def find_persons(
    messages: DataFrame,
    *,
    bounds: Mapping[int, int],
    unique_priorities: Collection[int],
    known_priorities: Collection[int],
) -> DataFrame:
    """Whom messages name beside the values whose people are bounded; arguments as of `count_persons_per_value`.

    Returns:
        `identifier_id`, `priority` of the value, `is_by_unique`, `person_priority`, `person_id`: one row per message,
        value and person.
    """
    values = F.filter("members", lambda member: member["priority"].isin(*bounds))
    carried = messages.select(F.explode(values).alias("value"), "members")
    unique, known = (_others(priorities) for priorities in (unique_priorities, known_priorities))
    # a unique type beside the value decides for all its messages, so that known types matter in messages without
    people = F.when(F.size(unique) > 0, unique).otherwise(known)
    return carried.select(
        "value.identifier_id",
        "value.priority",
        (F.size(unique) > 0).alias("is_by_unique"),
        F.explode(people).alias("person"),
    ).select(
        "identifier_id",
        "priority",
        "is_by_unique",
        F.col("person.priority").alias("person_priority"),
        F.col("person.identifier_id").alias("person_id"),
    )


def nearly(bounds: Mapping[int, int]) -> Column:
    """From how many people on a value of `priority` is near its bound."""
    return F.lit(WARN_SHARE) * _bound(bounds)


def _bound(bounds: Mapping[int, int]) -> Column:
    by_priority = F.create_map(*[F.lit(part) for pair in sorted(bounds.items()) for part in pair])
    return by_priority[F.col("priority")].cast("bigint")


def _others(priorities: Collection[int]) -> Column:
    """What a message carries beside `value` of some types, the type of `value` apart."""
    return F.filter(
        "members", lambda member: member["priority"].isin(*priorities) & (member["priority"] != F.col("value.priority"))
    )
