"""What a run has to go by: who may link whom, under the rules of its configuration, before any edge is judged.

Reads   event_identifiers, identifier_values, events (consent), links
Yields  eligible identifiers, linking messages, edges, over-shared values, alias classes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS, IDENTIFIERS
from oneuser.contracts.raw import EVENTS, IDENTIFIER_VALUES
from oneuser.contracts.reference import LINKS
from oneuser.graph.blocked import find_blocked
from oneuser.graph.components import connect_in_one_task
from oneuser.graph.edges import build_edges, find_pairs, included_pairs, link_pairs, touching
from oneuser.graph.linking_messages import (
    OBSERVED,
    eligible_identifiers,
    linking_messages,
    observed_identifiers,
    without_members,
)
from oneuser.graph.over_shared import count_persons_per_value
from oneuser.graph.protection import find_renames
from oneuser.privacy.consent import find_consenting
from oneuser.stages.graph.manual_rule_rows import manual_rule_rows
from oneuser.stages.identity_rules import IdentityValues, blocked_patterns, blocked_values, identity_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


@dataclass(frozen=True)
class Gathered:
    """The evidence of a run.

    Attributes:
        values: The rules it was gathered by.
        eligible: Rows of `event_identifiers` that are in the graph, with `priority`: neither blocked nor over-shared.
        edges: Rows of `edges`, those that a manual rule excludes among them.
        n_edges: How many.
        has_other_ends: Whether links or manual rules may name identifiers that no message carries.
        classes: `identifier_id`, `value_class` of values that aliases join; null where none are.
        excluded: `src`, `dst` that a manual rule keeps apart; null where there is no such rule.
        over_shared_pairs: Edges that over-shared values would have had; null where no value is over-shared.
    """

    values: IdentityValues
    eligible: DataFrame
    edges: DataFrame
    n_edges: int
    has_other_ends: bool
    classes: DataFrame | None
    excluded: DataFrame | None
    over_shared_pairs: DataFrame | None


def gather_pairs(ctx: RunContext) -> Gathered:
    """Everything that links identifiers in this run. Keeps what several steps read until the stage ends."""
    values = identity_values(ctx.config)
    has_aliases = _has_aliases(ctx)
    blocked_ids = blocked(ctx)
    rows = _eligible(ctx, blocked_ids) if has_aliases else _observed(ctx, blocked_ids)
    messages = find_linking_messages(ctx, rows)
    if values.person_bounds or (has_aliases and values.unique_priorities):
        messages = ctx.checkpoint(messages)
    manual = manual_rule_rows(ctx)
    excluded = None if manual is None else manual.where("action = 'exclude'").select("src", "dst")
    classes = None
    if has_aliases and values.unique_priorities and values.may_join_unique:
        renames = find_renames(messages, excluded, unique_priorities=values.unique_priorities)
        classes = ctx.checkpoint(connect_in_one_task(renames).withColumnRenamed("component_id", "value_class"))
    over_shared = _find_over_shared(ctx, messages, classes, values)
    over_shared_pairs = None
    linking = messages
    if over_shared is not None:
        over_shared_pairs = build_edges(touching(find_pairs(messages), over_shared))
        linking = without_members(messages, over_shared)
        rows = rows.join(F.broadcast(over_shared), on="identifier_id", how="left_anti")
    pairs = [find_pairs(linking)]
    links = ctx.read(LINKS) if LINKS.name in ctx.tables else None
    if links is not None or manual is not None:
        ends = _eligible_ends(ctx, values, [blocked_ids, over_shared])
        if links is not None:
            pairs.append(link_pairs(links, ends))
        if manual is not None:
            pairs.append(included_pairs(manual, ends, run_seq=ctx.run_seq))
    edges = ctx.checkpoint(build_edges(*pairs))
    return Gathered(
        values=values,
        eligible=rows,
        edges=edges,
        n_edges=edges.count(),
        has_other_ends=len(pairs) > 1,
        classes=classes,
        excluded=excluded,
        over_shared_pairs=over_shared_pairs,
    )


def observed(ctx: RunContext) -> DataFrame:
    """Rows of `event_identifiers` that may own their message under this run's rules, with `priority`."""
    return _observed(ctx, blocked(ctx))


def eligible(ctx: RunContext) -> DataFrame:
    """Rows of `event_identifiers` that may link under this run's rules, with `priority`."""
    return _eligible(ctx, blocked(ctx))


def _observed(ctx: RunContext, blocked_ids: DataFrame | None) -> DataFrame:
    priorities = identity_values(ctx.config).priorities
    return observed_identifiers(ctx.read(EVENT_IDENTIFIERS), blocked_ids, priorities=priorities)


def _eligible(ctx: RunContext, blocked_ids: DataFrame | None) -> DataFrame:
    priorities = identity_values(ctx.config).priorities
    return eligible_identifiers(ctx.read(EVENT_IDENTIFIERS), blocked_ids, priorities=priorities)


def find_linking_messages(ctx: RunContext, rows: DataFrame) -> DataFrame:
    """Linking messages among eligible rows, be they all or those of some messages."""
    values = identity_values(ctx.config)
    purposes = values.required_purposes
    may_link = None
    if purposes:
        everyone = eligible(ctx)
        may_link = find_consenting(ctx.read(EVENTS), everyone, purposes=purposes, known_types=values.known_types)
    return linking_messages(rows, unique_priorities=values.unique_priorities, may_link=may_link)


def blocked(ctx: RunContext) -> DataFrame | None:
    """One row per identifier that the configuration blocks; null where it blocks none."""
    rules = ctx.config.identity.id_types
    exact, patterns = blocked_values(rules), blocked_patterns(rules)
    if not exact and not patterns:
        return None
    return ctx.checkpoint(find_blocked(ctx.read(IDENTIFIER_VALUES), exact=exact, patterns=patterns))


def _has_aliases(ctx: RunContext) -> bool:
    return not ctx.read(EVENT_IDENTIFIERS).where(~F.col("link").isin(*OBSERVED)).isEmpty()


def _find_over_shared(
    ctx: RunContext, messages: DataFrame, classes: DataFrame | None, values: IdentityValues
) -> DataFrame | None:
    """`identifier_id` of the values that too many people share; null where there is none."""
    if not values.person_bounds or not values.unique_priorities:
        return None
    shared = ctx.checkpoint(
        count_persons_per_value(
            messages, classes, bounds=values.person_bounds, unique_priorities=values.unique_priorities
        )
    )
    is_over_shared = F.col("n_persons") > F.col("bound")
    counted = shared.agg(
        F.count(F.lit(1)).alias("n_near"), F.count_if(is_over_shared).alias("n_over_shared")
    ).collect()[0]
    ctx.metric("values_over_shared", counted["n_over_shared"])
    ctx.metric("values_nearly_over_shared", counted["n_near"] - counted["n_over_shared"])
    return shared.where(is_over_shared).select("identifier_id") if counted["n_over_shared"] else None


def _eligible_ends(ctx: RunContext, values: IdentityValues, left_out: Sequence[DataFrame | None]) -> DataFrame:
    """`identifier_id` of every identifier that a link or a manual rule may join."""
    ends = ctx.read(IDENTIFIERS).where(F.col("id_type").isin(*values.priorities)).select("identifier_id")
    for gone in left_out:
        if gone is not None:
            ends = ends.join(F.broadcast(gone.select("identifier_id")), on="identifier_id", how="left_anti")
    return ends
