"""Whose each message is: of all of them, or of those whose owner may be another than in the last run. Writes nothing.

Reads   events, events_resolved, event_identifiers, identifier_map, identifier_ownership
Yields  owned messages: events_resolved but for accounts
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import GONE, LINKED_IDENTIFIERS
from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.contracts.identity import EVENTS_RESOLVED, IDENTIFIER_MAP, IDENTIFIER_OWNERSHIP
from oneuser.contracts.raw import EVENTS
from oneuser.identity.history import current
from oneuser.identity.resolution import OF_EVENTS, resolve_events
from oneuser.stages.found_rows import Found, find
from oneuser.stages.graph.eligibility import eligible
from oneuser.stages.identity_rules import identity_values

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext
    from oneuser.stages.identity.resolve_people import ResolvedPeople
    from oneuser.stages.identity.scope import Scope


def resolve_all(ctx: RunContext, people: ResolvedPeople) -> DataFrame:
    """Every message and whose it is, as `resolve_events` gives it. Grows with the messages."""
    return ctx.checkpoint(
        resolve_events(
            ctx.read(EVENTS),
            eligible(ctx),
            ctx.broadcast_if_few(people.identifier_map),
            people.ownership if people.is_contested else None,
            unique_priorities=identity_values(ctx.config).unique_priorities,
        )
    )


def find_messages(ctx: RunContext, scope: Scope, moved: DataFrame) -> Found:
    """`message_key` of older messages whose owner may be another now; no new ones.

    These carry an identifier that has other owners than before, or a previousId that may be read otherwise. Grows with
    such messages, but for a look at what each stored message carries.

    Args:
        ctx: The stage's context.
        scope: What was decided again.
        moved: `identifier_id` of the identifiers that have other owners, or none any longer.
    """
    concerned = find(ctx, moved.distinct())
    parts = []
    if concerned.n_rows:
        carrying = ctx.read_among(EVENT_IDENTIFIERS, concerned.rows)
        parts.append(carrying.where(F.col("run_seq") < ctx.run_seq).select("message_key"))
    if scope.readings is not None:
        parts.append(scope.readings.rows)
    if not parts:
        return find(ctx, ctx.read(EVENT_IDENTIFIERS).limit(0).select("message_key"))
    return find(ctx, reduce(DataFrame.unionByName, parts).distinct())


def resolve_again(ctx: RunContext, messages: Found) -> DataFrame:
    """The new messages and some older ones, each with whose it is, as `resolve_events` gives it.

    Identifiers and their ownership are read as this run has written them.

    Args:
        ctx: The stage's context.
        messages: `message_key` of the older ones.
    """
    carried = eligible(ctx).where(F.col("run_seq") == ctx.run_seq)
    resolved = ctx.read(EVENTS).where(F.col("run_seq") == ctx.run_seq).select(*OF_EVENTS)
    if messages.n_rows:
        carried = carried.unionByName(eligible(ctx, messages.rows).where(F.col("run_seq") < ctx.run_seq))
        # what was resolved before has all that is asked of an event; one that a copy took the place of is new
        before = ctx.read_among(EVENTS_RESOLVED, messages.rows)
        older = before.join(resolved.select("message_key"), on="message_key", how="left_anti")
        resolved = resolved.unionByName(older.select(*OF_EVENTS))
    carried = ctx.checkpoint(carried)
    identifiers = find(ctx, carried.select("identifier_id").distinct())
    identifier_map = find(ctx, ctx.read_among(IDENTIFIER_MAP, identifiers.rows))
    contested = find(ctx, identifier_map.rows.where("is_contested").select("identifier_id"))
    ownership = None
    if contested.n_rows:
        ownership = current(ctx.read_among(IDENTIFIER_OWNERSHIP, contested.rows))
    return ctx.checkpoint(
        resolve_events(
            resolved,
            carried,
            identifier_map.rows,
            ownership,
            unique_priorities=identity_values(ctx.config).unique_priorities,
        )
    )


def find_gone(ctx: RunContext) -> Found:
    """`message_key` of the messages that are there no longer.

    Looked for where ingest tells of identifiers whose messages are gone, among the messages that carried these.
    """
    gone = find(ctx, ctx.changes(LINKED_IDENTIFIERS).where(F.col("reason") == GONE).select("identifier_id").distinct())
    carried = ctx.read_before(EVENT_IDENTIFIERS)
    if not gone.n_rows:
        return find(ctx, carried.limit(0).select("message_key"))
    candidates = find(
        ctx, carried.join(gone.rows, on="identifier_id", how="left_semi").select("message_key").distinct()
    )
    still = find(ctx, ctx.read(EVENTS).select("message_key").join(candidates.rows, on="message_key", how="left_semi"))
    return find(ctx, candidates.rows.join(still.rows, on="message_key", how="left_anti"))
