"""Connecting what a stage wants connected: one choice of engine for edges, aliases and carry-over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.graph.components import choose_engine, connect
from oneuser.spark.session import has_graphframes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


def connect_pairs(
    ctx: RunContext, pairs: DataFrame, *, name: str = "", n_pairs: int | None = None, at_most: int | None = None
) -> DataFrame:
    """Label each id of the pairs with the smallest id of its component, by the engine that the configuration says.

    Pairs are counted only where it matters: `auto` wants to know how many there are, unless a bound says that they fit
    one task. The run record says which engine it was and why.

    Args:
        ctx: The stage's context.
        pairs: `src`, `dst` of bigint.
        name: What is connected, where it is not the edges: `<name>_engine` is what the run record calls its engine.
        n_pairs: How many pairs there are, where that is known.
        at_most: How many there are at most, where that is known.

    Returns:
        `identifier_id`, `component_id`: one row per id.
    """
    rules = ctx.config.graph
    is_bound = False
    if n_pairs is None and rules.engine == "auto":
        if at_most is not None and at_most <= rules.one_task_max_edges:
            n_pairs, is_bound = at_most, True
        else:
            pairs = ctx.checkpoint(pairs)
            n_pairs = pairs.count()
    choice = choose_engine(
        rules.engine,
        n_edges=n_pairs or 0,
        one_task_max_edges=rules.one_task_max_edges,
        has_graphframes=has_graphframes(ctx.spark),
        is_bound=is_bound,
    )
    connected = connect(
        pairs,
        choice=choice,
        checkpoint_folder=ctx.scratch("graphframes"),
        one_task_max_edges=rules.one_task_max_edges,
        keep=ctx.checkpoint,
    )
    key = f"{name}_engine" if name else "engine"
    ctx.details[key] = connected.choice.engine
    ctx.details[f"{key}_reason"] = connected.choice.reason
    return connected.labels
