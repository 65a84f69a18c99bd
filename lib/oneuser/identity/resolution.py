"""Whose identifier, whose event: what follows once each component has its User ID.

Reads   components, event_identifiers, events, decided User IDs
Yields  identifier_map, identifier_ownership, owned events (events_resolved before accounts), dim_user
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.identity import DIM_USER, IDENTIFIER_MAP, IDENTIFIER_OWNERSHIP

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import DataFrame


def build_identifier_map(
    components: DataFrame, owners: DataFrame, *, priorities: Mapping[str, int], known_types: Collection[str]
) -> DataFrame:
    """Give each identifier the User ID of its component.

    Args:
        components: Rows of `components`.
        owners: `component_id`, `user_id`: one row per component.
        priorities: Priority by id type.
        known_types: Id types that name a person.

    Returns:
        Rows of `identifier_map`.
    """
    strength = F.create_map(*[F.lit(x) for pair in sorted(priorities.items()) for x in pair])[F.col("id_type")]
    mapped = components.join(owners.select("component_id", "user_id"), on="component_id", how="inner").select(
        "*",
        strength.alias("strength"),
        F.col("id_type").isin(*known_types).alias("is_known"),
        F.lit(False).alias("is_contested"),
    )
    return IDENTIFIER_MAP.conform(mapped)


def build_ownership(identifier_map: DataFrame) -> DataFrame:
    """One interval without ends for each identifier, since none is contested.

    Returns:
        Rows of `identifier_ownership`.
    """
    return IDENTIFIER_OWNERSHIP.conform(
        identifier_map.select(
            "identifier_id",
            F.lit(0).alias("interval"),
            "user_id",
            F.lit(None).cast("timestamp").alias("valid_from"),
            F.lit(None).cast("timestamp").alias("valid_to"),
        )
    )


def resolve_events(events: DataFrame, carried: DataFrame, identifier_map: DataFrame) -> DataFrame:
    """Give each message the user of its best identifier: strongest type, then smallest key.

    Args:
        events: Rows of `events`; only the columns of the result are read.
        carried: Rows of `carried_identifiers` of the graph, with `priority`.
        identifier_map: Rows of `identifier_map`.

    Returns:
        One row per message: the columns of `events_resolved` but for the account, and the message's own `group_id`.
        `user_id` is null where the message carries no identifier that may own.
    """
    best = (
        carried.groupBy("message_key")
        .agg(F.min(F.struct("priority", "type_rank", "identifier_id")).alias("best"))
        .select("message_key", F.col("best.identifier_id").alias("identifier_id"))
    )
    owned = (
        events.select("message_key", "event_time", "type", "event", "source", "group_id")
        .join(best, on="message_key", how="left")
        .join(identifier_map.select("identifier_id", "user_id"), on="identifier_id", how="left")
    )
    return owned.drop("identifier_id")


def build_dim_user(identifier_map: DataFrame, memberships: DataFrame) -> DataFrame:
    """One row per live User ID, with its identifiers counted by type and its present account.

    Returns:
        Rows of `dim_user`. `account_id` is the account of the latest open membership.
    """
    by_type = identifier_map.groupBy("user_id", "id_type").agg(
        F.count(F.lit(1)).alias("n"),
        F.min("first_seen_at").alias("first_seen_at"),
        F.max("last_seen_at").alias("last_seen_at"),
        F.bool_or("is_known").alias("is_known"),
    )
    people = by_type.groupBy("user_id").agg(
        F.when(F.bool_or("is_known"), F.lit("known")).otherwise(F.lit("anonymous")).alias("kind"),
        F.min("first_seen_at").alias("first_seen_at"),
        F.max("last_seen_at").alias("last_seen_at"),
        F.sum("n").alias("n_identifiers"),
        F.map_from_entries(F.array_sort(F.collect_list(F.struct("id_type", "n")))).alias("identifiers_by_type"),
    )
    present = (
        memberships.where(F.col("valid_to").isNull())
        .groupBy("user_id")
        .agg(F.max(F.struct("valid_from", "account_id")).alias("latest"))
        .select("user_id", F.col("latest.account_id").alias("account_id"))
    )
    return DIM_USER.conform(people.join(present, on="user_id", how="left"))
