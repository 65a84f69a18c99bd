"""Contested identifiers on Spark: whose they are, when, and in which component they count as anchors.

Reads   components, linking messages that carry a contested identifier, decided User IDs
Yields  intervals by component; rows of identifier_ownership without what recorded them

The rules themselves are in `claims.py`, called once per partition over rows clustered by contested identifier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.identity import claims_rows as shape
from oneuser.spark.clustering import cluster
from oneuser.spark.event_order import event_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from oneuser.identity.claims import Policy

_OWNED = (
    "identifier_id",
    "interval",
    "user_id",
    "valid_from",
    "valid_from_event_order",
    "valid_to",
    "valid_to_event_order",
)


def build_claims(components: DataFrame, messages: DataFrame) -> DataFrame:
    """What each contested identifier was observed with.

    Args:
        components: Rows of `components`.
        messages: Rows of `linking_messages`, at least those that carry a contested identifier.

    Returns:
        Rows of the shape `claims_rows.ROWS`: one per contested identifier, message and other identifier; one with
        nulls for an identifier that no message carries with another. Over-shared identifiers are in no component and
        claim nothing.
    """
    members = components.select("identifier_id", "component_id", "priority", "is_known", "is_contested")
    contested = members.where("is_contested").drop("is_contested")
    observed = messages.select(
        "event_time", event_order().alias("event_order"), "members", F.explode("members.identifier_id").alias("mine")
    )
    mine = contested.select(F.col("identifier_id").alias("mine"))
    with_others = observed.join(mine, on="mine", how="left_semi").select(
        F.col("mine").alias("identifier_id"), "event_time", "event_order", F.explode("members").alias("other")
    )
    others = members.select(
        F.col("identifier_id").alias("other_id"),
        F.col("component_id").alias("other_component"),
        F.col("is_known").alias("other_is_known"),
    )
    claims = (
        with_others.select(
            "identifier_id",
            "event_time",
            "event_order",
            F.col("other.identifier_id").alias("other_id"),
            F.col("other.priority").alias("other_priority"),
            F.col("other.type_rank").alias("other_rank"),
        )
        .where(F.col("other_id") != F.col("identifier_id"))
        .join(others, on="other_id", how="inner")
    )
    return contested.join(claims, on="identifier_id", how="left").select(*shape.ROWS.columns)


def divide_claims(
    claims: DataFrame,
    *,
    policy: Policy,
    divide: Callable[[Iterator[pa.RecordBatch], Policy], Iterator[pa.RecordBatch]],
) -> DataFrame:
    """The intervals of each contested identifier.

    Args:
        claims: Rows of `build_claims`.
        policy: What a shared identifier does with its time.
        divide: `claims_rows.divide_batches`.

    Returns:
        Rows of the shape `claims_rows.INTERVALS`: one per identifier and interval, the owner as a component.
    """
    clustered = cluster(claims, "identifier_id", "identifier_id", "event_time", "event_order")

    def divide_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return divide(batches, policy)

    return clustered.mapInArrow(divide_partition, shape.INTERVALS.ddl)


def find_owners_over_time(intervals: DataFrame) -> DataFrame:
    """`identifier_id`, `owners`: the components that own a contested identifier over time, the first one first."""
    return intervals.where(F.col("owners_over_time").isNotNull()).select(
        "identifier_id", F.col("owners_over_time").alias("owners")
    )


def build_ownership(identifier_map: DataFrame, intervals: DataFrame | None, owners: DataFrame) -> DataFrame:
    """Whose each identifier is, and when.

    Args:
        identifier_map: Rows of `identifier_map`.
        intervals: Rows of `divide_claims`; null where nothing is contested.
        owners: `component_id`, `user_id`: the live User ID of each component.

    Returns:
        Rows of `identifier_ownership` but for what recorded them. An uncontested identifier has one interval without
        ends.
    """
    instant, place = F.lit(None).cast("timestamp"), F.lit(None).cast("binary")
    whole = identifier_map.where(~F.col("is_contested")).select(
        "identifier_id",
        F.lit(0).alias("interval"),
        "user_id",
        instant.alias("valid_from"),
        place.alias("valid_from_event_order"),
        instant.alias("valid_to"),
        place.alias("valid_to_event_order"),
    )
    if intervals is None:
        return whole
    named = owners.select(F.col("component_id").alias("owner_component"), "user_id")
    divided = intervals.join(named, on="owner_component", how="left").select(*_OWNED)
    return whole.unionByName(divided)
