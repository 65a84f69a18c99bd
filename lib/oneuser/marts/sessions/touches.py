"""Touches: the moments for which a conversion may be credited.

Reads   sessions, events_resolved, events   campaign, click id, referrer and landing host of the touch's event
Yields  touches, account_touches            one row per touch of a person, or of an account that is nobody's
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import ACCOUNT_TOUCHES, TOUCHES
from oneuser.marts.sessions.channel_names import add_channel, origin_columns
from oneuser.spark.stable_ids import OF_TOUCH, stable_id

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyspark.sql import DataFrame

    from oneuser.marts.provenance import Provenance
    from oneuser.marts.sessions.channel_rules import Rule


def find_moments(sessions: DataFrame, events_resolved: DataFrame, *, touch_sources: Collection[str] = ()) -> DataFrame:
    """The moments that touches are: one per session, and one per event of the sources whose events are touches.

    Args:
        sessions: Rows of `sessions`; the moment is a session's first event.
        events_resolved: Rows of `events_resolved`; read for `touch_sources` only. Events of nobody are no touches.
        touch_sources: Sources declared `touch: event`.

    Returns:
        One row per moment: `message_key`, `user_id`, `account_id`, `touched_at`, `kind` and `source`.
    """
    moments = sessions.select(
        F.col("first_message_key").alias("message_key"),
        "user_id",
        "account_id",
        F.col("started_at").alias("touched_at"),
        F.lit("session").alias("kind"),
        "source",
    )
    if not touch_sources:
        return moments
    is_touch = F.col("user_id").isNotNull() & F.col("source").isin(*sorted(touch_sources))
    alone = events_resolved.where(is_touch).select(
        "message_key", "user_id", "account_id", F.col("event_time").alias("touched_at"), F.lit("event"), "source"
    )
    return moments.union(alone)


def build_touches(moments: DataFrame, events: DataFrame, *, rules: Sequence[Rule], provenance: Provenance) -> DataFrame:
    """One touch per moment, with the channel that its event came by.

    Args:
        moments: What `find_moments` answers.
        events: Rows of `events`, for where the touch came from. A touch whose event is missing there has nothing known.
        rules: Channel rules in their order.
        provenance: How the rows are made.

    Returns:
        Rows of `touches`.
    """
    return TOUCHES.conform(_made(moments, events, rules, provenance))


def build_account_touches(
    events_resolved: DataFrame,
    events: DataFrame,
    *,
    touch_sources: Collection[str],
    rules: Sequence[Rule],
    provenance: Provenance,
) -> DataFrame:
    """One touch per event that names an account and is nobody's, of the sources whose events are touches.

    Args:
        events_resolved: Rows of `events_resolved`.
        events: Rows of `events`, for where the touch came from.
        touch_sources: Sources declared `touch: event`; of the others, visits are touches, and these are people's.
        rules: Channel rules in their order.
        provenance: How the rows are made.

    Returns:
        Rows of `account_touches`.
    """
    is_own = F.col("user_id").isNull() & F.col("account_id").isNotNull() & F.col("source").isin(*sorted(touch_sources))
    moments = events_resolved.where(is_own).select(
        "message_key", "account_id", F.col("event_time").alias("touched_at"), "source"
    )
    return ACCOUNT_TOUCHES.conform(_made(moments, events, rules, provenance))


def _made(moments: DataFrame, events: DataFrame, rules: Sequence[Rule], provenance: Provenance) -> DataFrame:
    """Moments with their ids, and the channel that their event came by."""
    columns = dict.fromkeys((*origin_columns(rules), "campaign_content"))
    # most messages of some sources know nothing; those that do not are the same as absent ones
    is_known = F.coalesce(*columns).isNotNull()
    known = events.where(is_known).select("message_key", *columns)
    came_from = add_channel(moments.join(known, on="message_key", how="left"), rules=rules)
    return came_from.select("*", stable_id(OF_TOUCH, "message_key").alias("touch_id"), *provenance.columns())
