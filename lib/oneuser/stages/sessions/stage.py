"""Stage sessions: sessions, touches and conversions of the people that the identity stage found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.changes import JOURNEYS, OWNED_MESSAGES
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import ACCOUNT_TOUCHES, CONVERSIONS, SESSIONS, TOUCHES
from oneuser.contracts.raw import EVENTS
from oneuser.marts.sessions.campaigns import find_campaigns
from oneuser.marts.sessions.channel_rules import declared_rules, default_rules
from oneuser.marts.sessions.conversions import build_conversions, move_conversions
from oneuser.marts.sessions.sessions import build_sessions
from oneuser.marts.sessions.touches import build_account_touches, build_touches, find_moments
from oneuser.stages.declaration import Stage
from oneuser.stages.found_rows import find, only, since_then
from oneuser.stages.parameters import conversions_provenance, sessions_provenance, touch_sources, touches_provenance
from oneuser.stages.shaped_by import sessions_facts
from oneuser.stages.touched_people import open_ends_of, touched_messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.marts.sessions.channel_rules import Rule
    from oneuser.stages.context import RunContext
    from oneuser.stages.touched_people import TouchedMessages


def sessions(ctx: RunContext) -> None:
    """Write sessions and conversions together, then the touches, which are read off the sessions.

    Where it is incremental: sessions and touches of people of whose messages one was touched, from a gap before the
    first of these on, and conversions of touched messages. Shuffles and writes grow with these; what grows with all
    events are three passes: for touched messages, for messages within open ends, and for what touches came from.
    """
    event_sources, gap_minutes = touch_sources(ctx.config), ctx.config.sessions.gap_minutes
    touched, open_ends = touched_messages(ctx), open_ends_of(ctx)
    resolved = since_then(ctx.read(EVENTS_RESOLVED), open_ends, time="event_time")
    if open_ends is not None:
        resolved = ctx.checkpoint(resolved)
    found = build_sessions(
        resolved,
        gap_minutes=gap_minutes,
        touch_sources=event_sources,
        campaigns=_campaigns(ctx, resolved, open_ends),
        provenance=sessions_provenance(ctx),
    )
    changed = ctx.replace_together(
        [
            _replacement(ctx, SESSIONS, found, open_ends, time="started_at"),
            (CONVERSIONS, _conversions(ctx, touched), None if touched is None else touched.messages),
        ]
    )
    touches = _replacement(ctx, TOUCHES, _touches(ctx, resolved, open_ends), open_ends, time="touched_at")
    changed |= ctx.replace_together([touches])
    _write_account_touches(ctx, touched)
    if ctx.is_incremental:
        ctx.tell(JOURNEYS, _changed_journeys(changed[TOUCHES.name], changed[CONVERSIONS.name]))
    _count(ctx)


def _replacement(
    ctx: RunContext, contract: TableContract, rows: DataFrame, open_ends: DataFrame | None, *, time: str
) -> tuple[TableContract, DataFrame, DataFrame | None]:
    """A table, its rows within open ends, and the ids that are found or stored there."""
    if open_ends is None:
        return contract, rows, None
    found, name = ctx.checkpoint(rows), contract.key[0]
    stored = since_then(ctx.read(contract), open_ends, time=time)
    return contract, found, find(ctx, stored.select(name).union(found.select(name)).distinct()).rows


def _touches(ctx: RunContext, resolved: DataFrame, open_ends: DataFrame | None) -> DataFrame:
    """Touches of the sessions as they are written, and of events within open ends."""
    config, events = ctx.config, ctx.read(EVENTS)
    cut = since_then(ctx.read(SESSIONS), open_ends, time="started_at")
    moments = find_moments(cut, resolved, touch_sources=touch_sources(config))
    if open_ends is not None:
        moments, counted = ctx.checkpoint_counted(moments, n_moments=F.count(F.lit(1)))
        events = only(events, ctx.broadcast_if_few(moments.select("message_key"), counted["n_moments"]))
    return build_touches(moments, events, rules=_channel_rules(ctx), provenance=touches_provenance(ctx))


def _write_account_touches(ctx: RunContext, touched: TouchedMessages | None) -> None:
    """Touches of accounts that are nobody's: where accounts are credited and some source's events are touches."""
    event_sources = touch_sources(ctx.config)
    if "account" not in ctx.config.attribution.levels or not event_sources:
        if ACCOUNT_TOUCHES.name in ctx.tables:
            ctx.replace_within(ACCOUNT_TOUCHES, ACCOUNT_TOUCHES.empty(ctx.spark), within=None)
        return
    messages = None if touched is None else touched.messages
    found = build_account_touches(
        ctx.read(EVENTS_RESOLVED) if touched is None else touched.rows,
        only(ctx.read(EVENTS), messages),
        touch_sources=event_sources,
        rules=_channel_rules(ctx),
        provenance=touches_provenance(ctx),
    )
    ctx.replace_within(ACCOUNT_TOUCHES, found, within=messages)


def _channel_rules(ctx: RunContext) -> Sequence[Rule]:
    declared = ctx.config.channels
    return default_rules() if declared is None else declared_rules(declared)


def _campaigns(ctx: RunContext, resolved: DataFrame, open_ends: DataFrame | None) -> DataFrame | None:
    """Campaigns of the messages that sessions are cut from; null where campaigns cut none."""
    if not ctx.config.sessions.cut_at_campaign:
        return None
    cut = None if open_ends is None else find(ctx, resolved.select("message_key")).rows
    return find_campaigns(only(ctx.read(EVENTS), cut))


def _conversions(ctx: RunContext, touched: TouchedMessages | None) -> DataFrame:
    """Conversions of touched messages. What properties say is read of those that this run has taken in alone."""
    kinds, provenance = ctx.config.conversions, conversions_provenance(ctx)
    if not kinds:
        return CONVERSIONS.empty(ctx.spark)
    events = ctx.read(EVENTS)
    if touched is None:
        return build_conversions(ctx.read(EVENTS_RESOLVED), events, kinds=kinds, provenance=provenance)
    messages, resolved = touched
    # of Parquet's own statistics, the run rules out what was written before
    taken_in = only(events.where(F.col("run_seq") == ctx.run_seq), messages)
    found = build_conversions(resolved, taken_in, kinds=kinds, provenance=provenance)
    keys = find(ctx, taken_in.select("message_key")).rows
    others = ctx.read_among(CONVERSIONS, messages).join(keys, on="message_key", how="left_anti")
    return found.unionByName(move_conversions(others, resolved, provenance=provenance))


def _changed_journeys(touches: DataFrame, conversions: DataFrame) -> DataFrame:
    """People whose touches or conversions changed, and the messages of conversions of nobody that did.

    Takes what changed in both tables: rows of `TableContract.differences`.
    """
    sides = ("before", "after")
    owned = [
        rows.select(F.col(side)["user_id"].alias("user_id")).where(F.col("user_id").isNotNull())
        for rows in (touches, conversions)
        for side in sides
    ]
    of_nobody = [
        conversions.where(F.col(side).isNotNull() & F.col(side)["user_id"].isNull()).select(
            F.col(side)["message_key"].alias("message_key")
        )
        for side in sides
    ]
    people = owned[0].union(owned[1]).union(owned[2]).union(owned[3]).distinct()
    messages = of_nobody[0].union(of_nobody[1]).distinct()
    return people.unionByName(messages, allowMissingColumns=True).withColumn("reason", F.lit("touched"))


def _count(ctx: RunContext) -> None:
    """Metrics of the tables as they are. Grows with the conversions, and with the files of the other two."""
    counted = ctx.read(CONVERSIONS).agg(
        F.count(F.lit(1)).alias("conversions"),
        F.count_if("is_value_invalid").alias("conversion_values_invalid"),
        F.count_if(F.col("user_id").isNull()).alias("conversions_without_user"),
    )
    ctx.metric("sessions", ctx.read(SESSIONS).count())
    ctx.metric("touches", ctx.read(TOUCHES).count())
    for metric, value in counted.collect()[0].asDict().items():
        ctx.metric(metric, value)


SESSIONS_STAGE = Stage(
    "sessions",
    sessions,
    reads=(EVENTS, EVENTS_RESOLVED),
    writes=(SESSIONS, TOUCHES, ACCOUNT_TOUCHES, CONVERSIONS),
    sections=("sessions", "channels", "conversions"),
    facts=sessions_facts,
    takes={OWNED_MESSAGES: (EVENTS, EVENTS_RESOLVED)},
    gives=(JOURNEYS,),
)
