"""The part of the stage that sets spend against credit; without spend, nothing of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import ATTRIBUTION_CREDITS, ATTRIBUTION_SPEND, ATTRIBUTION_SUMMARY
from oneuser.contracts.reference import FX_RATES, SPEND
from oneuser.marts.attribution.spending import (
    build_attribution_spend,
    credited_by_interval,
    credited_in_all,
    spent_by_interval,
)
from oneuser.marts.calendar import checked_calendar

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext


def set_against_spend(ctx: RunContext, provenance: Provenance) -> None:
    """Write `attribution_spend`, where there ever was spend: one pass over all credits, and sums.

    Raises:
        CheckError: where not all spend is in it, once; nothing is published then.
    """
    if SPEND.name not in ctx.tables:
        return
    rules, reporting_currency = ctx.config.attribution, ctx.config.reporting_currency
    calendar = checked_calendar(rules.spend_unit, rules.zone)
    spent = ctx.checkpoint(
        spent_by_interval(ctx.read(SPEND), ctx.read(FX_RATES), calendar, reporting_currency=reporting_currency)
    )
    credited = [
        credited_by_interval(ctx.read(ATTRIBUTION_CREDITS), calendar, reporting_currency=reporting_currency),
        credited_in_all(ctx.read(ATTRIBUTION_SUMMARY), reporting_currency=reporting_currency),
    ]
    rows = build_attribution_spend(credited, spent, calendar=calendar, provenance=provenance)
    ctx.replace_within(ATTRIBUTION_SPEND, rows, within=None)
    _check_spend(ctx, spent)


def _check_spend(ctx: RunContext, spent: DataFrame) -> None:
    """Spend of all time, as it stands at each model and kind of conversion, is what was spent."""
    total = F.sum("spend_minor").alias("spend")
    in_all = F.col("interval_date").isNull()
    there_was = spent.where(in_all).groupBy("currency").agg(total).collect()
    told = ctx.read(ATTRIBUTION_SPEND).where(in_all).groupBy("model", "conversion", "currency").agg(total).collect()
    wanted = {row["currency"]: row["spend"] for row in there_was}
    unequal = [row for row in told if row["spend"] != wanted.get(row["currency"], 0)]
    ctx.check(
        "attribution_spend",
        ok=not unequal,
        found="; ".join(f"{row['model']}: {row['spend']:f} {row['currency']}" for row in unequal),
        expected=", ".join(f"{spend:f} {currency}" for currency, spend in sorted(wanted.items())),
    )
    without = (
        0
        if ctx.config.reporting_currency is None
        else sum(1 for currency in wanted if currency != ctx.config.reporting_currency)
    )
    ctx.metric("spend_currencies_without_rate", without)
    if without:
        ctx.log.warning(
            "spend has no exchange rate and meets no credit",
            currencies=", ".join(sorted(set(wanted) - {str(ctx.config.reporting_currency)})),
            reporting_currency=ctx.config.reporting_currency,
        )
