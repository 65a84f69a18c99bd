"""The part of the stage that sets spend against credit; without spend, nothing of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import ATTRIBUTION_CREDITS, ATTRIBUTION_SPEND, ATTRIBUTION_SUMMARY
from oneuser.contracts.reference import FX_RATES, SPEND
from oneuser.marts.attribution.credits import path_facts
from oneuser.marts.attribution.spending import (
    build_attribution_spend,
    credited_by_interval,
    credited_in_all,
    spent_by_interval,
)
from oneuser.marts.calendar import checked_calendar
from oneuser.stages.attribution.fitting import find_watermark_of_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.attribution.credit_rules import CreditRules
    from oneuser.marts.attribution.spending import AskedOf
    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext


def set_against_spend(ctx: RunContext, rules: CreditRules, provenance: Provenance) -> None:
    """Write `attribution_spend`, where there ever was spend: one pass over all credits, and sums.

    Every model and every declared kind of conversion has all spend, whether there was such a conversion or not.

    Raises:
        CheckError: where not all spend is in it, once for each model and kind; nothing is published then.
    """
    if SPEND.name not in ctx.tables:
        return
    config, reporting_currency = ctx.config.attribution, ctx.config.reporting_currency
    asked = asked_of(rules, ctx.config.conversions)
    calendar = checked_calendar(config.spend_unit, config.zone, config.week_start)
    spent = ctx.checkpoint(
        spent_by_interval(ctx.read(SPEND), ctx.read(FX_RATES), calendar, reporting_currency=reporting_currency)
    )
    credited = [
        credited_by_interval(ctx.read(ATTRIBUTION_CREDITS), calendar, reporting_currency=reporting_currency),
        credited_in_all(ctx.read(ATTRIBUTION_SUMMARY), reporting_currency=reporting_currency),
    ]
    made = _made(rules, watermark=find_watermark_of_run(ctx) if rules.fitted else None)
    rows = build_attribution_spend(credited, spent, asked=asked, calendar=calendar, made=made, provenance=provenance)
    ctx.replace_within(ATTRIBUTION_SPEND, rows, within=None)
    _check_spend(ctx, spent, asked)


def asked_of(rules: CreditRules, kinds: Iterable[str]) -> list[AskedOf]:
    """Each configured model with each declared kind, by interval and of all time; fitted models of all time alone."""
    by_interval = [(label, False) for label in rules.labels]
    in_all = [(label, True) for label in (*rules.labels, *(spec.label for spec in rules.fitted))]
    return [(model, kind, is_all) for kind in kinds for model, is_all in (*by_interval, *in_all)]


def _made(rules: CreditRules, *, watermark: int | None) -> dict[str, Column]:
    """What rows say of how the credit of their model was made."""
    fitted = [spec.label for spec in rules.fitted]
    facts = path_facts(rules, watermark=watermark)
    return {
        **facts,
        "is_additive": F.col("model").isin(*rules.additive, *fitted),
        "watermark": F.when(F.col("model").isin(*fitted), facts["watermark"]),
    }


def find_unequal(
    told: Mapping[tuple[str, str, bool, str], Decimal], spent: Mapping[str, Decimal], asked: Sequence[AskedOf]
) -> list[str]:
    """Where spend is not all there, or not once, in words.

    Args:
        told: Spend in minor units by model, kind of conversion, whether it is of all time, and currency.
        spent: What was spent, by currency.
        asked: The models and kinds that have all of it each.
    """
    there_are = {*asked, *((model, kind, is_all) for model, kind, is_all, _ in told)}
    wanted = {(*one, currency): spend for one in there_are for currency, spend in spent.items()}
    return [
        f"{model}, {kind}, {'of all time' if is_all else 'by interval'}: "
        f"{told.get((model, kind, is_all, currency), 'nothing')} {currency}"
        for model, kind, is_all, currency in sorted(told.keys() | wanted.keys())
        if told.get((model, kind, is_all, currency)) != wanted.get((model, kind, is_all, currency))
    ]


def _check_spend(ctx: RunContext, spent: DataFrame, asked: Sequence[AskedOf]) -> None:
    """Spend as it stands at each model and kind of conversion is what was spent, by interval and of all time."""
    total = F.sum("spend_minor").alias("spend")
    is_all = F.col("interval_date").isNull()
    there_was = spent.where(is_all).groupBy("currency").agg(total).collect()
    grid = ctx.read(ATTRIBUTION_SPEND).groupBy("model", "conversion", is_all.alias("is_all"), "currency").agg(total)
    told = {(row["model"], row["conversion"], row["is_all"], row["currency"]): row["spend"] for row in grid.collect()}
    wanted = {row["currency"]: row["spend"] for row in there_was}
    unequal = find_unequal(told, wanted, asked)
    ctx.check(
        "attribution_spend",
        ok=not unequal,
        found="; ".join(unequal),
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
