"""Stage attribution: credits by every model, their summary, what changed of them, and the check that they add up."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import CONSENTS, JOURNEYS
from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP, LINEAGE
from oneuser.contracts.marts import (
    ACCOUNT_ATTRIBUTION,
    ACCOUNT_CREDITS,
    ACCOUNT_TOUCHES,
    ATTRIBUTION_CHANGES,
    ATTRIBUTION_CREDITS,
    ATTRIBUTION_SPEND,
    ATTRIBUTION_SUMMARY,
    CONVERSION_VALUES,
    CONVERSIONS,
    TOUCHES,
)
from oneuser.contracts.privacy import CONSENT
from oneuser.contracts.reference import FX_RATES, OPPORTUNITIES, SPEND
from oneuser.marts.attribution.credit_rules import CreditRules
from oneuser.marts.attribution.credits import (
    build_credits,
    build_summary,
    count_people_with_long_paths,
    only_counted,
)
from oneuser.marts.attribution.restatement import explain_restated, find_moved_people, find_restated
from oneuser.stages.attribution.account_credits import credit_accounts
from oneuser.stages.attribution.against_spend import set_against_spend
from oneuser.stages.attribution.conservation import check_conservation
from oneuser.stages.attribution.fitting import FIT, fit_models
from oneuser.stages.attribution.valuing import revalued, value_conversions
from oneuser.stages.consenting import changed_consent, of_consenting
from oneuser.stages.declaration import Stage
from oneuser.stages.found_rows import find, only
from oneuser.stages.parameters import credits_provenance

if TYPE_CHECKING:
    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext


def attribution(ctx: RunContext) -> None:
    """Write credits, what changed of those that there were, and the summary.

    Touches of people who do not grant what attribution needs get no credit. Where it is incremental: the credits of
    conversions of people whose touches, conversions, consent or exchange rates changed, and of changed conversions of
    nobody. Shuffles and writes grow with these; what grows with all of them is one pass over touches and conversions by
    which theirs are found, and one over all credits that adds them up. Models that are fitted on all paths have no
    credits here (see `fitting`).

    Raises:
        CheckError: where what was credited is not what there was to credit; nothing is published then.
    """
    rules = CreditRules.of(
        ctx.config.attribution, ctx.config.conversions, reporting_currency=ctx.config.reporting_currency
    )
    provenance = credits_provenance(ctx)
    people, conversion_ids = _touched(ctx, provenance)
    conversions = value_conversions(ctx, conversion_ids, provenance)
    found = build_credits(
        of_consenting(ctx, ctx.read_among(TOUCHES, people), ctx.config.consent.required_for_attribution),
        only(conversions, conversion_ids),
        rules=rules,
        provenance=provenance,
    )
    changed = ctx.replace_within(ATTRIBUTION_CREDITS, found, conversion_ids)
    measured = check_conservation(
        ctx,
        ATTRIBUTION_CREDITS,
        only_counted(conversions, rules=rules),
        models=rules.additive,
        conversion_ids=conversion_ids,
    )
    ctx.metric("longest_path", measured.longest_path)
    ctx.metric("attribution_credits", measured.n_credits)
    _tell_long_paths(ctx, measured.longest_path)
    summary = build_summary(ctx.read(ATTRIBUTION_CREDITS), provenance=provenance)
    fitted = fit_models(ctx, rules, provenance, conversions)
    ctx.replace_within(ATTRIBUTION_SUMMARY, summary if fitted is None else summary.unionByName(fitted), within=None)
    set_against_spend(ctx, rules, provenance)
    credit_accounts(ctx, rules, provenance, conversions)
    if ATTRIBUTION_CREDITS.name in ctx.base:
        restated = find_restated(changed, models=rules.labels, params_id=provenance.params_id)
        _tell_restated(ctx, ctx.checkpoint(restated), people)


def _touched(ctx: RunContext, provenance: Provenance) -> tuple[DataFrame | None, DataFrame | None]:
    """The people of whom everything is credited again, and these conversions; null stands for all.

    People whose touches, conversions or consent changed, and whoever has a conversion whose value in the reporting
    currency is another by now: all of a person is credited again, or nothing. The conversions are those that such
    people have or had, and those of nobody that changed, by their messages or by their value.
    """
    if not ctx.is_incremental:
        return None, None
    told = ctx.changes(JOURNEYS)
    if ctx.config.consent.required_for_attribution:
        told = told.unionByName(ctx.changes(CONSENTS))
    worth_else = [find(ctx, ids).rows for ids in revalued(ctx, provenance)]
    owners = [only(ctx.read(CONVERSIONS), ids).select("user_id") for ids in worth_else]
    named = reduce(DataFrame.union, [told.select("user_id"), *owners])
    people = find(ctx, named.where(F.col("user_id").isNotNull()).distinct()).rows
    messages = find(ctx, told.where(F.col("message_key").isNotNull()).select("message_key")).rows
    ids = [
        only(conversions, touched).select("conversion_id")
        for conversions in (ctx.read(CONVERSIONS), ctx.read_before(CONVERSIONS))
        for touched in (people, messages)
    ]
    return people, find(ctx, reduce(DataFrame.union, [*ids, *worth_else]).distinct()).rows


def _tell_restated(ctx: RunContext, restated: DataFrame, people: DataFrame | None) -> None:
    """Keep what changed, and why. Takes what `find_restated` answers."""
    n_restated = 0
    if not restated.isEmpty():
        moved = find_moved_people(
            ctx.read(LINEAGE).where(F.col("run_seq") == ctx.run_seq),
            only(ctx.read_before(TOUCHES), people),
            ctx.read_among(TOUCHES, people),
            changed_consent(ctx, ctx.config.consent.required_for_attribution),
        )
        n_restated = ctx.append(ATTRIBUTION_CHANGES, explain_restated(restated, moved, run_seq=ctx.run_seq))
    ctx.metric("attribution_changes", n_restated)


def _tell_long_paths(ctx: RunContext, longest: int) -> None:
    """How many people have paths longer than is configured: all of their touches were used, and cost what they cost."""
    limit = ctx.config.attribution.report_paths_above
    n_people = 0
    if longest > limit:
        counted = count_people_with_long_paths(ctx.read(ATTRIBUTION_CREDITS), above=limit).collect()
        n_people = int(counted[0]["n_people"])
        ctx.log.warning("long paths were used whole", people=n_people, longest=longest, report_paths_above=limit)
    ctx.metric("people_with_long_paths", n_people)


# what other rates change is found in the stage itself; all else of these is gone through in every run
_IN_ALL = (ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP, ACCOUNT_TOUCHES, FILES, FX_RATES, SPEND, OPPORTUNITIES)

ATTRIBUTION_STAGE = Stage(
    "attribution",
    attribution,
    reads=(TOUCHES, CONVERSIONS, LINEAGE, CONSENT, *_IN_ALL),
    writes=(
        CONVERSION_VALUES,
        ATTRIBUTION_CREDITS,
        ATTRIBUTION_SUMMARY,
        ATTRIBUTION_SPEND,
        ACCOUNT_CREDITS,
        ACCOUNT_ATTRIBUTION,
        ATTRIBUTION_CHANGES,
        *FIT,
    ),
    # which kinds of conversions are milestones is said with them
    sections=(
        "attribution",
        "conversions",
        "reporting_currency",
        "consent.required_for_attribution",
        "consent.opt_out_refuses",
        "consent.events",
    ),
    # whoever is in the run's lineage and has touches or conversions is told of too
    takes={JOURNEYS: (TOUCHES, CONVERSIONS, LINEAGE, *_IN_ALL), CONSENTS: (CONSENT,)},
)
