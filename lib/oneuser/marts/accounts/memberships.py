"""Dated memberships: who belonged to which account when, and to which at a given time.

Reads   group messages with their owner, or statements of any kind
Yields  account_memberships   one row per user, account and stretch in which nothing about it changes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS
from oneuser.marts.accounts.batches import STRETCHES, membership_batches
from oneuser.spark.clustering import cluster
from oneuser.spark.event_order import in_event_order

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame, WindowSpec

    from oneuser.marts.accounts.timeline import MembershipRules


def build_account_memberships(owned_group_events: DataFrame) -> DataFrame:
    """Cut each person's group messages, in order, into stretches of one account each.

    The usual case of `resolve_statements`, one account at a time and nothing but group messages, by windows alone.

    A stretch lasts until the person's first message for another account; the last one is open. Of several messages
    in the same instant the last in the order of events counts: the others would hold for no time at all.

    Args:
        owned_group_events: `user_id`, `account_id`, `event_time`, `received_at` and `message_key` of each `group`
            message. Messages without an owner or an account say nothing and have no row in the result.

    Returns:
        Rows of `account_memberships`. The stretches of a person do not overlap and leave no gap between them.
    """
    said = owned_group_events.where(F.col("user_id").isNotNull() & F.col("account_id").isNotNull()).select(
        "user_id", "account_id", "event_time", "received_at", "message_key"
    )
    next_at = F.lead("event_time").over(_in_order())
    lasting = said.withColumn("next_at", next_at).where(
        F.col("next_at").isNull() | (F.col("next_at") > F.col("event_time"))
    )
    previous = F.lag("account_id").over(_in_order())
    starts = lasting.withColumn("previous", previous).where(
        F.col("previous").isNull() | (F.col("previous") != F.col("account_id"))
    )
    stretches = starts.select(
        "user_id",
        "account_id",
        F.lit("group").alias("source"),
        F.lit(True).alias("is_primary"),
        F.col("event_time").alias("valid_from"),
        F.lead("event_time").over(_in_order()).alias("valid_to"),
    )
    return ACCOUNT_MEMBERSHIPS.conform(stretches)


def resolve_statements(statements: DataFrame, rules: MembershipRules) -> DataFrame:
    """Resolve everything that is said about each person's accounts, person by person.

    Args:
        statements: Rows of `statements.STATEMENTS`.
        rules: Whether a person may have several accounts, and which of them is the primary one.

    Returns:
        Rows of `account_memberships`. At any time a person has one row at most for an account, and exactly one primary.
    """
    clustered = cluster(statements, "user_id", "user_id")
    return ACCOUNT_MEMBERSHIPS.conform(clustered.mapInArrow(membership_batches(rules), STRETCHES.ddl))


def holds_at(valid_from: Column, valid_to: Column, moment: datetime | Column) -> Column:
    """Whether a period, which is open where an end of it is null, holds at a time."""
    moment = F.lit(moment)
    return (valid_from.isNull() | (valid_from <= moment)) & (valid_to.isNull() | (moment < valid_to))


def current_memberships(memberships: DataFrame, *, as_of: datetime) -> DataFrame:
    """The rows of `account_memberships` that hold at a time: who is a member of what then."""
    return memberships.where(holds_at(F.col("valid_from"), F.col("valid_to"), as_of))


def current_accounts(memberships: DataFrame, *, as_of: datetime) -> DataFrame:
    """One row per person who is a member of anything at a time.

    Returns:
        `user_id`, `account_id` (the primary one), `account_ids` (all of them, in order).
    """
    return (
        current_memberships(memberships, as_of=as_of)
        .groupBy("user_id")
        .agg(
            F.max(F.when(F.col("is_primary"), F.col("account_id"))).alias("account_id"),
            F.array_sort(F.collect_set("account_id")).alias("account_ids"),
        )
    )


def add_account_at(
    rows: DataFrame, memberships: DataFrame, *, user: str = "user_id", at: str = "event_time", own: str | None = None
) -> DataFrame:
    """Add `account_id`: the primary account of the person at that time.

    Each person's few stretches travel as one array, so that no row is multiplied and the join is a plain equality.

    Args:
        rows: Any rows with a person and a time.
        memberships: Rows of `account_memberships`.
        user: Column of the person; may be null.
        at: Column of the time.
        own: Column of an account that the row names itself, which then counts.

    Returns:
        The rows, none more and none fewer, with `account_id`: null before the first stretch, and for nobody.
    """
    stretch = F.struct("valid_from", "valid_to", "account_id")
    by_user = (
        memberships.where("is_primary")
        .groupBy(F.col("user_id").alias("_member"))
        .agg(F.collect_list(stretch).alias("_stretches"))
    )
    joined = rows.join(by_user, on=F.col(user) == F.col("_member"), how="left")

    def holds(stretch: Column) -> Column:
        return holds_at(stretch["valid_from"], stretch["valid_to"], F.col(at))

    # at most one stretch holds
    held = F.get(F.filter("_stretches", holds), F.lit(0))["account_id"]
    account = held if own is None else F.coalesce(F.col(own), held)
    return joined.withColumn("account_id", account).drop("_member", "_stretches")


def _in_order() -> WindowSpec:
    return W.partitionBy("user_id").orderBy(*in_event_order())
