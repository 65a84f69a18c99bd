"""The part of the stage that credits accounts: the touches of all their members, their conversions and opportunities.

What is not configured is not kept. All of it is gone through in every run: who is a member may change for many people
at once, and accounts have conversions by the thousand, not by the million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP
from oneuser.contracts.marts import ACCOUNT_ATTRIBUTION, ACCOUNT_CREDITS, ACCOUNT_TOUCHES, TOUCHES
from oneuser.contracts.reference import FX_RATES, OPPORTUNITIES
from oneuser.marts.attribution.account_rows import milestones_of_accounts, rows_of_accounts
from oneuser.marts.attribution.credits import build_credits, build_summary, only_counted
from oneuser.marts.attribution.pooling import convert_opportunities, name_touched, roll_up
from oneuser.marts.attribution.reporting import build_conversion_values
from oneuser.stages.attribution.conservation import check_conservation
from oneuser.stages.attribution.fitting import find_watermark_of_run, fit_accounts
from oneuser.stages.attribution.long_paths import tell_long_paths
from oneuser.stages.consenting import of_consenting

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.marts.attribution.credit_rules import CreditRules
    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext

_TABLES = (ACCOUNT_CREDITS, ACCOUNT_ATTRIBUTION)


def credit_accounts(
    ctx: RunContext, rules: CreditRules, provenance: Provenance, conversions: DataFrame
) -> DataFrame | None:
    """Write credits of accounts and their summary, of models that are fitted on all paths too.

    Args:
        ctx: The stage's context.
        rules: The models, and how paths are made.
        provenance: How rows are made.
        conversions: All conversions, with their values in the reporting currency where there is one.

    Returns:
        What changed in `account_credits`; null where accounts are not credited.

    Raises:
        CheckError: where what was credited is not what there was to credit; nothing is published then.
    """
    config = ctx.config.attribution
    if "account" not in config.levels:
        for contract in _TABLES:
            if contract.name in ctx.tables:
                ctx.replace_within(contract, contract.empty(ctx.spark), within=None)
        return None
    above = ctx.read(ACCOUNT_ROLLUP) if config.roll_up else None
    purposes = ctx.config.consent.required_for_attribution
    touches = of_consenting(ctx, ctx.read(TOUCHES), purposes)
    opportunities = ctx.read(OPPORTUNITIES) if OPPORTUNITIES.name in ctx.tables else None
    # one without an account is unattributed: all of them add up
    of_accounts = conversions
    if opportunities is not None:
        won = convert_opportunities(opportunities, provenance=provenance)
        of_accounts = conversions.unionByName(_valued(ctx, won, provenance))
    converted = ctx.checkpoint(roll_up(of_accounts, above, time="converted_at"))
    rows = rows_of_accounts(
        touches,
        ctx.read(ACCOUNT_MEMBERSHIPS),
        converted,
        rules=rules,
        membership_at=config.membership_at,
        rollup=above,
        # where consent is needed, nobody is there to give it
        own=ctx.read(ACCOUNT_TOUCHES) if ACCOUNT_TOUCHES.name in ctx.tables and not purposes else None,
        milestones=milestones_of_accounts(converted, opportunities, roles=dict(rules.roles), rollup=above)
        if rules.needs_milestones
        else None,
        end=find_watermark_of_run(ctx) if rules.fitted else None,
    )
    found = build_credits(
        rows.touches,
        rows.conversions,
        rules=rules,
        provenance=provenance,
        level="account",
        stages=rows.milestones,
        pool=rows.owner,
    )
    changed = ctx.replace_within(ACCOUNT_CREDITS, name_touched(found, touches), within=None)
    counted = only_counted(converted, rules=rules, level="account")
    measured = check_conservation(
        ctx, ACCOUNT_CREDITS, counted, models=rules.additive, name="account_attribution_conservation"
    )
    if rules.models:
        tell_long_paths(ctx, ACCOUNT_CREDITS, measured.longest_path, level="account")
    summary = build_summary(measured.sums, rules=rules, provenance=provenance, contract=ACCOUNT_ATTRIBUTION)
    fitted = fit_accounts(ctx, rules, provenance, rows, counted)
    ctx.replace_within(ACCOUNT_ATTRIBUTION, summary if fitted is None else summary.unionByName(fitted), within=None)
    return changed


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
