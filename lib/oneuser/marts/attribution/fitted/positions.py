"""Rows of the positions of a path, from its shares as one array."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def with_touches(paths: DataFrame) -> DataFrame:
    """Paths that have a touch: one without is no journey."""
    return paths.where(F.size("path") > 0)


def spread_over_positions(paths: DataFrame, shares: Column) -> DataFrame:
    """One row per path and position.

    Args:
        paths: Rows with `path`.
        shares: An array as long as the path.

    Returns:
        `path`, `position int` from 1, `share double`.
    """
    placed = paths.select("path", F.posexplode(shares).alias("place", "share"))
    return placed.select("path", (F.col("place") + F.lit(1)).alias("position"), "share")
