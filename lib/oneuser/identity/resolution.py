"""Whose identifier, whose event: what follows once each component has its User ID.

Reads   components, event_identifiers, events, decided User IDs
Yields  identifier_map, owned events (events_resolved before accounts), dim_user
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.identity import DIM_USER, IDENTIFIER_MAP
from oneuser.core.message_identifiers import ALIAS, BEST_FIRST, EVENT, OBSERVED
from oneuser.identity.owners import owner_rank

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import Column, DataFrame

# of an event, what says whose it is and what stays with it
OF_EVENTS = ("message_key", "event_time", "received_at", "type", "event", "source", "group_id")


def build_identifier_map(components: DataFrame, owners: DataFrame) -> DataFrame:
    """Give each identifier the User ID of its component.

    Args:
        components: Rows of `components`.
        owners: `component_id`, `user_id`: one row per component.

    Returns:
        Rows of `identifier_map`.
    """
    mapped = components.join(owners.select("component_id", "user_id"), on="component_id", how="inner")
    return IDENTIFIER_MAP.conform(mapped.withColumnRenamed("priority", "strength"))


def resolve_events(
    events: DataFrame,
    owning: DataFrame,
    identifier_map: DataFrame,
    intervals: DataFrame | None = None,
    *,
    unique_priorities: Collection[int] = (),
) -> DataFrame:
    """Give each message the user of its best uncontested known identifier; else that of its best contested one at its
    time; else the same among anonymous ones. Best is the strongest type, then the smallest key. In an alias whose new
    id is not in the graph, the old one takes its place.

    Args:
        events: Rows of `events`; only the columns of the result are read.
        owning: What messages carry, with `priority`: rows of `eligible_identifiers` of the graph, or those of
            `observed_identifiers` where there are no aliases.
        identifier_map: Rows of `identifier_map`.
        intervals: Rows of `identifier_ownership` that hold, at least those of contested identifiers; null where nothing
            is contested.
        unique_priorities: Priorities of the unique types. A message, alias messages aside, with two values of one of
            them has no owner.

    Returns:
        One row per message: the columns of `events_resolved` but for the account. `user_id` is null where the message
        carries no identifier that may own, or where a rule takes its owner away.
    """  # noqa: D205 - the rule is one sentence
    owned = _owned_by(owning, identifier_map, intervals)
    rank = F.struct(
        owner_rank(F.col("is_known").cast("int"), F.col("is_contested").cast("int")),
        *BEST_FIRST,
        "identifier_id",
        "owner",
    )
    is_here = F.col("is_known").isNotNull()
    is_observed = F.col("link").isin(*OBSERVED)
    candidate = F.when(is_here, rank)
    best = F.when(F.bool_or((F.col("link") == ALIAS) & is_here), F.min(F.when(is_observed, candidate))).otherwise(
        F.min(candidate)
    )
    # most messages carry one identifier: there is nothing to choose, and nothing to be moved for it
    lone = owned.where("n_links = 1").select("message_key", candidate.alias("best"), F.lit(False).alias("names_two"))
    several = (
        owned.where("n_links > 1")
        .groupBy("message_key")
        .agg(best.alias("best"), _names_two_people(unique_priorities).alias("names_two"))
    )
    owner = F.col("best.owner")
    is_quarantined = F.col("best").isNotNull() & owner.isNull()
    judged = lone.unionByName(several).select(
        "message_key",
        F.when(~F.col("names_two"), owner).alias("user_id"),
        F.when(F.col("names_two"), "unique_in_event").when(is_quarantined, "quarantined").alias("unowned"),
    )
    return events.select(*OF_EVENTS).join(judged, on="message_key", how="left")


def _owned_by(observed: DataFrame, identifier_map: DataFrame, intervals: DataFrame | None) -> DataFrame:
    """What each message carries, with the owner of each at that time; nulls for what is not in the graph."""
    with_person = observed.join(
        identifier_map.select("identifier_id", "user_id", "is_known", "is_contested"), on="identifier_id", how="left"
    )
    if intervals is None:
        return with_person.withColumn("owner", F.col("user_id"))
    contested = identifier_map.where("is_contested").select("identifier_id")
    span = F.struct("interval", "valid_from", "user_id")
    spans = (
        intervals.join(contested, on="identifier_id", how="left_semi")
        .groupBy("identifier_id")
        .agg(F.array_sort(F.collect_list(span)).alias("spans"))
    )

    def has_begun(span: Column) -> Column:
        return span["valid_from"].isNull() | (span["valid_from"] <= F.col("event_time"))

    at_its_time = F.try_element_at(F.filter("spans", has_begun), F.lit(-1))["user_id"]
    timed = with_person.join(spans, on="identifier_id", how="left")
    return timed.withColumn("owner", F.when(F.col("is_contested"), at_its_time).otherwise(F.col("user_id"))).drop(
        "spans"
    )


def _names_two_people(unique_priorities: Collection[int]) -> Column:
    """Whether a message other than an alias carries two values of a unique type; an aggregate.

    A link that is none of an event is one of an alias, also where the new id itself is blocked.
    """

    def has_two(priority: int) -> Column:
        number = F.when(F.col("priority") == priority, F.col("identifier_id"))
        return F.coalesce(F.min(number) < F.max(number), F.lit(False))

    any_type = reduce(lambda one, other: one | other, [has_two(p) for p in sorted(unique_priorities)], F.lit(False))
    return any_type & ~F.bool_or(F.col("link") != EVENT)


def build_dim_user(identifier_map: DataFrame, current_accounts: DataFrame) -> DataFrame:
    """One row per live User ID, with its identifiers counted by type and its present accounts.

    Args:
        identifier_map: Rows of `identifier_map`.
        current_accounts: `user_id`, `account_id`, `account_ids`: one row per person who is a member of anything now.

    Returns:
        Rows of `dim_user`. `account_id` is the primary one of `account_ids`.
    """
    by_type = identifier_map.groupBy("user_id", "id_type").agg(
        F.count(F.lit(1)).alias("n"),
        F.min("first_seen_at").alias("first_seen_at"),
        F.max("last_seen_at").alias("last_seen_at"),
        F.bool_or("is_known").alias("is_known"),
        F.bool_and("is_cut_off").alias("is_cut_off"),
    )
    kind = F.when(F.bool_and("is_cut_off"), "residual").when(F.bool_or("is_known"), "known").otherwise("anonymous")
    people = by_type.groupBy("user_id").agg(
        kind.alias("kind"),
        F.min("first_seen_at").alias("first_seen_at"),
        F.max("last_seen_at").alias("last_seen_at"),
        F.sum("n").alias("n_identifiers"),
        F.map_from_entries(F.array_sort(F.collect_list(F.struct("id_type", "n")))).alias("identifiers_by_type"),
    )
    return DIM_USER.conform(_with_accounts(people, current_accounts))


def with_present_accounts(people: DataFrame, current_accounts: DataFrame) -> DataFrame:
    """The people whose present accounts are not those that they have here: the accounts of people change with time.

    Args:
        people: Rows of `dim_user`.
        current_accounts: As `build_dim_user` takes it.

    Returns:
        Rows of `dim_user`, those alone that differ.
    """
    were = people.withColumnsRenamed({"account_id": "was_id", "account_ids": "were_ids"})
    is_same = F.col("account_id").eqNullSafe(F.col("was_id")) & (F.col("account_ids") == F.col("were_ids"))
    return DIM_USER.conform(_with_accounts(were, current_accounts).where(~is_same))


def _with_accounts(people: DataFrame, current_accounts: DataFrame) -> DataFrame:
    present = current_accounts.withColumnRenamed("account_ids", "present_ids")
    nowhere = F.array().cast("array<string>")
    return people.join(present, on="user_id", how="left").withColumn("account_ids", F.coalesce("present_ids", nowhere))
