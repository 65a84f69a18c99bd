"""Connected components: one function, one contract, an engine behind it.

Every engine takes pairs of dense ids (`src`, `dst`) and yields one row per id that has an edge: `identifier_id` and
`component_id`, the smallest id of its component. The `graphframes` engine runs jobs of its own and releases what it
persisted; it is the only code of this package that does.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark import StorageLevel
from pyspark.sql import functions as F
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as scipy_components

from oneuser.core.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphframes import GraphFrame
    from numpy.typing import NDArray
    from pyspark import SparkContext
    from pyspark.sql import DataFrame

LABELS_DDL = "identifier_id bigint, component_id bigint"
GRAPHFRAMES_COORDINATES = "io.graphframes:graphframes-spark4_2.13:0.12.3"


@dataclass(frozen=True)
class EngineChoice:
    """The engine that will run, and why; both go into the run record."""

    engine: str
    reason: str


def choose_engine(wanted: str, *, n_edges: int, one_task_max_edges: int, has_graphframes: bool) -> EngineChoice:
    """Decide by size and by what is on the class path.

    Raises:
        EnvironmentProblem: where `graphframes` is wanted, or needed for the size, and is not there.
    """
    add_graphframes = f"add `--packages {GRAPHFRAMES_COORDINATES}` to spark-submit"
    if wanted == "graphframes" and not has_graphframes:
        raise EnvironmentProblem(
            found="graph.engine is graphframes, and the GraphFrames JAR is not on the class path",
            expected=GRAPHFRAMES_COORDINATES,
            where="graph.engine",
            next_step=f"{add_graphframes}, or set graph.engine to auto",
        )
    if wanted != "auto":
        return EngineChoice(wanted, "asked for by graph.engine")
    if n_edges <= one_task_max_edges:
        return EngineChoice(
            "one_task", f"{n_edges:,} edges fit one task (graph.one_task_max_edges {one_task_max_edges:,})"
        )
    if has_graphframes:
        return EngineChoice("graphframes", f"{n_edges:,} edges are more than one task takes, and GraphFrames is there")
    raise EnvironmentProblem(
        found=f"{n_edges:,} edges, and the GraphFrames JAR is not on the class path",
        expected=f"at most {one_task_max_edges:,} edges for one task",
        where="graph.one_task_max_edges",
        next_step=f"{add_graphframes}, or raise graph.one_task_max_edges (about 100 bytes of executor memory an edge)",
    )


def connect(edges: DataFrame, *, engine: str, checkpoint_folder: str) -> DataFrame:
    """Label each id that has an edge with the smallest id of its component.

    Args:
        edges: Pairs `src`, `dst` of bigint; duplicates, reversed pairs and loops are harmless.
        engine: one_task or graphframes.
        checkpoint_folder: Where graphframes may keep intermediate results; removed when it is done.

    Returns:
        `identifier_id`, `component_id`: one row per id.
    """
    pairs = edges.select("src", "dst")
    return _connect_by_graphframes(pairs, checkpoint_folder) if engine == "graphframes" else connect_in_one_task(pairs)


def connect_in_one_task(pairs: DataFrame) -> DataFrame:
    """Components by SciPy in a single task, over Arrow columns. Memory grows with the edges, some 100 bytes each."""
    return pairs.repartition(1).mapInArrow(_label_batches, LABELS_DDL)


def _label_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    columns = [(batch.column(0).to_numpy(), batch.column(1).to_numpy()) for batch in batches]
    if not columns:
        return
    src = np.concatenate([c[0] for c in columns])
    dst = np.concatenate([c[1] for c in columns])
    columns.clear()
    if len(src) == 0:
        return
    ids, labels = label_components(src, dst)
    step = 1 << 16
    for start in range(0, len(ids), step):
        part = slice(start, start + step)
        yield pa.record_batch({"identifier_id": pa.array(ids[part]), "component_id": pa.array(labels[part])})


def label_components(src: NDArray[np.int64], dst: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids that occur in the pairs, ascending, and the smallest id of each one's component."""
    low, high = int(min(src.min(), dst.min())), int(max(src.max(), dst.max()))
    # dense ids index an array directly; sparse ones are numbered first
    if low >= 0 and high < 4 * len(src) + 1_000_000:
        present = np.zeros(high + 1, dtype=bool)
        present[src] = True
        present[dst] = True
        ids = np.flatnonzero(present).astype(np.int64)
        number = np.cumsum(present, dtype=np.int64) - 1
        rows, columns = number[src], number[dst]
    else:
        ids, numbers = np.unique(np.concatenate([src, dst]), return_inverse=True)
        rows, columns = numbers[: len(src)], numbers[len(src) :]
    ones = np.ones(len(rows), dtype=np.int8)
    n_components, label = scipy_components(
        coo_array((ones, (rows, columns)), shape=(len(ids), len(ids))), directed=False
    )
    smallest = np.empty(n_components, dtype=np.int64)
    smallest[label[::-1]] = ids[::-1]  # ids ascend: the last write for a label is its smallest id
    return ids, smallest[label]


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
