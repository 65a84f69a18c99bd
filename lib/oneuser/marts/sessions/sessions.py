"""Sessions: the events of one person, cut where the person was silent, or came by another campaign.

Reads   events_resolved   one row per accepted message
Yields  sessions          one row per session of a person
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.marts import SESSIONS
from oneuser.spark.event_order import in_event_order
from oneuser.spark.stable_ids import stable_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import Column, DataFrame, WindowSpec

    from oneuser.marts.provenance import Provenance

_MICROSECONDS_PER_MINUTE = 60_000_000


def build_sessions(
    events_resolved: DataFrame,
    *,
    gap_minutes: int,
    touch_sources: Collection[str] = (),
    campaigns: DataFrame | None = None,
    provenance: Provenance,
) -> DataFrame:
    """Cut each person's events, in the order of events, where `gap_minutes` or more pass between two of them.

    One shuffle and one sort, by person: only the first event of each session and the last of each person go on, and
    what lies between two of these rows is told from their places in the person's order.

    Args:
        events_resolved: Rows of `events_resolved`. Events that belong to nobody are in no session.
        gap_minutes: A silence of this length, or longer, ends a session.
        touch_sources: Sources whose events are touches themselves (`touch: event`), such as imported campaign
            responses. They are no visits and in no session.
        campaigns: What `campaigns.find_campaigns` answers: an event whose campaign is another than that of the session
            so far, or the session's first, begins a session. Events without one never do. Null cuts by silence alone.
        provenance: How the rows are made.

    Returns:
        Rows of `sessions`.
    """
    owned = events_resolved.where(F.col("user_id").isNotNull()).select(
        "user_id", "account_id", "event_time", "received_at", "message_key", "source"
    )
    if touch_sources:
        owned = owned.where(~F.col("source").isin(*sorted(touch_sources)))
    if campaigns is not None:
        owned = owned.join(campaigns, on="message_key", how="left")
    previous_at = F.lag("event_time").over(_in_order())
    placed = owned.select(
        "*",
        F.row_number().over(_in_order()).alias("place"),
        previous_at.alias("previous_at"),
        F.lead("event_time").over(_in_order()).isNull().alias("is_last"),
    )
    gap = F.unix_micros("event_time") - F.unix_micros("previous_at")
    is_first = F.col("previous_at").isNull() | (gap >= F.lit(gap_minutes * _MICROSECONDS_PER_MINUTE))
    cut = placed.withColumn("is_first", is_first)
    if campaigns is not None:
        cut = _cut_at_campaigns(cut)
    edges = cut.where(F.col("is_first") | F.col("is_last"))
    return SESSIONS.conform(_between_edges(edges, provenance))


def _cut_at_campaigns(cut: DataFrame) -> DataFrame:
    """Further cuts between silences. Needs no walk: the campaign of the session so far is the last one carried.

    No event between that one and this began a session, since only those with a campaign do.
    """
    before = _in_order().rowsBetween(W.unboundedPreceding, -1)
    carried = F.when(F.col("campaign").isNotNull(), F.struct("place", "campaign"))
    so_far = cut.select(
        "*",
        F.last(F.when(F.col("is_first"), F.col("place")), ignorenulls=True).over(before).alias("silent_until"),
        F.last(carried, ignorenulls=True).over(before).alias("carried"),
    )
    is_same = (F.col("carried.place") >= F.col("silent_until")) & (F.col("carried.campaign") == F.col("campaign"))
    is_other = F.col("campaign").isNotNull() & ~F.coalesce(is_same, F.lit(False))
    return so_far.withColumn("is_first", F.col("is_first") | is_other)


def _between_edges(edges: DataFrame, provenance: Provenance) -> DataFrame:
    """Sessions from the first event of each and the last event of each person."""

    def following(column: str) -> Column:
        return F.lead(column).over(_in_order())

    # the next kept row begins another session, or it is this session's last event, or there is none
    ended_at = F.when(following("is_first"), following("previous_at")).otherwise(following("event_time"))
    after = following("place") - F.when(following("is_first"), F.lit(1)).otherwise(F.lit(0))
    spans = edges.select(
        "*",
        F.coalesce(ended_at, "event_time").alias("ended_at"),
        (F.coalesce(after, "place") - F.col("place") + F.lit(1)).cast("bigint").alias("n_events"),
    )
    return spans.where(F.col("is_first")).select(
        stable_id("session", "message_key").alias("session_id"),
        "user_id",
        "account_id",
        F.col("event_time").alias("started_at"),
        "ended_at",
        "n_events",
        F.col("message_key").alias("first_message_key"),
        "source",
        *provenance.columns(),
    )


def _in_order() -> WindowSpec:
    # ranking and offset functions have frames of their own
    return W.partitionBy("user_id").orderBy(*in_event_order())
