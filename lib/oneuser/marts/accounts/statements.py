"""Everything that is said about who belongs to which account, in one shape for the timeline.

Reads   owned messages, account_members, domains of identifiers, identifier_map
Yields  one row per statement (`STATEMENTS`): person, account, source, and when it holds
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.marts.accounts.timeline import HOLDS, JOINS, LEAVES, MENTIONS
from oneuser.spark.event_order import event_order, in_event_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

# null is the beginning of time in `at` and `said_at`, and its end in `until`
STATEMENTS = (
    "user_id string, kind string, source string, account_id string, at timestamp, until timestamp, said_at timestamp, "
    "event_order binary, n_events bigint"
)


def state_messages(owned: DataFrame, *, leave_events: Sequence[str] = ()) -> DataFrame:
    """Who joins and leaves by messages: `group` messages, and those whose event name says that somebody leaves.

    Args:
        owned: `user_id`, `type`, `event`, `group_id`, `event_time`, `received_at`, `message_key` of each message.
        leave_events: Names of events by which a person leaves the account that the message carries.

    Returns:
        Rows of `STATEMENTS`. A message that says again what the person's message before it said has none.
    """
    leaves = F.coalesce((F.col("type") != "group") & F.col("event").isin(*leave_events), F.lit(False))
    kind = F.when(F.col("type") == "group", JOINS).when(leaves, LEAVES)
    said = owned.where(F.col("user_id").isNotNull() & F.col("group_id").isNotNull()).select(
        "user_id", kind.alias("kind"), F.col("group_id").alias("account_id"), "event_time", "received_at", "message_key"
    )
    in_order = W.partitionBy("user_id").orderBy(*in_event_order())
    what = F.struct("kind", "account_id")
    news = said.where(F.col("kind").isNotNull()).withColumn("is_news", ~F.lag(what).over(in_order).eqNullSafe(what))
    return _statements(
        news.where("is_news"), kind=F.col("kind"), source="group", at=F.col("event_time"), order=event_order()
    )


def state_mentions(owned: DataFrame) -> DataFrame:
    """How many messages of each person name each account, of whatever type they are."""
    counted = (
        owned.where(F.col("user_id").isNotNull() & F.col("group_id").isNotNull())
        .groupBy("user_id", F.col("group_id").alias("account_id"))
        .agg(F.count(F.lit(1)).alias("n"))
    )
    return _statements(counted, kind=F.lit(MENTIONS), source="group", n_events=F.col("n"))


def state_members(members: DataFrame, identifiers: DataFrame, identifier_map: DataFrame) -> DataFrame:
    """Memberships of the members file, of the people who have its identifiers now.

    Args:
        members: Rows of `account_members`.
        identifiers: Rows of `identifiers`.
        identifier_map: Rows of `identifier_map`.

    Returns:
        Rows of `STATEMENTS`. An identifier that nobody has says nothing yet.
    """
    owned = (
        members.join(identifiers.select("id_type", "id_key", "identifier_id"), on=["id_type", "id_key"], how="inner")
        .join(identifier_map.select("identifier_id", "user_id"), on="identifier_id", how="inner")
        .select("user_id", "account_id", "valid_from", "valid_to")
        .distinct()
    )
    return _statements(
        owned,
        kind=F.lit(HOLDS),
        source="file",
        at=F.col("valid_from"),
        until=F.col("valid_to"),
        said=F.col("valid_from"),
    )


def state_domains(domain_accounts: DataFrame, identifier_map: DataFrame) -> DataFrame:
    """Memberships by the domain of an address, from when the address was first seen; a person's first reaches back.

    An address tells where somebody is, not when they came: what they did before it was known was done by the same
    person. A second domain, as after a change of job, begins when it is first seen.

    Args:
        domain_accounts: `identifier_id`, `account_id` of the addresses whose domain stands for an account.
        identifier_map: Rows of `identifier_map`.
    """
    by_account = (
        domain_accounts.join(
            identifier_map.select("identifier_id", "user_id", "first_seen_at"), on="identifier_id", how="inner"
        )
        .groupBy("user_id", "account_id")
        .agg(F.min(F.coalesce("first_seen_at", F.timestamp_micros(F.lit(0)))).alias("seen_at"))
    )
    of_person = W.partitionBy("user_id").rowsBetween(W.unboundedPreceding, W.unboundedFollowing)
    dated = by_account.withColumn("is_first", F.col("seen_at") == F.min("seen_at").over(of_person))
    return _statements(
        dated,
        kind=F.lit(HOLDS),
        source="domain",
        at=F.when(~F.col("is_first"), F.col("seen_at")),
        said=F.col("seen_at"),
    )


def _statements(
    rows: DataFrame,
    *,
    kind: Column,
    source: str,
    at: Column | None = None,
    until: Column | None = None,
    said: Column | None = None,
    order: Column | None = None,
    n_events: Column | None = None,
) -> DataFrame:
    none = F.lit(None)
    return rows.select(
        "user_id",
        kind.alias("kind"),
        F.lit(source).alias("source"),
        "account_id",
        (none if at is None else at).cast("timestamp").alias("at"),
        (none if until is None else until).cast("timestamp").alias("until"),
        (none if said is None else said).cast("timestamp").alias("said_at"),
        (none if order is None else order).cast("binary").alias("event_order"),
        (F.lit(0) if n_events is None else n_events).cast("bigint").alias("n_events"),
    )
