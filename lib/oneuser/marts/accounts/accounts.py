"""One row per account.

Reads   group messages with their owner, account_memberships
Yields  dim_account
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.identity import DIM_ACCOUNT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def build_dim_account(owned_group_events: DataFrame, memberships: DataFrame) -> DataFrame:
    """Describe each account that a message carries, also one whose messages belong to nobody.

    Args:
        owned_group_events: `user_id` (null for nobody), `account_id`, `event_time` of each message that carries an
            account.
        memberships: Rows of `account_memberships`.

    Returns:
        Rows of `dim_account`. Whoever was a member for no time at all still counts among the members ever.
    """
    by_person = (
        owned_group_events.where(F.col("account_id").isNotNull())
        .groupBy("account_id", "user_id")
        .agg(F.min("event_time").alias("first_seen_at"), F.max("event_time").alias("last_seen_at"))
    )
    seen = by_person.groupBy("account_id").agg(
        F.min("first_seen_at").alias("first_seen_at"),
        F.max("last_seen_at").alias("last_seen_at"),
        F.count("user_id").alias("n_users"),
    )
    # a person has at most one open stretch
    current = (
        memberships.where(F.col("valid_to").isNull()).groupBy("account_id").agg(F.count("user_id").alias("n_current"))
    )
    accounts = seen.join(current, on="account_id", how="left").withColumn(
        "n_current_users", F.coalesce("n_current", F.lit(0).cast("bigint"))
    )
    return DIM_ACCOUNT.conform(accounts)
