"""Whom and what a run touched, for stages that are done for these alone; null stands for everybody and everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F

from oneuser.contracts.changes import GONE, OWNED_MESSAGES
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import SESSIONS
from oneuser.contracts.raw import EVENTS
from oneuser.marts.sessions.open_ends import find_open_ends
from oneuser.stages.found_rows import find, only

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


class TouchedMessages(NamedTuple):
    """Messages that are new, gone, moved or read otherwise: `message_key`, each once; their rows of `events_resolved`.

    Those that are gone have no row.
    """

    messages: DataFrame
    rows: DataFrame


def touched_people(ctx: RunContext) -> DataFrame | None:
    """People who own a message that is new, gone, moved or read otherwise, or did before: `user_id`, each once.

    Null where the stage is done for all.
    """
    if not ctx.is_incremental:
        return None
    owners = F.explode(F.array_distinct(F.array_compact(F.array("user_id", "user_id_before"))))
    return find(ctx, ctx.changes(OWNED_MESSAGES).select(owners.alias("user_id")).distinct()).rows


def touched_messages(ctx: RunContext) -> TouchedMessages | None:
    """What the run has touched; null where the stage is done for all. Goes over all messages, if few once a process."""
    if not ctx.is_incremental:
        return None
    messages = find(ctx, ctx.changes(OWNED_MESSAGES).select("message_key")).rows
    rows, _ = ctx.few_whole_rows(
        f"messages touched by run {ctx.run_seq}", [EVENTS_RESOLVED], lambda: ctx.read_among(EVENTS_RESOLVED, messages)
    )
    return TouchedMessages(messages, rows)


def first_changes(ctx: RunContext) -> DataFrame | None:
    """When the first event changed of each person of whom one did: what was before is as the last run left it.

    A touched message is a change where it is now and where it was, for its owner now and for the one before. Of most
    messages these differ by the owner alone; those that may have had another time are looked up in the last run.

    Returns:
        One row per person: `user_id` and `since`; null where the stage is done for all.
    """
    touched = touched_messages(ctx)
    if touched is None:
        return None
    rows, _ = ctx.few_rows(
        f"first changes of run {ctx.run_seq}", [EVENTS_RESOLVED, EVENTS], lambda: _first_changes(ctx, touched)
    )
    return rows


def open_ends_of(ctx: RunContext) -> DataFrame | None:
    """Since when sessions, touches and conversions of a person may not be what the last run left of them.

    Returns:
        One row per person of whom an event changed: `user_id` and `since`; null where the stage is done for all.
    """
    first_changed = first_changes(ctx)
    if first_changed is None:
        return None
    rules = ctx.config.sessions
    open_ends = find_open_ends(
        first_changed, ctx.read_before(SESSIONS), gap_minutes=rules.gap_minutes, cut_at_campaign=rules.cut_at_campaign
    )
    rows, _ = ctx.few_rows(f"open ends of run {ctx.run_seq}", [EVENTS_RESOLVED, EVENTS], lambda: open_ends)
    return rows


def _first_changes(ctx: RunContext, touched: TouchedMessages) -> DataFrame:
    told = ctx.changes(OWNED_MESSAGES).where(F.col("user_id_before").isNotNull())
    were = told.select("message_key", F.col("user_id_before").alias("owner"))
    now = touched.rows.select("user_id", "event_time")
    moved = touched.rows.join(were, on="message_key", how="inner")
    before = moved.select(F.col("owner").alias("user_id"), "event_time")
    taken_in = ctx.read(EVENTS).where(F.col("run_seq") == ctx.run_seq).select("message_key")
    replaced = told.join(taken_in, on="message_key", how="left_semi").select("message_key")
    others = find(ctx, told.where(F.col("reason") == GONE).select("message_key").unionByName(replaced).distinct())
    changed = now.union(before)
    if others.n_rows:
        changed = changed.union(only(ctx.read_before(EVENTS_RESOLVED), others.rows).select("user_id", "event_time"))
    owned = changed.where(F.col("user_id").isNotNull())
    return owned.groupBy("user_id").agg(F.min("event_time").alias("since"))
