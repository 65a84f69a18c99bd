"""Accounts: the touches of all members while they are members, and everything that converts for the account.

Reads   touches, account_touches, conversions, account_memberships, account_rollup, opportunities
Yields  touches and conversions by account, as `build_credits` and `attribute` take them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import ACCOUNT_CREDITS, CONVERSIONS
from oneuser.spark.stable_ids import stable_id

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from oneuser.marts.provenance import Provenance

_LEAD, _OPPORTUNITY, _CLOSE = "lead", "opportunity", "close"
# what an opportunity's times are called, and which milestone each is
STAGES = {"lead_at": _LEAD, "opened_at": _OPPORTUNITY, "closed_at": _CLOSE}


def pool_touches(
    touches: DataFrame, memberships: DataFrame, rollup: DataFrame | None = None, *, own: DataFrame | None = None
) -> DataFrame:
    """The touches of each account: those of whoever was a member when they happened, and its own.

    A touch of a member of several accounts is one of each. Touches of people who were members of none are left out.

    Args:
        touches: Rows of `touches`.
        memberships: Rows of `account_memberships`.
        rollup: Rows of `account_rollup`, where touches go to the account furthest above at their time; null where each
            goes to its own.
        own: Rows of `account_touches`, where touches that name an account and are nobody's count.

    Returns:
        `account_id`, `touch_id`, `touched_at`, `channel`, each account and touch once.
    """
    during = memberships.select("user_id", F.col("account_id").alias("of_account"), "valid_from", "valid_to")
    met = touches.select("user_id", "touch_id", "touched_at", "channel").join(during, on="user_id", how="inner")
    pooled = met.where(holds_at(F.col("touched_at"))).select(
        F.col("of_account").alias("account_id"), "touch_id", "touched_at", "channel"
    )
    if own is not None:
        pooled = pooled.unionByName(own.select(*pooled.columns))
    return roll_up(pooled, rollup, time="touched_at").distinct()


def name_touched(credits: DataFrame, touches: DataFrame) -> DataFrame:  # noqa: A002
    """Say of each credited touch whose it is. One join of the credits with ids of touches.

    Args:
        credits: What `build_credits` gives of accounts.
        touches: Rows of `touches`.

    Returns:
        Rows of `account_credits`.
    """
    # without a touch, rows are spread by their conversion: those of one null key would all meet in one task
    met_by = F.coalesce("touch_id", "conversion_id")
    theirs = touches.select(F.col("touch_id").alias("met_by"), F.col("user_id").alias("touched_by"))
    named = credits.withColumn("met_by", met_by).join(theirs, on="met_by", how="left")
    touch_user_id = F.when(F.col("touch_id").isNotNull(), F.col("touched_by"))
    return ACCOUNT_CREDITS.conform(named.withColumn("touch_user_id", touch_user_id))


def convert_opportunities(opportunities: DataFrame, *, provenance: Provenance) -> DataFrame:
    """Won opportunities as conversions of their account: the kind is the name of their file, the time their end.

    Args:
        opportunities: Rows of `opportunities`.
        provenance: How the rows are made.

    Returns:
        Rows of `conversions`, of nobody. `message_key` is that of no message: it is the id once more.
    """
    conversion_id = stable_id(F.concat(F.lit("opportunity "), F.col("source")), F.col("opportunity_id").cast("binary"))
    won = opportunities.where("is_won").select(
        conversion_id.alias("conversion_id"),
        F.col("source").alias("conversion"),
        conversion_id.alias("message_key"),
        F.lit(None).cast("string").alias("user_id"),
        "account_id",
        F.col("closed_at").alias("converted_at"),
        "value_minor",
        "currency",
        F.lit(False).alias("is_value_invalid"),
        *provenance.columns(),
    )
    return CONVERSIONS.conform(won)


def find_stages(opportunities: DataFrame) -> DataFrame:
    """The milestones that opportunities have reached: `entity_id` (the account), `milestone`, `reached_at`."""
    stages = [
        F.struct(F.lit(milestone).alias("milestone"), F.col(name).alias("reached_at"))
        for name, milestone in STAGES.items()
    ]
    # the end of one that was lost closes nothing
    closed = F.when(F.col("is_won"), F.col("closed_at"))
    each = opportunities.withColumn("closed_at", closed).select(
        F.col("account_id").alias("entity_id"), F.explode(F.array(*stages)).alias("stage")
    )
    return each.select("entity_id", "stage.milestone", "stage.reached_at").where(F.col("reached_at").isNotNull())


def roll_up(rows: DataFrame, rollup: DataFrame | None, *, time: str) -> DataFrame:
    """Rows of accounts as those of the account furthest above at their time; as they are where there is no roll-up.

    An account that the roll-up does not know has none above it.

    Args:
        rows: Rows with `account_id` and a time.
        rollup: Rows of `account_rollup`.
        time: Their time.
    """
    if rollup is None:
        return rows
    above = rollup.where("is_top").select(
        F.col("account_id").alias("of_account"), "ancestor_id", "valid_from", "valid_to"
    )
    is_above = (F.col("account_id") == F.col("of_account")) & holds_at(F.col(time))
    met = rows.join(F.broadcast(above), on=is_above, how="left")
    top = F.coalesce("ancestor_id", "account_id")
    return met.select(*[top.alias(name) if name == "account_id" else F.col(name) for name in rows.columns])


def holds_at(time: Column) -> Column:
    """Whether a period, `valid_from` to `valid_to`, holds at a time."""
    begun = F.col("valid_from").isNull() | (F.col("valid_from") <= time)
    return begun & (F.col("valid_to").isNull() | (time < F.col("valid_to")))
