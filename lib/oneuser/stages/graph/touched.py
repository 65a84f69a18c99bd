"""Which part of the graph a run judges again: the candidate components that something new is said about.

Reads   change set linked_identifiers, event_identifiers, components and shared_values as the last run left them
Yields  identifiers

A candidate component is judged whole or not at all. What no change set tells of, and no message joins with what one
tells of, is as the last run left it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import LINKED_IDENTIFIERS
from oneuser.contracts.graph import COMPONENTS, SHARED_VALUES
from oneuser.core.message_identifiers import EVENT
from oneuser.identity.group_search import find_beside
from oneuser.stages.alias_messages import find_alias_messages
from oneuser.stages.found_rows import find
from oneuser.stages.identity_rules import identity_values

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext


@dataclass(frozen=True)
class Touched:
    """What is judged again.

    Attributes:
        told: `identifier_id` of all that the tables of the graph may say something else about than in the last run.
        identifiers: Those of them that are in the graph now: `told` without over-shared values.
    """

    told: DataFrame
    identifiers: DataFrame

    @classmethod
    def of(cls, ctx: RunContext, told: DataFrame, over_shared: DataFrame | None) -> Touched:
        """What is told of, without the values that are over-shared now (`identifier_id`; null where there is none)."""
        if over_shared is None:
            return cls(told, told)
        return cls(told, find(ctx, told.join(over_shared, on="identifier_id", how="left_anti")).rows)


def messages_with(ctx: RunContext, rows: DataFrame, identifiers: DataFrame) -> DataFrame:
    """All rows of the messages that carry one of some identifiers, kept until the stage ends.

    Looks at every row, twice where a message carries several identifiers, and moves those of the messages alone as long
    as they are few.

    Args:
        ctx: The stage's context.
        rows: Rows of `event_identifiers`.
        identifiers: `identifier_id`, each once; found rows.
    """
    carried = ctx.checkpoint(rows.join(identifiers, on="identifier_id", how="left_semi"))
    # most messages carry one identifier, and nothing else has to be found of them
    lone = carried.where("n_links = 1")
    keys = find(ctx, carried.where("n_links > 1").select("message_key").distinct())
    several = rows.where("n_links > 1").join(keys.rows, on="message_key", how="left_semi")
    return lone.unionByName(ctx.checkpoint(several.select(*lone.columns)))


def find_asserted(
    ctx: RunContext, eligible: DataFrame, manual: DataFrame | None, classes: DataFrame | None
) -> DataFrame:
    """What the run says something new about, before it is known how far that reaches: `identifier_id`, kept.

    Beside what new and gone messages carry and changed links name, these are the other ends of its manual rules; what
    is in one alias message with it, whose reading may now be another; what is in one message with it where consent
    decides, since a signal holds for all messages of its identifiers; and what is in one message with a value whose
    alias class may be another, since people are counted by classes.

    Args:
        ctx: The stage's context.
        eligible: Rows of `event_identifiers` that may link.
        manual: `src`, `dst` of manual rules; null where there is none.
        classes: `identifier_id`, `value_class` of the values that aliases join; null where none are.
    """
    linked = find(ctx, ctx.changes(LINKED_IDENTIFIERS).select("identifier_id")).rows
    parts = [linked]
    if manual is not None:
        for one, other in (("src", "dst"), ("dst", "src")):
            ends = manual.select(F.col(one).alias("identifier_id"), F.col(other).alias("other"))
            beside = ends.join(linked, on="identifier_id", how="left_semi")
            parts.append(beside.select(F.col("other").alias("identifier_id")))
    aliases = find_alias_messages(ctx)
    if aliases is not None:
        ends = aliases.rows.where(F.col("link") != EVENT).select("message_key", "identifier_id")
        parts.append(find_beside(linked, ends))
    if identity_values(ctx.config).required_purposes:
        parts.append(messages_with(ctx, eligible, linked).select("identifier_id"))
    if classes is not None:
        said = find(ctx, _union(parts)).rows
        changed = classes.join(said, on="identifier_id", how="left_semi").select("value_class").distinct()
        members = find(ctx, classes.join(changed, on="value_class", how="left_semi").select("identifier_id"))
        parts = [said]
        if members.n_rows:
            parts += [members.rows, messages_with(ctx, eligible, members.rows).select("identifier_id")]
    return find(ctx, _union(parts)).rows


def find_freed(ctx: RunContext, asserted: DataFrame, over_shared: DataFrame | None) -> DataFrame | None:
    """`identifier_id` of what is asserted, was over-shared and is not now; null where nothing is.

    Args:
        ctx: The stage's context.
        asserted: What `find_asserted` found.
        over_shared: `identifier_id` of the values that are over-shared now; null where there is none.
    """
    if SHARED_VALUES.name not in ctx.tables:
        return None
    were = ctx.read(SHARED_VALUES).where("n_persons > bound").select("identifier_id")
    freed = were.join(asserted, on="identifier_id", how="left_semi")
    if over_shared is not None:
        freed = freed.join(over_shared, on="identifier_id", how="left_anti")
    found = find(ctx, freed)
    return found.rows if found.n_rows else None


def whole_candidates(ctx: RunContext, identifiers: DataFrame) -> DataFrame:
    """`identifier_id` of some identifiers and of all in one candidate component with them, as the last run left it."""
    before = ctx.read(COMPONENTS).select("identifier_id", "candidate_id")
    candidates = find(
        ctx, before.join(identifiers, on="identifier_id", how="left_semi").select("candidate_id").distinct()
    )
    members = before.join(candidates.rows, on="candidate_id", how="left_semi").select("identifier_id")
    return find(ctx, _union([identifiers, members])).rows


def _union(parts: list[DataFrame]) -> DataFrame:
    """`identifier_id` of all parts, each once."""
    return reduce(DataFrame.unionByName, parts).distinct()
