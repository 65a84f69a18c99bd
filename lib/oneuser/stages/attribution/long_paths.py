"""The part of the stage that tells of long paths: all of their touches were used, and cost what they cost.

Paths are told of as they are after the transforms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.attribution.credits import count_with_long_paths

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.marts.attribution.credits import Level
    from oneuser.stages.context import RunContext

# metrics of the longest path, and of how many have one that is longer than is configured
_LONGEST: dict[Level, str] = {"person": "longest_path", "account": "account_longest_path"}
_OWNERS: dict[Level, str] = {"person": "people", "account": "accounts"}
_JOURNEYS: dict[Level, str] = {"person": "journeys", "account": "account_journeys"}


def tell_long_paths(ctx: RunContext, contract: TableContract, longest: int, *, level: Level) -> None:
    """How many people or accounts have long paths, by their credits, which are read where somebody does."""
    limit, n_entities = ctx.config.attribution.report_paths_above, 0
    if longest > limit:
        counted = count_with_long_paths(ctx.read(contract), above=limit, level=level).collect()
        n_entities = int(counted[0]["n_entities"])
    _tell(ctx, longest, n_entities, level=level, whose=_OWNERS[level])


def tell_long_journeys(ctx: RunContext, paths: DataFrame, *, level: Level) -> None:
    """How many journeys have long paths, where no model has credits that would tell whose these are.

    Args:
        ctx: The stage's context.
        paths: Rows of `attribution_paths`, or of `count_journeys`.
        level: Whose journeys.
    """
    length = F.size("path")
    is_long = length > F.lit(ctx.config.attribution.report_paths_above)
    found = paths.agg(
        F.max(length).alias("longest"), F.sum(F.when(is_long, F.col("n_journeys"))).alias("n_journeys")
    ).collect()[0]
    _tell(ctx, found["longest"] or 0, found["n_journeys"] or 0, level=level, whose=_JOURNEYS[level])


def _tell(ctx: RunContext, longest: int, n_long: int, *, level: Level, whose: str) -> None:
    ctx.metric(_LONGEST[level], longest)
    ctx.metric(f"{whose}_with_long_paths", n_long)
    if n_long:
        ctx.log.warning(
            "long paths were used whole",
            longest=longest,
            report_paths_above=ctx.config.attribution.report_paths_above,
            **{whose: n_long},
        )
