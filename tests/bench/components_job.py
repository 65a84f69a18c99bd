"""Connected components of pairs in Parquet files, by one engine: read, labelled, written as Parquet, certified.

An engine of Spark labels a few pairs first and looks at its evidence, so that classes are loaded and compiled when it
counts; one thread of SciPy needs none of that.

    python -m tests.bench.components_job ENGINE PAIRS_FOLDER OUT_FOLDER N_VERTICES

Prints one JSON line: seconds, seconds of the certificate, and the number of components; `absent` for an engine that is
not on the class path.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import StorageLevel

from oneuser.config.model import GraphRules
from oneuser.graph.certification import gather_evidence, judge
from oneuser.graph.components import EngineChoice, connect
from oneuser.spark.session import SparkSettings, build_session, has_graphframes
from tests.bench.oneuser_runs import SPARK
from tests.bench.single_thread import label_components

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

SCIPY, GRAPHFRAMES, ONE_TASK = "scipy", "graphframes", "one_task"
_WARM_UP_PAIRS = 10_000


def by_scipy(pairs: Path, out: Path) -> dict[str, Any]:
    """One thread, which numbers the ids first."""
    started = time.monotonic()
    read = pq.read_table(pairs)
    src, dst = (read.column(name).to_numpy() for name in ("src", "dst"))
    read_seconds = time.monotonic() - started
    ids, label = label_components(src, dst)
    n_components = int(label.max(initial=-1)) + 1
    smallest = np.empty(n_components, np.int64)
    # ids ascend: the last one written for a label is its smallest
    smallest[label[::-1]] = ids[::-1]
    labelled_seconds = time.monotonic() - started
    out.mkdir(parents=True)
    pq.write_table(pa.table({"identifier_id": ids, "component_id": smallest[label]}), out / "part-0.parquet")
    return {
        "seconds": time.monotonic() - started,
        "alone": labelled_seconds - read_seconds,
        "certificate": 0.0,
        "n_components": n_components,
    }


def by_engine(engine: str, pairs: Path, out: Path, n_vertices: int) -> dict[str, Any]:
    """An engine of oneuser, and the certificate of what it wrote.

    Raises:
        SystemExit: where the components are not those of the pairs.
    """
    session = build_session(SparkSettings(**SPARK))
    if engine == GRAPHFRAMES and not has_graphframes(session):
        return {"absent": True}
    edges = session.read.parquet(str(pairs))
    few = out.with_name(f"{out.name}-warm-up")
    label_and_write(session, engine, edges.limit(_WARM_UP_PAIRS), few)
    find_evidence(session, engine, few, edges, n_vertices)
    shutil.rmtree(few)
    started = time.monotonic()
    chosen = label_and_write(session, engine, edges, out)
    seconds, started = time.monotonic() - started, time.monotonic()
    certificate = judge(find_evidence(session, engine, out, edges, n_vertices))
    if certificate.problems:
        sys.exit(f"{engine}: {'; '.join(certificate.problems)}")
    return {
        "seconds": seconds,
        "alone": seconds,
        "certificate": time.monotonic() - started,
        "n_components": certificate.n_components,
        "reason": chosen.reason,
    }


def find_evidence(session: SparkSession, engine: str, labels: Path, edges: DataFrame, n_vertices: int) -> Row:
    """What the certificate is judged by, found as the engine finds components."""
    vertices = session.range(n_vertices).withColumnRenamed("id", "identifier_id")
    in_one_task = engine == ONE_TASK
    return gather_evidence(session.read.parquet(str(labels)), edges, vertices, in_one_task=in_one_task).collect()[0]


def label_and_write(session: SparkSession, engine: str, edges: DataFrame, out: Path) -> EngineChoice:
    """Components of edges as Parquet; which engine did it in the end."""
    connected = connect(
        edges,
        choice=EngineChoice(engine, "asked for"),
        checkpoint_folder=str(out.with_name(f"{out.name}-checkpoints")),
        one_task_max_edges=GraphRules().one_task_max_edges,
        keep=lambda rows: rows.localCheckpoint(eager=True, storageLevel=StorageLevel.MEMORY_AND_DISK),
    )
    connected.labels.write.parquet(str(out))
    return connected.choice


def main() -> None:
    """Measure one engine, and print what came out."""
    engine, pairs, out, n_vertices = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    shutil.rmtree(out, ignore_errors=True)
    answer = by_scipy(pairs, out) if engine == SCIPY else by_engine(engine, pairs, out, n_vertices)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
