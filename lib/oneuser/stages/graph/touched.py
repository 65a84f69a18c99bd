"""Which part of the graph a run judges again: the candidate components that something new is said about.

Reads   change set linked_identifiers, event_identifiers, components as the last run left them
Yields  identifiers

A candidate component is judged whole or not at all. What no change set tells of, and no message joins with what one
tells of, is as the last run left it. Of what is judged again, mostly messages only say more than they did; where one
has gone, or says something else, all messages of the candidate component are read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import GONE, LINKED_IDENTIFIERS, REPLACED
from oneuser.contracts.graph import COMPONENTS, EVENT_IDENTIFIERS
from oneuser.core.message_identifiers import OBSERVED, PREVIOUS_ANONYMOUS
from oneuser.stages.alias_messages import find_alias_messages
from oneuser.stages.found_rows import find
from oneuser.stages.graph.eligibility import eligible
from oneuser.stages.identity_rules import identity_values

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext
    from oneuser.stages.found_rows import Found


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


class Asserted(NamedTuple):
    """What the run says something new about, before it is known how far that reaches: `identifier_id`, kept.

    `again` are those of them of which a message says no longer what it said; `has_classes` is whether the classes of
    values that aliases join may be others than before.
    """

    identifiers: DataFrame
    again: Found
    has_classes: bool


def messages_with(ctx: RunContext, identifiers: DataFrame) -> DataFrame:
    """All eligible rows of the messages that carry one of some identifiers, kept until the stage ends.

    Looks at every row, twice where a message carries several identifiers, and moves those of the messages alone as long
    as they are few.

    Args:
        ctx: The stage's context.
        identifiers: `identifier_id`, each once; found rows.
    """
    carried = ctx.checkpoint(eligible(ctx, identifiers))
    # most messages carry one identifier, and nothing else has to be found of them
    lone = carried.where("n_links = 1")
    keys = find(ctx, carried.where("n_links > 1").select("message_key").distinct())
    several = eligible(ctx, keys.rows).where("n_links > 1")
    return lone.unionByName(ctx.checkpoint(several.select(*lone.columns)))


def find_asserted(ctx: RunContext, manual: DataFrame | None, classes: DataFrame | None) -> Asserted:
    """What the run says something new about.

    Beside what new and gone messages carry and changed links name, these are the other ends of its manual rules; what
    an alias message carries that has another reading than before; what is in one message with it where consent decides,
    since a signal holds for all messages of its identifiers; and the values of alias classes that may be others.

    Args:
        ctx: The stage's context.
        manual: `src`, `dst` of manual rules; null where there is none.
        classes: `identifier_id`, `value_class` of the values that aliases join; null where none are.
    """
    changes = ctx.changes(LINKED_IDENTIFIERS)
    linked = find(ctx, changes.select("identifier_id")).rows
    again = [changes.where(F.col("reason").isin(GONE, REPLACED)).select("identifier_id")]
    parts = [linked]
    if manual is not None:
        for one, other in (("src", "dst"), ("dst", "src")):
            ends = manual.select(F.col(one).alias("identifier_id"), F.col(other).alias("other"))
            beside = ends.join(linked, on="identifier_id", how="left_semi")
            parts.append(beside.select(F.col("other").alias("identifier_id")))
    reread = _find_read_otherwise(ctx, again[0])
    if reread is not None:
        again.append(reread)
    if identity_values(ctx.config).required_purposes:
        again.append(messages_with(ctx, linked).select("identifier_id"))
    found = find(ctx, all_of(again))
    if found.n_rows:
        parts.append(found.rows)
    has_classes = False
    if classes is not None:
        members = _find_members(ctx, classes, found.rows)
        has_classes = members.n_rows > 0
        parts += [members.rows] if has_classes else []
    return Asserted(linked if len(parts) == 1 else find(ctx, all_of(parts)).rows, found, has_classes)


def _find_read_otherwise(ctx: RunContext, gone: DataFrame) -> DataFrame | None:
    """`identifier_id` of what older alias messages carry whose previousId may be read otherwise now; null for none.

    That is where a message of this run is the first that carries it as an anonymous id, or one that did is gone. Looks
    at all messages only where a value has come that some alias had named before.

    Args:
        ctx: The stage's context.
        gone: `identifier_id` of what messages carried that have gone or say something else.
    """
    aliases = find_alias_messages(ctx)
    if aliases is None:
        return None
    is_new, is_observed = F.col("run_seq") == ctx.run_seq, F.col("link").isin(*OBSERVED)
    readings = aliases.rows.where(~is_new & (F.col("link") == PREVIOUS_ANONYMOUS)).select(
        "message_key", "identifier_id"
    )
    stored = ctx.read(EVENT_IDENTIFIERS)
    asked = readings.select("identifier_id").distinct()
    # a component of the last run that messages carry was observed before
    known = ctx.read(COMPONENTS).where(F.col("n_events") > 0).select("identifier_id")
    observed = stored.where(is_new & is_observed).select("identifier_id").distinct()
    come = find(
        ctx,
        asked.join(observed, on="identifier_id", how="left_semi").join(known, on="identifier_id", how="left_anti"),
    )
    parts = [asked.join(gone, on="identifier_id", how="left_semi")]
    if come.n_rows:
        older = stored.where(~is_new & is_observed).join(come.rows, on="identifier_id", how="left_semi")
        parts.append(come.rows.join(older.select("identifier_id"), on="identifier_id", how="left_anti"))
    turned = find(ctx, all_of(parts))
    if not turned.n_rows:
        return None
    messages = readings.join(turned.rows, on="identifier_id", how="left_semi").select("message_key").distinct()
    return aliases.rows.join(messages, on="message_key", how="left_semi").select("identifier_id").distinct()


def _find_members(ctx: RunContext, classes: DataFrame, again: DataFrame) -> Found:
    """`identifier_id` of values whose alias class may be another: by a new alias, or one that says less than before."""
    aliases = find_alias_messages(ctx)
    parts = [again]
    if aliases is not None:
        parts.append(aliases.rows.where(F.col("run_seq") == ctx.run_seq).select("identifier_id"))
    changed = classes.join(all_of(parts), on="identifier_id", how="left_semi").select("value_class").distinct()
    return find(ctx, classes.join(changed, on="value_class", how="left_semi").select("identifier_id"))


def whole_candidates(ctx: RunContext, identifiers: DataFrame) -> Found:
    """`identifier_id` of some identifiers and of all in one candidate component with them, as the last run left it."""
    candidates = find(ctx, ctx.read_among(COMPONENTS, identifiers).select("candidate_id").distinct())
    members = ctx.read_among(COMPONENTS, candidates.rows).select("identifier_id")
    return find(ctx, all_of([identifiers, members]))


def with_kept_apart(ctx: RunContext, told: Found, excluded: DataFrame) -> Found:
    """`identifier_id` of whole candidate components, and of all that a manual rule keeps apart from them, and so on.

    An edge that a rule excludes runs between two of them, and is judged with both.

    Args:
        ctx: The stage's context.
        told: `identifier_id` of whole candidate components.
        excluded: `src`, `dst` that manual rules keep apart, as many as a file names.
    """
    ends = excluded.select("src", "dst").unionByName(
        excluded.select(F.col("dst").alias("src"), F.col("src").alias("dst"))
    )
    while True:
        met = ends.join(told.rows.withColumnRenamed("identifier_id", "src"), on="src", how="left_semi")
        beyond = met.select(F.col("dst").alias("identifier_id")).distinct()
        found = find(ctx, beyond.join(told.rows, on="identifier_id", how="left_anti"))
        if not found.n_rows:
            return told
        told = whole_candidates(ctx, all_of([told.rows, found.rows]))


def all_of(parts: list[DataFrame]) -> DataFrame:
    """`identifier_id` of all parts, each once."""
    return reduce(DataFrame.unionByName, parts).distinct()
