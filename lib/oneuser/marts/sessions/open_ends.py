"""How far back a person's sessions have to be cut again: the open end, which begins with the first changed event.

Reads   the times of changed events, sessions as they are stored
Yields  one row per person: since when
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def find_open_ends(
    first_changed: DataFrame, sessions: DataFrame, *, gap_minutes: int, cut_at_campaign: bool = False
) -> DataFrame:
    """Find since when sessions may not be what they were: what ended a gap before the first changed event stands.

    A session that ended later may go on with that event, or fall apart without it, and is cut again from its start.

    Args:
        first_changed: `user_id` and `since`: when the first event changed of each person, as it was or as it is.
        sessions: Rows of `sessions`, as they are stored.
        gap_minutes: A silence of this length, or longer, ends a session.
        cut_at_campaign: Whether sessions are cut at campaigns, too: one may then begin in the very instant in which the
            one before it ended. A time cannot lie between these two, so both are cut again.

    Returns:
        One row per person of a changed event: `user_id` and `since`.
    """
    is_near = F.col("ended_at") > F.col("since") - F.make_dt_interval(mins=F.lit(gap_minutes))
    theirs = sessions.join(first_changed, on="user_id", how="inner")
    near = (_from_instants_apart(theirs) if cut_at_campaign else theirs).where(is_near)
    begun = near.groupBy("user_id").agg(F.min("started_at").alias("begun_at"))
    return first_changed.join(begun, on="user_id", how="left").select(
        "user_id", F.least("since", "begun_at").alias("since")
    )


def _from_instants_apart(sessions: DataFrame) -> DataFrame:
    """Sessions with `started_at` moved back to the first of those that follow each other within an instant."""
    in_order = W.partitionBy("user_id").orderBy("started_at", "ended_at", "session_id")
    so_far = in_order.rowsBetween(W.unboundedPreceding, W.currentRow)
    before = sessions.withColumn("ended_before", F.lag("ended_at").over(in_order))
    is_apart = F.col("ended_before").isNull() | (F.col("ended_before") < F.col("started_at"))
    apart = F.when(is_apart, F.col("started_at"))
    return before.withColumn("started_at", F.last(apart, ignorenulls=True).over(so_far))
