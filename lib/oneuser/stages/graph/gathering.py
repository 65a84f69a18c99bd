"""Gathering the evidence of a run: of everything there is, or of what is judged again.

Reads   event_identifiers, links, what is declared
Yields  sightings, edges, over-shared values
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.graph.edges import build_edges, find_pairs, find_sightings, touching
from oneuser.graph.linking_messages import without_members
from oneuser.stages.graph.eligibility import eligible
from oneuser.stages.graph.evidence import (
    Gathered,
    count_shared,
    find_declared,
    find_declared_pairs,
    find_over_shared,
    linking,
)
from oneuser.stages.graph.grown import gather_touched

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext
    from oneuser.stages.graph.evidence import Declared


def gather_pairs(ctx: RunContext) -> Gathered:
    """Everything that links identifiers in this run, or of it what concerns candidate components that are judged again.

    Keeps what several steps read until the stage ends. Where a message joins what is judged again with something else,
    the change sets have not told all, and everything is judged again.
    """
    declared = find_declared(ctx)
    if ctx.is_incremental:
        gathered = gather_touched(ctx, declared)
        if gathered is not None:
            return gathered
        ctx.log.warning("everything is judged again: what is touched is linked with what is not")
        ctx.is_incremental = False
    return _gather_all(ctx, declared)


def _gather_all(ctx: RunContext, declared: Declared) -> Gathered:
    rows = eligible(ctx)
    messages = linking(ctx, rows, declared.values)
    shared = ctx.checkpoint(count_shared(messages, declared)) if declared.values.person_bounds else None
    over_shared = find_over_shared(ctx, shared)
    over_shared_pairs = None
    if over_shared is not None:
        over_shared_pairs = build_edges(touching(find_pairs(messages), over_shared))
        messages = without_members(messages, over_shared)
        rows = rows.join(over_shared, on="identifier_id", how="left_anti")
    declared_pairs = find_declared_pairs(ctx, declared, over_shared, None)
    edges, counted = ctx.checkpoint_counted(
        build_edges(find_pairs(messages), *declared_pairs), n_edges=F.count(F.lit(1))
    )
    return Gathered(
        declared=declared,
        touched=None,
        seen=find_sightings(rows),
        edges=edges,
        n_edges=counted["n_edges"],
        has_other_ends=bool(declared_pairs),
        shared=shared,
        over_shared_pairs=over_shared_pairs,
    )
