"""The part of the stage that tells values in the reporting currency; without one, nothing of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import CONVERSION_VALUES, CONVERSIONS
from oneuser.contracts.reference import FX_RATES
from oneuser.marts.attribution.reporting import build_conversion_values
from oneuser.stages.found_rows import only

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext


def value_conversions(ctx: RunContext, conversion_ids: DataFrame | None, provenance: Provenance) -> DataFrame:
    """Write the values of conversions in the reporting currency; answers all conversions with `reporting_minor`.

    Without a reporting currency, the conversions as they are.

    Args:
        ctx: The stage's context.
        conversion_ids: Those that are credited again; null stands for all.
        provenance: How rows are made.
    """
    conversions = ctx.read(CONVERSIONS)
    if ctx.config.reporting_currency is None:
        if CONVERSION_VALUES.name in ctx.tables:
            ctx.replace_within(CONVERSION_VALUES, CONVERSION_VALUES.empty(ctx.spark), within=None)
        return conversions
    values = _values(ctx, only(conversions, conversion_ids), provenance)
    ctx.replace_within(CONVERSION_VALUES, values, conversion_ids)
    _tell_without_rate(ctx)
    known = ctx.read(CONVERSION_VALUES).select("conversion_id", "reporting_minor")
    return conversions.join(known, on="conversion_id", how="left")


def revalued(ctx: RunContext, provenance: Provenance) -> list[DataFrame]:
    """`conversion_id` of those whose value in the reporting currency is not what it was, in a frame where any may be.

    Where rates have changed: one pass over the conversions and over what they were worth.
    """
    is_as_it_was = ctx.base.get(FX_RATES.name) == ctx.tables.get(FX_RATES.name)
    if ctx.config.reporting_currency is None or is_as_it_was:
        return []
    facts = ["conversion_id", "reporting_minor", "rate", "rate_date"]
    now = _values(ctx, ctx.read(CONVERSIONS), provenance).select(*facts)
    return [now.exceptAll(ctx.read_before(CONVERSION_VALUES).select(*facts)).select("conversion_id")]


def _values(ctx: RunContext, conversions: DataFrame, provenance: Provenance) -> DataFrame:
    assert ctx.config.reporting_currency is not None  # noqa: S101 - the callers have looked
    return build_conversion_values(
        conversions,
        ctx.read(FX_RATES),
        reporting_currency=ctx.config.reporting_currency,
        zone=ctx.config.attribution.zone,
        provenance=provenance,
    )


def _tell_without_rate(ctx: RunContext) -> None:
    """How many conversions have no rate, by currency: their value is in no sum of the reporting currency."""
    missing = ctx.read(CONVERSION_VALUES).where(F.col("reporting_minor").isNull())
    counted = missing.groupBy("currency").agg(F.count(F.lit(1)).alias("n")).orderBy("currency").collect()
    for row in counted:
        ctx.metric("conversions_without_rate", row["n"], row["currency"])
    ctx.metric("conversions_without_rate", sum(row["n"] for row in counted))
    if counted:
        ctx.log.warning(
            "conversions have no exchange rate",
            conversions=sum(row["n"] for row in counted),
            currencies=", ".join(row["currency"] for row in counted),
            reporting_currency=ctx.config.reporting_currency,
        )
