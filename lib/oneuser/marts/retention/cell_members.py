"""Who is in a cell of retention: each member's own part in its counts.

Reads   moments, cells   what cells were counted from, and some of the cells
Yields  members          one row per cell and member of its cohort
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.retention.members import find_members

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.retention.definition import Definition


def find_cell_members(
    moments: DataFrame, definition: Definition, *, watermark: datetime, cells: DataFrame
) -> DataFrame:
    """Say of the members of cohorts for which numbers of a cell they count. A row is a cell and a member of its cohort.

    A count is the sum of its members' steps up to an offset; so is a member's own part in it.

    Args:
        moments: As `find_steps` takes them.
        definition: What the cells are of.
        watermark: As in `find_steps`.
        cells: `interval` and `breakdown` of the cohort and `offset` of the cell, each once; of a bracket its number,
            from 1 on. They are sent to every task: few.

    Returns:
        `entity_id`, `interval`, `breakdown`, `offset`, and whether it counts: `cohort_size`, `returned_same_interval`,
        `retained`, `retained_eligible`, `eligible`.
    """
    members = find_members(moments, definition, watermark=watermark).alias("member")
    asked = F.broadcast(cells).alias("cell")
    is_same = (F.col("member.interval") == F.col("cell.interval")) & F.col("member.breakdown").eqNullSafe(
        F.col("cell.breakdown")
    )
    both = members.join(asked, on=is_same, how="inner").select(
        "entity_id", "cell.interval", "cell.breakdown", "cell.offset", "steps"
    )
    is_own = F.col("offset") == F.lit(0)
    is_eligible = _sum_of("passed") == F.lit(0)
    return both.select(
        "entity_id",
        "interval",
        "breakdown",
        "offset",
        F.lit(True).alias("cohort_size"),
        F.exists("steps", lambda step: step["at_once"] > F.lit(0)).alias("returned_same_interval"),
        # column 0 is the size, whatever the mode
        F.when(is_own, F.lit(True)).otherwise(_sum_of("retained") > F.lit(0)).alias("retained"),
        F.when(is_own, is_eligible).otherwise(_sum_of("retained_eligible") > F.lit(0)).alias("retained_eligible"),
        is_eligible.alias("eligible"),
    )


def _sum_of(count: str) -> Column:
    """What a member adds to a count up to the cell's offset."""
    return F.aggregate(
        "steps",
        F.lit(0).cast("bigint"),
        lambda so_far, step: so_far + F.when(step["offset"] <= F.col("offset"), step[count]).otherwise(F.lit(0)),
    )
