"""The part of the stage that fits models on all paths; without such a model, nothing of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.contracts.marts import (
    ATTRIBUTION_PATHS,
    ATTRIBUTION_REMOVAL_EFFECTS,
    ATTRIBUTION_TRANSITIONS,
    TOUCHES,
)
from oneuser.marts.attribution.credits import only_counted, path_facts
from oneuser.marts.attribution.fitted_tables import (
    build_fitted_summary,
    build_paths,
    build_removal_effects,
    build_transitions,
    find_journeys,
    find_unequal,
    markov_orders,
)
from oneuser.marts.attribution.journeys import count_journeys
from oneuser.marts.calendar import micros_of
from oneuser.stages.attribution.long_paths import tell_long_journeys
from oneuser.stages.complete_moments import last_complete_instant
from oneuser.stages.consenting import of_consenting

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.marts.attribution.account_rows import AccountRows
    from oneuser.marts.attribution.credit_rules import CreditRules
    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext

FIT = (ATTRIBUTION_PATHS, ATTRIBUTION_TRANSITIONS, ATTRIBUTION_REMOVAL_EFFECTS)
# models that are told of where they do not add up; there are few
_MOST_SHOWN = 20


def fit_models(ctx: RunContext, rules: CreditRules, provenance: Provenance, conversions: DataFrame) -> DataFrame | None:
    """Write the fit; answers rows of `attribution_summary` of the fitted models, null where there is none.

    Every path changes a little with every run: all touches and conversions are gone through, whatever the run touches.

    Args:
        ctx: The stage's context.
        rules: The models, and how paths are made.
        provenance: How rows are made.
        conversions: Rows of `conversions`, all of them, with their values in the reporting currency where there is one.

    Raises:
        CheckError: where what they credit is not what there was to credit; nothing is published then.
    """
    if not rules.fitted:
        for contract in FIT:
            if contract.name in ctx.tables:
                ctx.replace_within(contract, contract.empty(ctx.spark), within=None)
        return None
    touches = of_consenting(ctx, ctx.read(TOUCHES), ctx.config.consent.required_for_attribution)
    watermark = find_watermark_of_run(ctx)
    journeys = ctx.checkpoint(find_journeys(touches, conversions, rules=rules, watermark=watermark))
    made = path_facts(rules, watermark=watermark)
    ctx.replace_within(ATTRIBUTION_PATHS, build_paths(journeys, made=made, provenance=provenance), within=None)
    paths = ctx.read(ATTRIBUTION_PATHS)
    if not rules.models:
        tell_long_journeys(ctx, paths, level="person")
    orders = markov_orders(rules.fitted)
    for contract, build in (
        (ATTRIBUTION_TRANSITIONS, build_transitions),
        (ATTRIBUTION_REMOVAL_EFFECTS, build_removal_effects),
    ):
        if orders:
            ctx.replace_within(contract, build(paths, orders=orders, made=made, provenance=provenance), within=None)
        elif contract.name in ctx.tables:
            ctx.replace_within(contract, contract.empty(ctx.spark), within=None)
    built = build_fitted_summary(journeys, paths, rules=rules, provenance=provenance, watermark=watermark)
    summary = ctx.checkpoint(built)
    _check_sums(ctx, summary, only_counted(conversions, rules=rules), name="attribution_fit_conservation")
    return summary


def fit_accounts(
    ctx: RunContext, rules: CreditRules, provenance: Provenance, rows: AccountRows, counted: DataFrame
) -> DataFrame | None:
    """Fit the models on the paths of accounts; answers rows of `account_attribution`, null where there is none.

    Of accounts the fit itself is not kept: whoever asks for credits of one conversion makes it again.

    Args:
        ctx: The stage's context.
        rules: The models, and how paths are made.
        provenance: How rows are made.
        rows: Touches and conversions of accounts.
        counted: The conversions that are credited.

    Raises:
        CheckError: where what they credit is not what there was to credit; nothing is published then.
    """
    if not rules.fitted:
        return None
    watermark = find_watermark_of_run(ctx)
    found = find_journeys(rows.touches, rows.conversions, rules=rules, watermark=watermark, owner=rows.owner)
    journeys = ctx.checkpoint(found)
    paths = ctx.checkpoint(count_journeys(journeys))
    if not rules.models:
        tell_long_journeys(ctx, paths, level="account")
    built = build_fitted_summary(
        journeys, paths, rules=rules, provenance=provenance, watermark=watermark, level="account"
    )
    summary = ctx.checkpoint(built)
    _check_sums(ctx, summary, counted, name="account_attribution_fit_conservation")
    return summary


def find_watermark_of_run(ctx: RunContext) -> int | None:
    """Up to when all sources are complete, in microseconds since 1970; null where none has a time. Found once."""
    found = ctx.once("watermark", lambda: last_complete_instant(ctx.read))
    return None if found is None else micros_of(found)


def _check_sums(ctx: RunContext, summary: DataFrame, counted: DataFrame, *, name: str) -> None:
    unequal = find_unequal(summary, counted).limit(_MOST_SHOWN).collect()
    ctx.check(
        name,
        ok=not unequal,
        found="; ".join(
            f"{row['model']} credits {row['credited']:f} of {row['there_was']} conversions {row['conversion']}"
            for row in unequal
        ),
        expected="as many conversions and as much value by kind and currency as there are",
    )
