"""Connected components: one function, one contract, an engine behind it.

Every engine takes pairs of dense ids (`src`, `dst`) and yields one row per id that has an edge: `identifier_id` and
`component_id`, the smallest id of its component. The engines `contraction` and `graphframes` run jobs of their own and
release what they persisted.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError
from pyspark import StorageLevel
from pyspark.sql import functions as F

from oneuser.core.errors import EnvironmentProblem
from oneuser.graph.contraction import connect_by_contraction
from oneuser.graph.one_task import connect_in_one_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphframes import GraphFrame
    from pyspark import SparkContext
    from pyspark.sql import DataFrame

__all__ = ["EngineChoice", "choose_engine", "connect", "connect_in_one_task"]

GRAPHFRAMES_COORDINATES = "io.graphframes:graphframes-spark4_2.13:0.12.3"


@dataclass(frozen=True)
class EngineChoice:
    """The engine that will run, and why; both go into the run record."""

    engine: str
    reason: str


def choose_engine(wanted: str, *, n_edges: int, one_task_max_edges: int, has_graphframes: bool) -> EngineChoice:
    """Decide by size and by what is on the class path.

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
    if n_edges <= one_task_max_edges:
        return EngineChoice(
            "one_task", f"{n_edges:,} edges fit one task (graph.one_task_max_edges {one_task_max_edges:,})"
        )
    too_many = f"{n_edges:,} edges are more than one task takes (graph.one_task_max_edges {one_task_max_edges:,})"
    if has_graphframes:
        return EngineChoice("graphframes", f"{too_many}, and GraphFrames is on the class path")
    return EngineChoice("contraction", f"{too_many}, and GraphFrames is not on the class path")


def connect(edges: DataFrame, *, engine: str, checkpoint_folder: str, one_task_max_edges: int) -> DataFrame:
    """Label each id that has an edge with the smallest id of its component.

    Args:
        edges: Pairs `src`, `dst` of bigint; duplicates, reversed pairs and loops are harmless.
        engine: one_task, contraction or graphframes.
        checkpoint_folder: Where graphframes may keep intermediate results; removed when it is done.
        one_task_max_edges: How many links between roots contraction leaves to one task at most, some 100 bytes each.

    Returns:
        `identifier_id`, `component_id`: one row per id.
    """
    pairs = edges.select("src", "dst")
    if engine == "graphframes":
        return _connect_by_graphframes(pairs, checkpoint_folder)
    if engine == "contraction":
        return connect_by_contraction(pairs, one_task_max_pairs=one_task_max_edges)
    return connect_in_one_task(pairs)


def _connect_by_graphframes(pairs: DataFrame, checkpoint_folder: str) -> DataFrame:
    """Components by GraphFrames on the cluster, on integral ids that need no renaming.

    Every argument is named, since the wrapper's own defaults would override Spark's settings. `randomized_contraction`
    is the faster algorithm; its registered function does not plan on every Spark version, and `two_phase` does.
    """
    from graphframes import GraphFrame

    vertices = pairs.select(F.explode(F.array("src", "dst")).alias("id")).distinct()
    graph = GraphFrame(vertices, pairs)
    with _checkpoints_in(checkpoint_folder, pairs.sparkSession.sparkContext):
        try:
            labelled = _graphframes_components(graph, "randomized_contraction")
        except Py4JJavaError as problem:
            if "AssertionError" not in str(problem):
                raise
            labelled = _graphframes_components(graph, "two_phase")
        labels = labelled.select(F.col("id").alias("identifier_id"), F.col("component").alias("component_id"))
        # the result stands on checkpoint files and is persisted by the engine: it is copied before both go
        copied = labels.localCheckpoint()
        labelled.unpersist()
    return copied


def _graphframes_components(graph: GraphFrame, algorithm: str) -> DataFrame:
    labelled: DataFrame = graph.connectedComponents(
        algorithm=algorithm,
        checkpointInterval=2,
        broadcastThreshold=-1,
        useLabelsAsComponents=True,
        use_local_checkpoints=False,
        storage_level=StorageLevel.MEMORY_AND_DISK,
    )
    return labelled


@contextlib.contextmanager
def _checkpoints_in(folder: str, context: SparkContext) -> Iterator[None]:
    """Checkpoints go to a folder of the engine's own, which is removed afterwards."""
    before = context.getCheckpointDir()
    context.setCheckpointDir(folder)
    try:
        yield
    finally:
        path = context._jvm.org.apache.hadoop.fs.Path(folder)  # type: ignore[union-attr]  # noqa: SLF001
        path.getFileSystem(context._jsc.hadoopConfiguration()).delete(path, True)  # noqa: SLF001
        if before:
            context.setCheckpointDir(before)
