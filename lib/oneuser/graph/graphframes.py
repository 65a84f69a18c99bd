"""The engine `graphframes`: connected components by GraphFrames, where its JARs are on the class path.

Reads pairs of ids, yields one row per id that has an edge. The library writes what it goes on from below the checkpoint
folder and leaves files there, and hands back a frame that it has persisted. So it gets a folder of its own, which is
removed once the result is kept elsewhere: that folder must hold nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from oneuser.spark.temporarily import checkpoints_in, session_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

_log = structlog.get_logger("oneuser.graph")

# the faster one first; not every build of the library can plan it on every Spark
ALGORITHMS = ("randomized_contraction", "two_phase")
# without it the result of `randomized_contraction` is computed again from files that the library has removed by then
_SETTINGS = {"spark.sql.adaptive.enabled": "true"}
_MOST_TEXT = 200


def connect_by_graphframes(
    pairs: DataFrame, *, folder: str, keep: Callable[[DataFrame], DataFrame]
) -> tuple[DataFrame | None, list[str]]:
    """Label each id that has an edge with the smallest id of its component.

    Args:
        pairs: `src`, `dst` of bigint; duplicates, reversed pairs and loops are harmless.
        folder: Where GraphFrames may keep what it needs on the way. Removed afterwards, with all that is in it.
        keep: Computes a frame, and returns its rows wherever they outlive what they were made from.

    Returns:
        `identifier_id`, `component_id`, one row per id, null where no algorithm came to an end; and what was tried, one
        text for each algorithm. What fails while the pairs themselves are computed is raised.
    """
    session = pairs.sparkSession
    # computed before anything is tried: from here on a failure is the library's, and not that of the data
    kept = keep(pairs)
    tried: list[str] = []
    with session_settings(session, _SETTINGS), checkpoints_in(session, folder):
        try:
            for algorithm in ALGORITHMS:
                try:
                    labels = _labels(kept, algorithm, keep)
                except (Py4JError, PySparkException) as problem:
                    if _is_cancelled(problem):
                        raise
                    tried.append(f"{algorithm} of GraphFrames failed ({_first_line(problem)})")
                    _log.warning("GraphFrames failed", algorithm=algorithm, problem=_first_line(problem))
                else:
                    return labels, [*tried, f"{algorithm} of GraphFrames"]
        finally:
            _remove(session, folder)
    return None, tried


def _labels(pairs: DataFrame, algorithm: str, keep: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """Every argument is named: the Python wrapper's own defaults would override Spark's settings."""
    from graphframes import GraphFrame

    vertices = pairs.select(F.explode(F.array("src", "dst")).alias("id")).distinct()
    labelled: DataFrame = GraphFrame(vertices, pairs).connectedComponents(
        algorithm=algorithm,
        checkpointInterval=2,
        broadcastThreshold=-1,
        useLabelsAsComponents=True,
        use_local_checkpoints=False,
        storage_level=StorageLevel.MEMORY_AND_DISK,
    )
    try:
        return keep(labelled.select(F.col("id").alias("identifier_id"), F.col("component").alias("component_id")))
    finally:
        labelled.unpersist()


def _is_cancelled(problem: Exception) -> bool:
    """Whether somebody wanted the job to end, such as a run that has lost its lease."""
    return "cancelled" in str(problem).lower()


def _first_line(problem: Exception) -> str:
    said = str(problem.java_exception.toString()) if isinstance(problem, Py4JJavaError) else str(problem)
    return (said.splitlines() or [type(problem).__name__])[0][:_MOST_TEXT]


def _remove(session: SparkSession, folder: str) -> None:
    context = session.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path(folder)  # type: ignore[union-attr]  # noqa: SLF001
    path.getFileSystem(context._jsc.hadoopConfiguration()).delete(path, True)  # noqa: SLF001
