"""Connected components: one function, one contract, an engine behind it.

Every engine takes pairs of ids (`src`, `dst`) and yields one row per id that has an edge: `identifier_id` and
`component_id`, the smallest id of its component. The engines `contraction` and `graphframes` run jobs of their own and
release what they persisted. What they hand back, and what they go on from, is kept by a function that the caller gives:
on a cluster it outlives a lost executor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.core.errors import EnvironmentProblem
from oneuser.graph.contraction import connect_by_contraction
from oneuser.graph.graphframes import connect_by_graphframes
from oneuser.graph.one_task import connect_in_one_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

__all__ = ["Connected", "EngineChoice", "choose_engine", "connect", "connect_in_one_task"]

GRAPHFRAMES_COORDINATES = "io.graphframes:graphframes-spark4_2.13:0.12.3"


@dataclass(frozen=True)
class EngineChoice:
    """An engine, and why that one; both go into the run record."""

    engine: str
    reason: str


@dataclass(frozen=True)
class Connected:
    """Labels, and the engine that made them in the end.

    Attributes:
        labels: `identifier_id`, `component_id`: one row per id that has an edge.
        choice: The engine that ran; the reason says too what was tried before.
    """

    labels: DataFrame
    choice: EngineChoice


def choose_engine(
    wanted: str, *, n_edges: int, one_task_max_edges: int, has_graphframes: bool, is_bound: bool = False
) -> EngineChoice:
    """Decide by size and by what is on the class path.

    Args:
        wanted: `graph.engine`: auto, one_task, contraction or graphframes.
        n_edges: How many edges there are. Only auto looks at it.
        one_task_max_edges: How many of them one task takes.
        has_graphframes: Whether GraphFrames is on the class path.
        is_bound: Whether `n_edges` is an upper bound, since nobody has counted.

    Raises:
        EnvironmentProblem: where `graphframes` is wanted and is not there.
    """
    if wanted == "graphframes" and not has_graphframes:
        raise EnvironmentProblem(
            found="graph.engine is graphframes, and the GraphFrames JAR is not on the class path",
            expected=GRAPHFRAMES_COORDINATES,
            where="graph.engine",
            next_step=f"add `--packages {GRAPHFRAMES_COORDINATES}` to spark-submit, or set graph.engine to auto",
        )
    if wanted != "auto":
        return EngineChoice(wanted, "asked for by graph.engine")
    bound = f"(graph.one_task_max_edges {one_task_max_edges:,})"
    if n_edges <= one_task_max_edges:
        counted = f"fewer than {n_edges + 1:,} edges" if is_bound else f"{n_edges:,} edges"
        return EngineChoice("one_task", f"{counted} fit one task {bound}")
    too_many = f"{n_edges:,} edges are more than one task takes {bound}"
    if has_graphframes:
        return EngineChoice("graphframes", f"{too_many}, and GraphFrames is on the class path")
    return EngineChoice("contraction", f"{too_many}, and GraphFrames is not on the class path")


def connect(
    edges: DataFrame,
    *,
    choice: EngineChoice,
    checkpoint_folder: str,
    one_task_max_edges: int,
    keep: Callable[[DataFrame], DataFrame],
) -> Connected:
    """Label each id that has an edge with the smallest id of its component.

    Where no algorithm of GraphFrames comes to an end, contraction does it, which needs nothing but Spark and whose last
    round is in one task as soon as the rest fits there.

    Args:
        edges: Pairs `src`, `dst` of bigint; duplicates, reversed pairs and loops are harmless.
        choice: The engine: one_task, contraction or graphframes.
        checkpoint_folder: Where graphframes may keep intermediate results; removed when it is done, with all that is in
            it. Nothing else may be there.
        one_task_max_edges: How many links between roots contraction leaves to one task at most, some 100 bytes each.
        keep: Computes a frame, and returns its rows wherever they outlive what they were made from.
    """
    pairs = edges.select("src", "dst")
    if choice.engine == "one_task":
        return Connected(connect_in_one_task(pairs), choice)
    engine, reason = choice.engine, choice.reason
    if engine == "graphframes":
        labels, tried = connect_by_graphframes(pairs, folder=checkpoint_folder, keep=keep)
        reason = "; ".join([reason, *tried])
        if labels is not None:
            return Connected(labels, EngineChoice(engine, reason))
    labels = connect_by_contraction(pairs, one_task_max_pairs=one_task_max_edges, keep=keep)
    return Connected(labels, EngineChoice("contraction", reason))
