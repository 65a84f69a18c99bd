"""Accounts by membership at the conversion: each conversion with the touches of whoever is a member when it happens.

Reads   touches, account_touches, conversions, account_memberships, account_rollup
Yields  touches, conversions and milestones that meet by `pool_id`, a pool for each conversion of an account
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.marts.attribution.pooling import holds_at, roll_up
from oneuser.marts.calendar import DAY_US

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from oneuser.marts.attribution.entity_steps import Window

POOL = "pool_id"


class Pools(NamedTuple):
    """What `build_credits` takes, each with `pool_id`.

    Attributes:
        touches: `pool_id`, `touch_id`, `touched_at`, `channel`; as often as a touch is near a conversion.
        conversions: All columns that there were; `pool_id` is null of those without an account.
        milestones: `entity_id`, which is the pool, `milestone`, `reached_at`; null where none were given.
    """

    touches: DataFrame
    conversions: DataFrame
    milestones: DataFrame | None


def pool_by_conversion(
    touches: DataFrame,
    memberships: DataFrame,
    conversions: DataFrame,
    *,
    window: Window,
    resets: bool = False,
    rollup: DataFrame | None = None,
    own: DataFrame | None = None,
    milestones: DataFrame | None = None,
) -> Pools:
    """Pool touches by membership at each conversion's time: also those of before somebody was a member.

    Grows with the touches that are near some conversion of their account, once for each, which is what an evenly
    dealing model has as rows.

    Args:
        touches: Rows of `touches`.
        memberships: Rows of `account_memberships`.
        conversions: Rows of `conversions` that are credited, with the account furthest above where there is a roll-up.
        window: How near touches have to be.
        resets: Whether touches up to the conversion before, of the account and kind, count no more.
        rollup: Rows of `account_rollup`; null where accounts do not roll up. Members of an account count for the one
            that is furthest above it when it converts.
        own: Rows of `account_touches`; they belong to the account furthest above at their own time.
        milestones: `entity_id` (the account), `milestone`, `reached_at`.
    """
    pooled = conversions.withColumn(POOL, F.when(F.col("account_id").isNotNull(), F.col("conversion_id")))
    in_order = W.partitionBy("account_id", "conversion").orderBy("converted_at", "conversion_id")
    asked = pooled.where(F.col(POOL).isNotNull()).select(
        POOL, "account_id", "converted_at", F.lag("converted_at").over(in_order).alias("previous_at")
    )
    near = _near(window) & (_after_previous() if resets else F.lit(True))
    seen = touches.select("user_id", "touch_id", "touched_at", "channel")
    met = _members(asked, memberships, rollup).join(seen, on="user_id", how="inner").where(near)
    columns = [POOL, "touch_id", "touched_at", "channel"]
    found = met.select(*columns)
    if own is not None:
        of_accounts = roll_up(own.select("account_id", "touch_id", "touched_at", "channel"), rollup, time="touched_at")
        found = found.unionByName(asked.join(of_accounts, on="account_id", how="inner").where(near).select(*columns))
    return Pools(found.distinct(), pooled, None if milestones is None else _milestones(asked, milestones))


def _members(asked: DataFrame, memberships: DataFrame, rollup: DataFrame | None) -> DataFrame:
    """Who is a member of a conversion's account, or of one below it, when it happens: each once."""
    below = asked.withColumn("of_account", F.col("account_id"))
    if rollup is not None:
        above = rollup.where("is_top").select(
            F.col("account_id").alias("of_account"), F.col("ancestor_id"), "valid_from", "valid_to"
        )
        is_above = (F.col("ancestor_id") == F.col("account_id")) & holds_at(F.col("converted_at"))
        # an account that the roll-up does not know has none above it
        known = asked.join(F.broadcast(above), on=is_above, how="inner").select(*asked.columns, "of_account")
        below = below.unionByName(known).distinct()
    during = memberships.select("user_id", F.col("account_id").alias("of_account"), "valid_from", "valid_to")
    met = below.join(during, on="of_account", how="inner").where(holds_at(F.col("converted_at")))
    return met.select(POOL, "converted_at", "previous_at", "user_id").distinct()


def _near(window: Window) -> Column:
    """Whether a touch may be in the window, whatever its mode; the models look again."""
    before = F.unix_micros("converted_at") - F.unix_micros("touched_at")
    is_before = before >= F.lit(0)
    if window.days is None:
        return is_before
    # a day by the calendar may begin a day and an hour before
    return is_before & (before <= F.lit(round((window.days + 2) * DAY_US)))


def _after_previous() -> Column:
    return F.col("previous_at").isNull() | (F.col("touched_at") > F.col("previous_at"))


def _milestones(asked: DataFrame, milestones: DataFrame) -> DataFrame:
    """The milestones of an account that it had reached when it converted, for each conversion."""
    reached = milestones.select(F.col("entity_id").alias("account_id"), "milestone", "reached_at")
    met = asked.join(reached, on="account_id", how="inner").where(F.col("reached_at") <= F.col("converted_at"))
    return met.select(F.col(POOL).alias("entity_id"), "milestone", "reached_at")
