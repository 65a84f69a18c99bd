"""Stage attribution: credits by every model, their summary, and the check that they add up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.contracts.marts import ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY, CONVERSIONS, TOUCHES
from oneuser.marts.attribution.credits import build_credits, build_summary, measure_conservation
from oneuser.marts.attribution.models import ModelRules
from oneuser.stages.declaration import Stage
from oneuser.stages.parameters import credits_provenance

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext


def attribution(ctx: RunContext) -> None:
    """Write credits and summary.

    Raises:
        CheckError: where what was credited is not what there was to credit; nothing is published then.
    """
    rules = ctx.config.attribution
    conversions = ctx.read(CONVERSIONS)
    n_rows = ctx.replace(
        ATTRIBUTION_CREDITS,
        build_credits(
            ctx.read(TOUCHES),
            conversions,
            rules=ModelRules.of(rules),
            lookback_days=rules.lookback_days,
            exclude_channels=rules.exclude_channels,
            provenance=credits_provenance(ctx),
        ),
    )
    _check_conservation(ctx)
    ctx.replace(ATTRIBUTION_SUMMARY, build_summary(ctx.read(ATTRIBUTION_CREDITS)))
    ctx.metric("attribution_credits", n_rows)


def _check_conservation(ctx: RunContext) -> None:
    """By what was written, not by what was meant to be."""
    models = ctx.config.attribution.models
    measured = measure_conservation(ctx.read(ATTRIBUTION_CREDITS), ctx.read(CONVERSIONS), models=models).first()
    assert measured is not None  # noqa: S101 - an aggregate has one row
    n_broken = int(measured["n_broken"])
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


ATTRIBUTION_STAGE = Stage(
    "attribution",
    attribution,
    reads=(TOUCHES, CONVERSIONS),
    writes=(ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY),
    sections=("attribution",),
)
