"""What accounts are credited by: touches and conversions that meet by account, by either time of membership.

Reads   touches, account_touches, conversions, account_memberships, account_rollup, opportunities
Yields  rows as `build_credits`, `find_journeys` and `attribute` take them
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Literal, NamedTuple

from pyspark.sql import DataFrame

from oneuser.marts.attribution.conversion_pools import POOL, pool_by_conversion
from oneuser.marts.attribution.credits import find_milestones
from oneuser.marts.attribution.pooling import find_stages, pool_touches, roll_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column

    from oneuser.marts.attribution.credit_rules import CreditRules
    from oneuser.marts.attribution.path_rules import PathRules


class AccountRows(NamedTuple):
    """Touches, conversions and milestones of accounts.

    Attributes:
        touches: The column that `owner` names, `touch_id`, `touched_at`, `channel`.
        conversions: All columns that there were, and the column that `owner` names, null of those without an account.
        milestones: `entity_id`, `milestone`, `reached_at`; null where none were given.
        owner: By which column the three meet: `account_id`, or that of `conversion_pools`.
    """

    touches: DataFrame
    conversions: DataFrame
    milestones: DataFrame | None
    owner: str


def rows_of_accounts(
    touches: DataFrame,
    memberships: DataFrame,
    conversions: DataFrame,
    *,
    rules: CreditRules | PathRules,
    membership_at: Literal["touch", "conversion"] = "touch",
    rollup: DataFrame | None = None,
    own: DataFrame | None = None,
    milestones: DataFrame | None = None,
    is_selected: Column | None = None,
    end: int | None = None,
) -> AccountRows:
    """Pool the touches of each account by membership at their own time, or at that of each conversion.

    Args:
        touches: Rows of `touches`.
        memberships: Rows of `account_memberships`.
        conversions: Rows of `conversions`, all of an account or none, of the account furthest above where there is a
            roll-up.
        rules: How paths are made.
        membership_at: `touch` or `conversion`.
        rollup: Rows of `account_rollup`; null where accounts do not roll up.
        own: Rows of `account_touches`, where touches that are nobody's count.
        milestones: `entity_id` (the account), `milestone`, `reached_at`.
        is_selected: Which conversions are in the report range, by `converted_at`; null for all.
        end: Where the journeys of accounts that do not convert end, in microseconds since 1970; null where nobody asks
            for these.
    """
    if membership_at == "touch":
        pooled = pool_touches(touches, memberships, rollup, own=own)
        return AccountRows(pooled, conversions, milestones, "account_id")
    pools = pool_by_conversion(
        touches,
        memberships,
        conversions,
        rules=rules,
        rollup=rollup,
        own=own,
        milestones=milestones,
        is_selected=is_selected,
        end=end,
    )
    return AccountRows(*pools, POOL)


def milestones_of_accounts(
    conversions: DataFrame,
    opportunities: DataFrame | None,
    *,
    roles: Mapping[str, str],
    rollup: DataFrame | None = None,
) -> DataFrame | None:
    """Milestones that conversions are, and stages of opportunities, of the accounts furthest above where they roll up.

    Args:
        conversions: Rows of `conversions`, of the account furthest above where there is a roll-up.
        opportunities: Rows of `opportunities`, where there are any.
        roles: The milestone that each kind of conversion is, by kind.
        rollup: Rows of `account_rollup`; null where accounts do not roll up.

    Returns:
        `entity_id` (the account), `milestone`, `reached_at`; null where nothing is a milestone.
    """
    reached = [find_milestones(conversions, roles, owner="account_id")] if roles else []
    if opportunities is not None:
        stages = find_stages(opportunities).withColumnRenamed("entity_id", "account_id")
        above = roll_up(stages, rollup, time="reached_at").withColumnRenamed("account_id", "entity_id")
        reached.append(above.select("entity_id", "milestone", "reached_at"))
    return reduce(DataFrame.unionByName, reached) if reached else None
