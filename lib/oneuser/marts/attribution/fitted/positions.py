"""Paths that have touches, and one row per position of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def with_touches(paths: DataFrame) -> DataFrame:
    """Paths that have a touch: one without is no journey."""
    return paths.where(F.size("path") > 0)


def spread_over_positions(shared: DataFrame) -> DataFrame:
    """One row per path and position: `path`, `position int` from 1, `share double`.

    Args:
        shared: `path` and `shares`, one per touch.
    """
    placed = shared.select("path", F.posexplode("shares").alias("place", "share"))
    return placed.select("path", (F.col("place") + F.lit(1)).alias("position"), "share")
