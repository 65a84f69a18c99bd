"""Cells of retention: steps of counts added up, a row for every offset, with rates.

Reads   steps   one row per cohort and offset at which a count changes
Yields  cells   one row per cohort and offset
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.calendar import known_word
from oneuser.marts.event_rows import check_is_frame
from oneuser.marts.exact_sums import RATE
from oneuser.marts.wilson import wilson_interval

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from oneuser.marts.retention.definition import Definition

_COUNTS = ("cohort_size", "returned_same_interval", "retained", "retained_eligible", "eligible")


def count_cells(steps: DataFrame, definition: Definition) -> DataFrame:
    """Add the steps up, and say each count for every offset from a cohort's first to its last.

    Args:
        steps: What `find_steps` yields.
        definition: What they are steps of.

    Returns:
        `interval` and `breakdown` of the cohort, `offset`, `cohort_size`, `returned_same_interval`, `retained`,
        `retained_eligible`, `eligible`, `is_observed`, `rate`, `rate_low`, `rate_high`; with brackets, also
        `offset_until`.
    """
    cohort = W.partitionBy("interval", "breakdown")
    so_far = cohort.orderBy("offset").rowsBetween(W.unboundedPreceding, W.currentRow)
    following = F.lead("offset").over(cohort.orderBy("offset"))
    first, last = _range(definition)
    counted = steps.select(
        "interval",
        "breakdown",
        "offset",
        F.sum("size").over(cohort).alias("cohort_size"),
        F.sum("at_once").over(cohort).alias("returned_same_interval"),
        F.sum("passed").over(so_far).alias("n_passed"),
        F.sum("retained").over(so_far).alias("retained"),
        F.sum("retained_eligible").over(so_far).alias("retained_eligible"),
        F.min(F.when(F.col("size") > 0, F.col("offset"))).over(cohort).alias("lowest"),
        F.max("observed_until").over(cohort).alias("observed_until"),
        following.alias("following"),
    ).withColumns({"first": first, "last": last})
    # counts stay as they are up to the next step
    begins = F.greatest("offset", "first")
    ends = F.least(F.coalesce(F.col("following") - F.lit(1), F.col("last")), F.col("last"))
    cells = (
        counted.withColumns({"begins": begins, "ends": ends})
        .where(F.col("begins") <= F.col("ends"))
        .withColumn("offset", F.explode(F.sequence("begins", "ends")))
        .withColumn("eligible", F.col("cohort_size") - F.col("n_passed"))
    )
    own = F.col("offset") == F.lit(0)
    # column 0 is the size, whatever the mode
    named = cells.withColumns(
        {
            "retained": F.when(own, F.col("cohort_size")).otherwise(F.col("retained")),
            "retained_eligible": F.when(own, F.col("eligible")).otherwise(F.col("retained_eligible")),
        }
    )
    return with_rates(named.select("interval", "breakdown", *_offsets(definition), *_COUNTS))


def _range(definition: Definition) -> tuple[Column, Column]:
    """First and last offset of a cohort: to the interval that holds the watermark, or back to where the data begin."""
    if definition.mode == "bracket":
        return F.lit(0), F.lit(len(definition.brackets))
    if definition.mode == "before":
        first, last = F.least("lowest", F.lit(0)), F.lit(0)
    else:
        first, last = F.lit(0), F.greatest(F.col("observed_until") + F.lit(1), F.lit(0))
    bound = definition.max_offset
    return (first, last) if bound is None else (F.greatest(first, F.lit(-bound)), F.least(last, F.lit(bound)))


def _offsets(definition: Definition) -> list[Column]:
    """The offset, or the first and the last of a bracket."""
    number = F.col("offset")
    if definition.mode != "bracket":
        return [number]
    sides = [F.array(F.lit(0), *[F.lit(one[side]) for one in definition.brackets]) for side in (0, 1)]
    return [F.get(side, number).alias(name) for side, name in zip(sides, ("offset", "offset_until"), strict=True)]


def with_rates(cells: DataFrame) -> DataFrame:
    """Cells with `is_observed`, and `rate` with the Wilson interval around it; null where nobody is eligible."""
    low, high = wilson_interval(F.col("retained_eligible"), F.col("eligible"))
    return cells.select(
        "*",
        (F.col("eligible") > F.lit(0)).alias("is_observed"),
        (F.col("retained_eligible") / F.nullif("eligible", F.lit(0))).alias("rate"),
        low.alias("rate_low"),
        high.alias("rate_high"),
    )


def pool(cells: DataFrame, mean: str = "pooled") -> DataFrame:
    """One rate for each offset over all cohorts.

    Args:
        cells: Rows of `retain`, or of the table `retention`, of which each rule set is pooled by itself.
        mean: `pooled`, those who came back ÷ those who could, or `simple`, the mean of the cohorts' rates, in which a
            cohort of one person weighs as much as one of thousands.

    Returns:
        `offset` and `rate`, null where no cohort is observed; with brackets also `offset_until`, with a breakdown
        also `breakdown`, of the table also `name`. Cells that are not observed have no part in it.

    Raises:
        ConfigError: for another mean, and where a column is missing.
    """
    known_word("mean", mean, ["pooled", "simple"])
    check_is_frame("cells", cells)
    needed = ["offset", "retained_eligible", "eligible", "is_observed", "rate"]
    missing = [name for name in needed if name not in cells.columns]
    if missing:
        raise ConfigError.single("cells", f"expected rows of `retain`; missing are {', '.join(missing)}")
    observed = {name: F.when(F.col("is_observed"), F.col(name)) for name in needed[1:]}
    pooled = F.sum(observed["retained_eligible"]) / F.nullif(F.sum(observed["eligible"]), F.lit(0))
    by = [name for name in ("name", "breakdown", "offset", "offset_until") if name in cells.columns]
    # added as decimals: a sum of doubles depends on their order
    summed = F.sum(observed["rate"].cast(RATE)).cast("double")
    simple = summed / F.nullif(F.count(observed["rate"]), F.lit(0))
    return cells.groupBy(*by).agg((pooled if mean == "pooled" else simple).alias("rate"))
