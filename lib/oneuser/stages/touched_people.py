"""Whom a run touched, for stages that are done again for these alone; null stands for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.changes import OWNED_MESSAGES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


def only(rows: DataFrame, touched: DataFrame | None) -> DataFrame:
    """Rows whose columns are among what was touched; all rows where everything is.

    Grows with the rows, one pass over them: what was touched is sent to every task where it is few.
    """
    return rows if touched is None else rows.join(touched, on=touched.columns, how="left_semi")


def few(ctx: RunContext, rows: DataFrame) -> DataFrame:
    """What was touched, computed now, so that Spark knows how few it is: it would move whole tables to meet it."""
    return ctx.broadcast_if_few(ctx.checkpoint(rows))


def touched_people(ctx: RunContext) -> DataFrame | None:
    """People who own a message that is new, gone, moved or read otherwise, or did before: `user_id`, each once.

    Null where the stage is done for all.
    """
    if not ctx.is_incremental:
        return None
    owners = F.explode(F.array_distinct(F.array_compact(F.array("user_id", "user_id_before"))))
    return few(ctx, ctx.changes(OWNED_MESSAGES).select(owners.alias("user_id")).distinct())
