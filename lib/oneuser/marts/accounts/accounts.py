"""Accounts, and what lies above them.

Reads   messages that carry an account, with their owner; account_memberships, account_profiles, account_parents
Yields  dim_account      one row per account
        account_rollup   one row per account, account above it and period
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.identity import ACCOUNT_ROLLUP, DIM_ACCOUNT
from oneuser.marts.accounts.batches import ANCESTORS, ancestor_batches
from oneuser.marts.accounts.memberships import current_memberships, holds_at

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame


def build_account_rollup(parents: DataFrame, accounts: DataFrame) -> DataFrame:
    """Everybody above each account, for every period, so that rolling up at a time is a plain join.

    The hierarchy is rolled up in one task; accounts that are not in it are their own top at all times.

    Args:
        parents: Rows of `account_parents`.
        accounts: `account_id` of all accounts, in any number.

    Returns:
        Rows of `account_rollup`. At any time an account has one row for itself, one for each account above it, and one
        of them is the top.
    """
    in_hierarchy = parents.repartition(1).mapInArrow(ancestor_batches, ANCESTORS.ddl)
    named = parents.select("account_id").unionByName(parents.select(F.col("parent_account_id").alias("account_id")))
    alone = accounts.select("account_id").distinct().join(named, on="account_id", how="left_anti")
    none = F.lit(None).cast("timestamp")
    own_top = alone.select(
        "account_id",
        F.col("account_id").alias("ancestor_id"),
        F.lit(0).alias("depth"),
        F.lit(True).alias("is_top"),
        none.alias("valid_from"),
        none.alias("valid_to"),
    )
    return ACCOUNT_ROLLUP.conform(in_hierarchy.unionByName(own_top))


def list_accounts(messages: DataFrame, memberships: DataFrame, profiles: DataFrame | None = None) -> DataFrame:
    """`account_id` of all accounts that a message carries, somebody belongs to or the accounts file has, repeated."""
    named = messages.select("account_id").unionByName(memberships.select("account_id"))
    everyone = named if profiles is None else named.unionByName(profiles.select("account_id"))
    return everyone.where(F.col("account_id").isNotNull())


def build_dim_account(
    messages: DataFrame,
    memberships: DataFrame,
    *,
    as_of: datetime,
    profiles: DataFrame | None = None,
    rollup: DataFrame | None = None,
) -> DataFrame:
    """Describe each account that a message carries, a file names or somebody belongs to.

    Args:
        messages: `user_id` (null for nobody), `account_id`, `type` and `event_time` of each message. Those without an
            account say nothing.
        memberships: Rows of `account_memberships`.
        as_of: What "now" means: the run's own time.
        profiles: Rows of `account_profiles`, where there is an accounts file.
        rollup: Rows of `account_rollup` of all accounts, where there are parents.

    Returns:
        Rows of `dim_account`. Whoever was a member for no time at all still counts among the members ever of that
        account, though not of those above it.
    """
    by_member = _by_member(messages, memberships)
    counted = by_member.groupBy("account_id").agg(
        F.min("first_seen_at").alias("first_seen_at"),
        F.max("last_seen_at").alias("last_seen_at"),
        F.count_if("is_member").alias("n_users"),
    )
    # at any time a person has one row at most for an account
    now = current_memberships(memberships, as_of=as_of)
    current = now.groupBy("account_id").agg(F.count("user_id").alias("n_current_users"))
    accounts = counted.join(current, on="account_id", how="left")
    if profiles is None:
        accounts = accounts.withColumn("name", F.lit(None).cast("string"))
    else:
        accounts = accounts.join(profiles.select("account_id", "name"), on="account_id", how="full")
    accounts = accounts.withColumns({name: _or_zero(name) for name in ("n_users", "n_current_users")})
    if rollup is None:
        return DIM_ACCOUNT.conform(_without_hierarchy(accounts))
    return DIM_ACCOUNT.conform(_with_hierarchy(accounts, rollup, memberships, by_member, as_of))


def _by_member(messages: DataFrame, memberships: DataFrame) -> DataFrame:
    """One row per account and person that sent a message with it, or belongs to it: `is_member` says which."""
    said = messages.where(F.col("account_id").isNotNull()).select(
        "account_id",
        "user_id",
        F.col("event_time").alias("at"),
        ((F.col("type") == "group") & F.col("user_id").isNotNull()).alias("is_member"),
    )
    belongs = memberships.select(
        "account_id", "user_id", F.lit(None).cast("timestamp").alias("at"), F.lit(True).alias("is_member")
    )
    return (
        said.unionByName(belongs)
        .groupBy("account_id", "user_id")
        .agg(
            F.min("at").alias("first_seen_at"),
            F.max("at").alias("last_seen_at"),
            F.bool_or("is_member").alias("is_member"),
        )
    )


def _without_hierarchy(accounts: DataFrame) -> DataFrame:
    return accounts.withColumns(
        {
            "parent_account_id": F.lit(None).cast("string"),
            "top_account_id": F.col("account_id"),
            "n_users_rolled_up": F.col("n_users"),
            "n_current_users_rolled_up": F.col("n_current_users"),
        }
    )


def _with_hierarchy(
    accounts: DataFrame, rollup: DataFrame, memberships: DataFrame, by_member: DataFrame, as_of: datetime
) -> DataFrame:
    now = rollup.where(holds_at(F.col("valid_from"), F.col("valid_to"), as_of))
    above = now.groupBy("account_id").agg(
        F.max(F.when(F.col("depth") == 1, F.col("ancestor_id"))).alias("parent_account_id"),
        F.max(F.when(F.col("is_top"), F.col("ancestor_id"))).alias("top_account_id"),
    )
    # every account has a row for itself: the roll-up has those, too, that are parents and nothing else
    described = above.join(accounts, on="account_id", how="left").join(
        _count_rolled_up(rollup, memberships, by_member, as_of), on="account_id", how="left"
    )
    counts = ("n_users", "n_current_users", "n_users_rolled_up", "n_current_users_rolled_up")
    return described.withColumns({name: _or_zero(name) for name in counts})


def _count_rolled_up(rollup: DataFrame, memberships: DataFrame, by_member: DataFrame, as_of: datetime) -> DataFrame:
    """People by account above: who was a member while the one lay below the other, and who is now."""
    member, above = memberships.alias("member"), rollup.alias("above")
    is_same = F.col("member.account_id") == F.col("above.account_id")
    has_begun = _is_before("above.valid_from", "member.valid_to")
    has_not_ended = _is_before("member.valid_from", "above.valid_to")
    is_now = holds_at(F.col("member.valid_from"), F.col("member.valid_to"), as_of) & holds_at(
        F.col("above.valid_from"), F.col("above.valid_to"), as_of
    )
    met = member.join(above, on=is_same & has_begun & has_not_ended, how="inner").select(
        F.col("above.ancestor_id").alias("account_id"), "user_id", is_now.alias("is_now")
    )
    # members for no time at all
    own = by_member.where("is_member").select("account_id", "user_id", F.lit(False).alias("is_now"))
    by_person = met.unionByName(own).groupBy("account_id", "user_id").agg(F.bool_or("is_now").alias("is_now"))
    return by_person.groupBy("account_id").agg(
        F.count("user_id").alias("n_users_rolled_up"), F.count_if("is_now").alias("n_current_users_rolled_up")
    )


def _is_before(start: str, end: str) -> Column:
    """Whether a start, null at the beginning, comes before an end, null at the end of time."""
    return F.col(start).isNull() | F.col(end).isNull() | (F.col(start) < F.col(end))


def _or_zero(name: str) -> Column:
    return F.coalesce(F.col(name), F.lit(0)).cast("bigint")
