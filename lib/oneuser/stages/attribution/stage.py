"""Stage attribution: credits by every model, their summary, what changed of them, and the check that they add up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import CONSENTS, JOURNEYS, OWNED_MESSAGES
from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP, EVENTS_RESOLVED, LINEAGE
from oneuser.contracts.marts import (
    ACCOUNT_ATTRIBUTION,
    ACCOUNT_ATTRIBUTION_CHANGES,
    ACCOUNT_CREDITS,
    ACCOUNT_TOUCHES,
    ATTRIBUTION_CHANGES,
    ATTRIBUTION_CREDITS,
    ATTRIBUTION_SPEND,
    ATTRIBUTION_SUMMARY,
    CONVERSION_VALUES,
    CONVERSIONS,
    SESSIONS,
    TOUCHES,
)
from oneuser.contracts.privacy import CONSENT
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.reference import FX_RATES, OPPORTUNITIES, SPEND
from oneuser.marts.attribution.credit_rules import CreditRules
from oneuser.marts.attribution.credits import (
    build_credits,
    build_summary,
    only_counted,
)
from oneuser.stages.attribution.account_credits import credit_accounts
from oneuser.stages.attribution.against_spend import set_against_spend
from oneuser.stages.attribution.conservation import check_conservation
from oneuser.stages.attribution.fitting import FIT, fit_models
from oneuser.stages.attribution.long_paths import tell_long_paths
from oneuser.stages.attribution.restating import tell_restated
from oneuser.stages.attribution.touched_conversions import TouchedConversions, find_touched_conversions
from oneuser.stages.attribution.valuing import value_conversions
from oneuser.stages.consenting import of_consenting
from oneuser.stages.declaration import Stage
from oneuser.stages.found_rows import only
from oneuser.stages.parameters import attribution_consent, credits_provenance

if TYPE_CHECKING:
    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext


def attribution(ctx: RunContext) -> None:
    """Write credits, what changed of those that there were, and the summary.

    Touches of people who do not grant what attribution needs get no credit. Where it is incremental: the credits of
    conversions from the open end of their person on, of all conversions of people whose consent changed, of those that
    are worth something else by now, and of changed conversions of nobody. Shuffles and writes grow with these; what
    grows with all of them is one pass over touches and conversions by which theirs are found, one over all credits that
    adds them up, and, in a process of its own, one over the times of all events. Models that are fitted on all paths
    have no credits here (see `fitting`).

    Raises:
        CheckError: where what was credited is not what there was to credit; nothing is published then.
    """
    rules = CreditRules.of(
        ctx.config.attribution, ctx.config.conversions, reporting_currency=ctx.config.reporting_currency
    )
    provenance = credits_provenance(ctx)
    touched = find_touched_conversions(ctx, provenance)
    conversion_ids = None if touched is None else touched.conversion_ids
    conversions = value_conversions(ctx, conversion_ids, provenance)
    found = _credits(ctx, touched, conversions, rules, provenance)
    changed = ctx.replace_within(ATTRIBUTION_CREDITS, found, conversion_ids)
    measured = check_conservation(
        ctx,
        ATTRIBUTION_CREDITS,
        only_counted(conversions, rules=rules),
        models=rules.additive,
        conversion_ids=conversion_ids,
    )
    ctx.metric("attribution_credits", measured.n_credits)
    if rules.models:
        tell_long_paths(ctx, ATTRIBUTION_CREDITS, measured.longest_path, level="person")
    summary = build_summary(measured.sums, rules=rules, provenance=provenance)
    fitted = fit_models(ctx, rules, provenance, conversions)
    ctx.replace_within(ATTRIBUTION_SUMMARY, summary if fitted is None else summary.unionByName(fitted), within=None)
    set_against_spend(ctx, rules, provenance)
    of_accounts = credit_accounts(ctx, rules, provenance, conversions)
    people = None if touched is None else touched.people
    tell_restated(ctx, {"person": changed, "account": of_accounts}, rules, provenance, people)


def _credits(
    ctx: RunContext,
    touched: TouchedConversions | None,
    conversions: DataFrame,
    rules: CreditRules,
    provenance: Provenance,
) -> DataFrame:
    """Credits of touched conversions, or of all; other conversions of their people are looked at, too."""
    touches = ctx.read_among(TOUCHES, None if touched is None else touched.people)
    consenting = of_consenting(ctx, touches, ctx.config.consent.required_for_attribution)
    if touched is None:
        return build_credits(consenting, conversions, rules=rules, provenance=provenance)
    asked = touched.conversion_ids.withColumn("is_asked", F.lit(True))
    marked = conversions.join(asked, on="conversion_id", how="left")
    of_nobody = F.col("user_id").isNull() & F.col("is_asked")
    looked_at = only(marked, touched.people).unionByName(marked.where(of_nobody))
    return build_credits(
        consenting, looked_at, rules=rules, provenance=provenance, is_selected=F.col("is_asked").isNotNull()
    )


# what other rates change is found in the stage itself; all else of these is gone through in every run
_IN_ALL = (ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP, ACCOUNT_TOUCHES, FILES, FX_RATES, SPEND, OPPORTUNITIES)
# what says since when somebody's journey may have changed
_TIMES = (SESSIONS, EVENTS_RESOLVED, EVENTS)

ATTRIBUTION_STAGE = Stage(
    "attribution",
    attribution,
    reads=(TOUCHES, CONVERSIONS, LINEAGE, CONSENT, *_IN_ALL, *_TIMES),
    writes=(
        CONVERSION_VALUES,
        ATTRIBUTION_CREDITS,
        ATTRIBUTION_SUMMARY,
        ATTRIBUTION_SPEND,
        ACCOUNT_CREDITS,
        ACCOUNT_ATTRIBUTION,
        ATTRIBUTION_CHANGES,
        ACCOUNT_ATTRIBUTION_CHANGES,
        *FIT,
    ),
    # which kinds of conversions are milestones is said with them
    sections=("attribution", "conversions", "reporting_currency"),
    facts=attribution_consent,
    # whoever is in the run's lineage and has touches or conversions is told of too
    takes={JOURNEYS: (TOUCHES, CONVERSIONS, LINEAGE, *_IN_ALL), CONSENTS: (CONSENT,), OWNED_MESSAGES: _TIMES},
)
