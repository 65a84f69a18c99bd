"""Who may link whom: what messages carry under the rules of a run, and the messages that link it.

Reads   event_identifiers, identifiers, identifier_values, events (consent)
Yields  eligible identifiers, linking messages, blocked identifiers
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS, IDENTIFIERS
from oneuser.contracts.raw import EVENTS, IDENTIFIER_VALUES
from oneuser.core.keyed import identifier_hasher
from oneuser.core.message_identifiers import PREVIOUS_ANONYMOUS
from oneuser.graph.blocked import BLOCKED_KEYS_DDL, find_blocked_patterns, find_blocked_values
from oneuser.graph.linking_messages import (
    eligible_identifiers,
    linking_messages,
    observed_identifiers,
    previous_readings,
)
from oneuser.privacy.consent import find_consenting, find_refusing, read_preferences
from oneuser.stages.alias_messages import find_alias_messages
from oneuser.stages.found_rows import find, only
from oneuser.stages.identity_rules import blocked_patterns, blocked_values, identity_values

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from oneuser.stages.alias_messages import AliasMessages
    from oneuser.stages.context import RunContext


class Preferences(NamedTuple):
    """What messages say about the purposes, and `identifier_id` of who refuses one; null where nobody does."""

    told: DataFrame
    refusing: DataFrame | None


def eligible(ctx: RunContext, among: DataFrame | None = None) -> DataFrame:
    """Rows of `event_identifiers` that may link or own their message under this run's rules, with `priority`.

    A previousId may own its alias where the new id is out of the graph.

    Args:
        ctx: The stage's context.
        among: Found rows of `identifier_id` or `message_key`: the rows of those alone; null for all.
    """
    priorities = identity_values(ctx.config).priorities
    stored = ctx.read_among(EVENT_IDENTIFIERS, among)
    aliases = find_alias_messages(ctx)
    if aliases is None:
        return observed_identifiers(stored, blocked(ctx), priorities=priorities)
    return eligible_identifiers(
        stored, blocked(ctx), priorities=priorities, readings=only(readings_of_aliases(ctx, aliases), among)
    )


def readings_of_aliases(ctx: RunContext, aliases: AliasMessages) -> DataFrame:
    """The reading of each previousId that holds, found as alias messages are, by a look at what all messages carry."""

    def look() -> DataFrame:
        is_anonymous = F.col("link") == PREVIOUS_ANONYMOUS
        in_question = find(ctx, aliases.previous.where(is_anonymous).select("identifier_id").distinct())
        return previous_readings(
            aliases.rows,
            ctx.read_among(EVENT_IDENTIFIERS, in_question.rows),
            blocked(ctx),
            priorities=identity_values(ctx.config).priorities,
            has_few=ctx.is_few(aliases.n_rows),
        )

    rows, _ = ctx.few_whole_rows("readings", [EVENT_IDENTIFIERS, IDENTIFIERS, IDENTIFIER_VALUES], look)
    return rows


def find_linking_messages(ctx: RunContext, rows: DataFrame) -> DataFrame:
    """Linking messages among eligible rows, be they all or those of some messages."""
    values = identity_values(ctx.config)
    purposes = values.required_purposes
    may_link = None
    if purposes:
        preferences = ctx.once("preferences", lambda: _read_preferences(ctx))
        may_link = find_consenting(preferences.told, rows, preferences.refusing)
    return linking_messages(rows, unique_priorities=values.unique_priorities, may_link=may_link)


def _read_preferences(ctx: RunContext) -> Preferences:
    """What messages say about the purposes without which nothing links, and who refuses one of them.

    Grows with the messages that carry consent; they are read once in a stage. Costs one look at a column of nulls
    where none does.
    """
    values = identity_values(ctx.config)
    refused = ctx.config.consent.opt_out_refuses
    told = ctx.checkpoint(read_preferences(ctx.read(EVENTS), values.required_purposes, opt_out_refuses=refused))
    if told.where("refuses").isEmpty():
        return Preferences(told, None)
    return Preferences(told, find(ctx, find_refusing(told, eligible(ctx), known_types=values.known_types)).rows)


def blocked(ctx: RunContext) -> DataFrame | None:
    """One row per identifier that the configuration blocks: `identifier_id`; null where it blocks none.

    Exact values are found by their keyed hashes in `identifiers`. Values themselves are looked at only for types that
    have expressions, once in a stage, and once in a process that does several.
    """
    rules = ctx.config.identity.id_types
    exact, patterns = blocked_values(rules), blocked_patterns(rules)
    if not exact and not patterns:
        return None
    rows, n_rows = ctx.few_rows(
        "blocked", [IDENTIFIERS, IDENTIFIER_VALUES], lambda: _find_blocked(ctx, exact, patterns)
    )
    return rows if n_rows else None


def _find_blocked(
    ctx: RunContext, exact: Mapping[str, Collection[str]], patterns: Mapping[str, Sequence[str]]
) -> DataFrame:
    parts = []
    if exact:
        # each has the key of the version that it was first seen under
        hashers = [
            (id_type, identifier_hasher(version, id_type))
            for id_type in exact
            for version in ctx.keys.of_each_version()
        ]
        keys = sorted((id_type, bytearray(hash_value(v))) for id_type, hash_value in hashers for v in exact[id_type])
        # as many as a file names, mostly some
        named = ctx.broadcast_if_few(ctx.spark.createDataFrame(keys, BLOCKED_KEYS_DDL), len(keys))
        parts.append(find_blocked_values(ctx.read(IDENTIFIERS), named))
    if patterns:
        parts.append(find_blocked_patterns(ctx.read(IDENTIFIER_VALUES), patterns))
    return reduce(DataFrame.unionByName, parts).distinct()
