"""Rows that a stage finds first and joins other rows with after: few beside these, and sent to every task then."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


class Found(NamedTuple):
    """Rows that stand by themselves, sent to every task where they are few, and their number.

    The number tells none from some and few from many: what a task counted that was done twice, counts twice.
    """

    rows: DataFrame
    n_rows: int


def find(ctx: RunContext, rows: DataFrame) -> Found:
    """Compute rows of a number or a text each now, and count them.

    Spark would not know how few they are, and would move whole tables to meet them.
    """
    kept, counted = ctx.checkpoint_counted(rows, n_rows=F.count(F.lit(1)))
    found = Found(ctx.broadcast_if_few(kept, counted["n_rows"]), counted["n_rows"])
    ctx.note_found(*found)
    return found


def only(rows: DataFrame, touched: DataFrame | None) -> DataFrame:
    """Rows whose columns are among what was touched; all rows where everything is.

    Grows with the rows, one pass over them: what was touched is sent to every task where it is few.
    """
    return rows if touched is None else rows.join(touched, on=touched.columns, how="left_semi")


def since_then(rows: DataFrame, since: DataFrame | None, *, time: str) -> DataFrame:
    """Rows of some people from an instant on, each their own; all rows where that is null.

    Args:
        rows: Rows with `user_id`.
        since: One row per person: `user_id` and `since`; or null.
        time: The column that says when.
    """
    if since is None:
        return rows
    within = rows.join(since, on="user_id", how="inner").where(F.col(time) >= F.col("since"))
    return within.select(*rows.columns)
