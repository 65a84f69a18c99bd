"""Stage attribution: credits by every model, their summary, what changed of them, and the check that they add up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.changes import JOURNEYS
from oneuser.contracts.identity import LINEAGE
from oneuser.contracts.marts import (
    ATTRIBUTION_CHANGES,
    ATTRIBUTION_CREDITS,
    ATTRIBUTION_SUMMARY,
    CONVERSIONS,
    TOUCHES,
)
from oneuser.marts.attribution.credits import (
    build_credits,
    build_summary,
    count_broken,
    measure_totals,
)
from oneuser.marts.attribution.models import ModelRules
from oneuser.marts.attribution.restatement import explain_restated, find_moved_people, find_restated
from oneuser.stages.declaration import Stage
from oneuser.stages.found_rows import find, only
from oneuser.stages.parameters import credits_provenance

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


def attribution(ctx: RunContext) -> None:
    """Write credits, what changed of those that there were, and the summary.

    Where it is incremental: the credits of conversions of people whose touches or conversions changed, and of changed
    conversions of nobody. Shuffles and writes grow with these; what grows with all of them is one pass over touches and
    conversions by which theirs are found, and one over all credits that adds them up.

    Raises:
        CheckError: where what was credited is not what there was to credit; nothing is published then.
    """
    rules = ctx.config.attribution
    provenance = credits_provenance(ctx)
    people, conversion_ids = _touched(ctx)
    found = build_credits(
        only(ctx.read(TOUCHES), people),
        only(ctx.read(CONVERSIONS), conversion_ids),
        rules=ModelRules.of(rules),
        lookback_days=rules.lookback_days,
        exclude_channels=rules.exclude_channels,
        provenance=provenance,
    )
    changed = ctx.replace_within(ATTRIBUTION_CREDITS, found, conversion_ids)
    _check_conservation(ctx, conversion_ids)
    ctx.replace_within(
        ATTRIBUTION_SUMMARY, build_summary(ctx.read(ATTRIBUTION_CREDITS), provenance=provenance), within=None
    )
    if ATTRIBUTION_CREDITS.name in ctx.base:
        restated = find_restated(changed, models=rules.models, params_id=provenance.params_id)
        _tell_restated(ctx, ctx.checkpoint(restated), people)


def _touched(ctx: RunContext) -> tuple[DataFrame | None, DataFrame | None]:
    """People whose touches or conversions changed, and the conversions to credit again; null stands for all.

    These are the conversions that such people have or had, and those of nobody that changed, by their messages.
    """
    if not ctx.is_incremental:
        return None, None
    told = ctx.changes(JOURNEYS)
    people, messages = (
        find(ctx, told.where(F.col(name).isNotNull()).select(name)).rows for name in ("user_id", "message_key")
    )
    ids = [
        only(conversions, touched).select("conversion_id")
        for conversions in (ctx.read(CONVERSIONS), ctx.read_before(CONVERSIONS))
        for touched in (people, messages)
    ]
    return people, find(ctx, ids[0].union(ids[1]).union(ids[2]).union(ids[3]).distinct()).rows


def _tell_restated(ctx: RunContext, restated: DataFrame, people: DataFrame | None) -> None:
    """Keep what changed, and why. Takes what `find_restated` answers."""
    n_restated = 0
    if not restated.isEmpty():
        moved = find_moved_people(
            ctx.read(LINEAGE).where(F.col("run_seq") == ctx.run_seq),
            only(ctx.read_before(TOUCHES), people),
            only(ctx.read(TOUCHES), people),
        )
        n_restated = ctx.append(ATTRIBUTION_CHANGES, explain_restated(restated, moved, run_seq=ctx.run_seq))
    ctx.metric("attribution_changes", n_restated)


def _check_conservation(ctx: RunContext, conversion_ids: DataFrame | None) -> None:
    """By what was written, not by what was meant to be: conversion by conversion where credited again, and in all."""
    models = ctx.config.attribution.models
    credits_now, conversions = ctx.read(ATTRIBUTION_CREDITS), ctx.read(CONVERSIONS)
    broken = count_broken(only(credits_now, conversion_ids), only(conversions, conversion_ids), models=models)
    n_broken = int(broken.collect()[0]["n_broken"])
    measured = measure_totals(credits_now, conversions, models=models).collect()[0]
    value = measured["value"]
    totals = {model: measured[f"credit_{model}"] for model in models}
    unequal = {model: total for model, total in totals.items() if total != value}
    ctx.check(
        "attribution_conservation",
        ok=not n_broken and not unequal,
        found=f"{n_broken} conversions by model do not add up"
        + "".join(f"; {model} credits {total} in all" for model, total in unequal.items()),
        expected=f"weights of 1 and credits of the value for each conversion and model, {value} in all",
    )
    ctx.metric("longest_path", measured["longest_path"] or 0)
    ctx.metric("attribution_credits", measured["n_credits"])


ATTRIBUTION_STAGE = Stage(
    "attribution",
    attribution,
    reads=(TOUCHES, CONVERSIONS, LINEAGE),
    writes=(ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY, ATTRIBUTION_CHANGES),
    sections=("attribution",),
    # whoever is in the run's lineage and has touches or conversions is told of too
    takes={JOURNEYS: (TOUCHES, CONVERSIONS, LINEAGE)},
)
