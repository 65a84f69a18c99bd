"""The check that stops a run: what was credited is what there was to credit, in every currency."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from oneuser.marts.attribution.credits import count_broken, measure_totals, sum_credits
from oneuser.marts.attribution.walk import money_of
from oneuser.stages.found_rows import only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext


class Measured(NamedTuple):
    """What the check has seen on its way; `sums` are those of `sum_credits`, at hand."""

    sums: DataFrame
    n_credits: int
    longest_path: int


def check_conservation(
    ctx: RunContext,
    contract: TableContract,
    conversions: DataFrame,
    *,
    models: Sequence[str],
    conversion_ids: DataFrame | None = None,
    name: str = "attribution_conservation",
) -> Measured:
    """By what was written, not by what was meant to be: conversion by conversion where credited again, and in all.

    Args:
        ctx: The stage's context.
        contract: The table of credits.
        conversions: The conversions that are credited, with `value_minor`, and `reporting_minor` where there is one.
        models: The models that add up; others are left out.
        conversion_ids: Those that were credited again; null stands for all.
        name: What the check is called.

    Raises:
        CheckError: where something does not add up; nothing is published then.
    """
    credited = ctx.read(contract)
    broken = count_broken(only(credited, conversion_ids), only(conversions, conversion_ids), models=models)
    n_broken = int(broken.collect()[0]["n_broken"])
    sums = ctx.checkpoint(sum_credits(credited))
    measured = measure_totals(sums, conversions, models=models).collect()[0]
    unequal = [
        f"{model} credits {measured[f'{credit}_{n}']} of {measured[value]} in all ({value})"
        for value, credit in money_of(conversions.columns)
        for n, model in enumerate(models)
        if measured[f"{credit}_{n}"] != measured[value]
    ]
    ctx.check(
        name,
        ok=not n_broken and not unequal,
        found="; ".join([f"{n_broken} conversions by model do not add up", *unequal]),
        expected="weights of 1 and credits of the value for each conversion and model",
    )
    return Measured(sums, measured["n_credits"], measured["longest_path"] or 0)
