"""Accounts by membership at the conversion: each conversion with the touches of whoever is a member when it happens.

An account that does not convert is taken as it is at the end of what is looked at.

Reads   touches, account_touches, conversions, account_memberships, account_rollup
Yields  touches, conversions and milestones that meet by `pool_id`, a pool for each conversion of an account, and for
        each account without one
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.marts.attribution.credits import only_counted
from oneuser.marts.attribution.pooling import holds_at, roll_up
from oneuser.marts.calendar import DAY_US

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from oneuser.marts.attribution.credit_rules import CreditRules
    from oneuser.marts.attribution.entity_steps import Window
    from oneuser.marts.attribution.path_rules import PathRules

POOL = "pool_id"
# ids of conversions are hashes, and none begins like this
_WITHOUT_CONVERSION = "account "


class Pools(NamedTuple):
    """What `build_credits` takes, each with `pool_id`.

    Attributes:
        touches: `pool_id`, `touch_id`, `touched_at`, `channel`; as often as a touch is near a conversion.
        conversions: Those that are credited, with all columns that there were; `pool_id` is null of those without an
            account.
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
    rules: CreditRules | PathRules,
    rollup: DataFrame | None = None,
    own: DataFrame | None = None,
    milestones: DataFrame | None = None,
    is_selected: Column | None = None,
    end: int | None = None,
) -> Pools:
    """Pool touches by membership at each conversion's time: also those of before somebody was a member.

    Grows with the touches that are near some conversion of their account, once for each, which is what an evenly
    dealing model has as rows.

    Args:
        touches: Rows of `touches`.
        memberships: Rows of `account_memberships`.
        conversions: Rows of `conversions`, all of an account or none, with the account furthest above where there is a
            roll-up.
        rules: How near touches have to be; which conversions count, and whether touches up to the one before, of the
            account and kind, count no more.
        rollup: Rows of `account_rollup`; null where accounts do not roll up. Members of an account count for the one
            that is furthest above it when it converts.
        own: Rows of `account_touches`; they belong to the account furthest above at their own time.
        milestones: `entity_id` (the account), `milestone`, `reached_at`.
        is_selected: Which conversions are in the report range; null for all.
        end: Where the journeys of accounts without a selected conversion end, in microseconds since 1970; null where
            nobody asks for these.
    """
    selected = F.lit(True) if is_selected is None else F.coalesce(is_selected, F.lit(False))
    in_order = W.partitionBy("account_id", "conversion").orderBy("converted_at", "conversion_id")
    counted = only_counted(conversions, rules=rules, level="account").withColumn(
        POOL, F.when(F.col("account_id").isNotNull(), F.col("conversion_id"))
    )
    with_previous = counted.where(F.col(POOL).isNotNull()).withColumn(
        "previous_at", F.lag("converted_at").over(in_order)
    )
    asked = with_previous.where(selected).select(POOL, "account_id", "converted_at", "previous_at")
    if end is not None:
        others = _not_converting(conversions, selected, memberships, own, rollup, end=end)
        asked = asked.unionByName(others)
    near = _near(rules.window) & (_after_previous() if rules.walk.reset_at_conversion else F.lit(True))
    seen = touches.select("user_id", "touch_id", "touched_at", "channel")
    met = _members(asked, memberships, rollup).join(seen, on="user_id", how="inner").where(near)
    columns = [POOL, "touch_id", "touched_at", "channel"]
    found = met.select(*columns)
    if own is not None:
        of_accounts = roll_up(own.select("account_id", "touch_id", "touched_at", "channel"), rollup, time="touched_at")
        found = found.unionByName(asked.join(of_accounts, on="account_id", how="inner").where(near).select(*columns))
    return Pools(
        found.distinct(), counted.where(selected), None if milestones is None else _milestones(asked, milestones)
    )


def _not_converting(
    conversions: DataFrame,
    selected: Column,
    memberships: DataFrame,
    own: DataFrame | None,
    rollup: DataFrame | None,
    *,
    end: int,
) -> DataFrame:
    """Accounts without a selected conversion, as if they converted at the end; `previous_at` is of any kind."""
    last = F.timestamp_micros(F.lit(end))
    known = memberships.select("account_id")
    if own is not None:
        known = known.union(own.select("account_id"))
    accounts = roll_up(known.distinct().withColumn("converted_at", last), rollup, time="converted_at").distinct()
    of_accounts = conversions.where(F.col("account_id").isNotNull())
    others = accounts.join(of_accounts.where(selected).select("account_id"), on="account_id", how="left_anti")
    earlier = of_accounts.where(F.col("converted_at") <= last).groupBy("account_id")
    previous = earlier.agg(F.max("converted_at").alias("previous_at"))
    name = F.concat(F.lit(_WITHOUT_CONVERSION), "account_id").cast("binary")
    return others.join(previous, on="account_id", how="left").select(
        name.alias(POOL), "account_id", "converted_at", "previous_at"
    )


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
