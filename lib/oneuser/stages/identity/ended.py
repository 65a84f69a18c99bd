"""User IDs that the requests which a run has taken in end.

Reads   erasures
Yields  User IDs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.privacy import ERASURES, USER
from oneuser.stages.found_rows import find

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


def find_ended_here(ctx: RunContext) -> DataFrame | None:
    """`user_id`, each once; null where no person ends in this run. Found once in a stage."""

    def look() -> DataFrame | None:
        by_this_run = (F.col("run_seq") == ctx.run_seq) & (F.col("kind") == USER)
        found = find(ctx, ctx.read(ERASURES).where(by_this_run).select("user_id").distinct())
        return found.rows if found.n_rows else None

    return None if ERASURES.name not in ctx.tables else ctx.once("users that end", look)
