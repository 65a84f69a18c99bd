"""Refused edges over runs: opened when a rule first refuses a pair, closed when it does so no longer.

Reads   what this run refused, refused_edges of the last run, edges
Yields  refused_edges
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import REFUSED_EDGES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_KEY = ["src", "dst", "rule"]


def date_refusals(refused: DataFrame, pairs: DataFrame) -> DataFrame:
    """Refused pairs with the time of the first and last message that asserts them.

    Args:
        refused: `src`, `dst`, `rule`.
        pairs: Rows of `edges`, or rows of that shape for pairs that are no edge.
    """
    dated = pairs.groupBy("src", "dst").agg(
        F.min("first_event_time").alias("first_event_time"), F.max("last_event_time").alias("last_event_time")
    )
    return refused.join(dated, on=["src", "dst"], how="left")


def record_refusals(current: DataFrame, recorded: DataFrame, *, run_seq: int) -> DataFrame:
    """The table of refusals after a run.

    Args:
        current: `src`, `dst`, `rule`, `first_event_time`, `last_event_time` of what this run refuses.
        recorded: Rows of `refused_edges` of the last run.
        run_seq: This run.

    Returns:
        Rows of `refused_edges`: closed ones as they were, open ones kept or closed, new ones opened.
    """
    run = F.lit(run_seq).cast("bigint")
    closed = recorded.where(F.col("closed_run").isNotNull())
    was_open = recorded.where(F.col("closed_run").isNull()).select(
        *_KEY,
        "opened_run",
        F.col("first_event_time").alias("was_first"),
        F.col("last_event_time").alias("was_last"),
        F.lit(True).alias("was_refused"),
    )
    both = current.withColumn("is_refused", F.lit(True)).join(was_open, on=_KEY, how="full")
    is_refused, was_refused = F.col("is_refused").isNotNull(), F.col("was_refused").isNotNull()
    now = both.select(
        *_KEY,
        F.when(is_refused, F.col("first_event_time")).otherwise(F.col("was_first")).alias("first_event_time"),
        F.when(is_refused, F.col("last_event_time")).otherwise(F.col("was_last")).alias("last_event_time"),
        F.when(was_refused, F.col("opened_run")).otherwise(run).alias("opened_run"),
        F.when(~is_refused, run).alias("closed_run"),
    )
    return REFUSED_EDGES.conform(REFUSED_EDGES.conform(closed).unionByName(REFUSED_EDGES.conform(now)))
