"""The part of the stage that credits accounts: the touches of all their members, their conversions and opportunities.

What is not configured is not kept. All of it is gone through in every run: who is a member may change for many people
at once, and accounts have conversions by the thousand, not by the million.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame

from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP
from oneuser.contracts.marts import ACCOUNT_ATTRIBUTION, ACCOUNT_CREDITS, ACCOUNT_TOUCHES, TOUCHES
from oneuser.contracts.reference import FX_RATES, OPPORTUNITIES
from oneuser.marts.attribution.conversion_pools import POOL, pool_by_conversion
from oneuser.marts.attribution.credits import build_credits, build_summary, find_milestones, only_counted
from oneuser.marts.attribution.pooling import convert_opportunities, find_stages, name_touched, pool_touches, roll_up
from oneuser.marts.attribution.reporting import build_conversion_values
from oneuser.stages.attribution.conservation import check_conservation
from oneuser.stages.consenting import of_consenting

if TYPE_CHECKING:
    from oneuser.marts.attribution.credit_rules import CreditRules
    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext

_TABLES = (ACCOUNT_CREDITS, ACCOUNT_ATTRIBUTION)


def credit_accounts(ctx: RunContext, rules: CreditRules, provenance: Provenance, conversions: DataFrame) -> None:
    """Write credits of accounts and their summary.

    Args:
        ctx: The stage's context.
        rules: The models, and how paths are made.
        provenance: How rows are made.
        conversions: All conversions, with their values in the reporting currency where there is one.

    Raises:
        CheckError: where what was credited is not what there was to credit; nothing is published then.
    """
    config = ctx.config.attribution
    if "account" not in config.levels:
        for contract in _TABLES:
            if contract.name in ctx.tables:
                ctx.replace_within(contract, contract.empty(ctx.spark), within=None)
        return
    above = ctx.read(ACCOUNT_ROLLUP) if config.roll_up else None
    purposes = ctx.config.consent.required_for_attribution
    touches = of_consenting(ctx, ctx.read(TOUCHES), purposes)
    # where consent is needed, nobody is there to give it
    own = ctx.read(ACCOUNT_TOUCHES) if ACCOUNT_TOUCHES.name in ctx.tables and not purposes else None
    # one without an account is unattributed: all of them add up
    of_accounts, stages = conversions, None
    if OPPORTUNITIES.name in ctx.tables:
        opportunities = ctx.read(OPPORTUNITIES)
        won = _valued(ctx, convert_opportunities(opportunities, provenance=provenance), provenance)
        of_accounts = of_accounts.unionByName(won)
        if rules.needs_milestones:
            reached = find_stages(opportunities).withColumnRenamed("entity_id", "account_id")
            stages = roll_up(reached, above, time="reached_at").withColumnRenamed("account_id", "entity_id")
    converted = ctx.checkpoint(roll_up(of_accounts, above, time="converted_at"))
    if config.membership_at == "touch":
        pooled = pool_touches(touches, ctx.read(ACCOUNT_MEMBERSHIPS), above, own=own)
        found = build_credits(pooled, converted, rules=rules, provenance=provenance, level="account", stages=stages)
    else:
        pools = pool_by_conversion(
            touches,
            ctx.read(ACCOUNT_MEMBERSHIPS),
            only_counted(converted, rules=rules, level="account"),
            window=rules.window,
            resets=config.reset_at_conversion,
            rollup=above,
            own=own,
            milestones=_all_milestones(rules, converted, stages),
        )
        found = build_credits(
            pools.touches,
            pools.conversions,
            rules=rules,
            provenance=provenance,
            level="account",
            stages=pools.milestones,
            pool=POOL,
        )
    ctx.replace_within(ACCOUNT_CREDITS, name_touched(found, touches), within=None)
    counted = only_counted(converted, rules=rules, level="account")
    check_conservation(ctx, ACCOUNT_CREDITS, counted, models=rules.additive, name="account_attribution_conservation")
    summary = build_summary(ctx.read(ACCOUNT_CREDITS), provenance=provenance, contract=ACCOUNT_ATTRIBUTION)
    ctx.replace_within(ACCOUNT_ATTRIBUTION, summary, within=None)


def _all_milestones(rules: CreditRules, converted: DataFrame, stages: DataFrame | None) -> DataFrame | None:
    """Milestones that conversions of accounts are, and those of their opportunities; null where no model asks."""
    reached = [find_milestones(converted, dict(rules.roles), owner="account_id")] if rules.roles else []
    if stages is not None:
        reached.append(stages.select("entity_id", "milestone", "reached_at"))
    return reduce(DataFrame.unionByName, reached) if reached and rules.needs_milestones else None


def _valued(ctx: RunContext, won: DataFrame, provenance: Provenance) -> DataFrame:
    """Won opportunities with their values in the reporting currency, where there is one."""
    if ctx.config.reporting_currency is None:
        return won
    values = build_conversion_values(
        won,
        ctx.read(FX_RATES),
        reporting_currency=ctx.config.reporting_currency,
        zone=ctx.config.attribution.zone,
        provenance=provenance,
    )
    return won.join(values.select("conversion_id", "reporting_minor"), on="conversion_id", how="left")
