"""Certification: the components that were written are the components of the edges that were written.

Independent of the engine that made them, and one shuffle by label: every task gets whole components with their edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from oneuser.graph.one_task import label_pieces
from oneuser.spark.clustering import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pyspark.sql import Column, DataFrame, Row

FINDINGS_DDL = (
    "n_vertices bigint, n_labels bigint, n_pieces bigint, n_repeated bigint, n_mislabelled bigint, n_crossing bigint"
)
_FINDINGS = tuple(part.split()[0] for part in FINDINGS_DDL.split(", "))

_NONE = pa.scalar(-1, pa.int64())


@dataclass(frozen=True)
class Certificate:
    """What the check found. `problems` is empty where the components hold."""

    n_vertices: int
    n_components: int
    problems: tuple[str, ...]


def gather_evidence(components: DataFrame, edges: DataFrame, vertices: DataFrame) -> DataFrame:
    """One row of findings that `judge` reads; no action is run here.

    Args:
        components: `identifier_id`, `component_id` as written.
        edges: `src`, `dst` as written.
        vertices: `identifier_id` of every identifier that must be in the graph, from another path than the components.

    Returns:
        One row: counts over all labels, and count and checksum of the vertices on both sides.
    """
    labels = components.select("identifier_id", "component_id")
    members = labels.select(
        "component_id", F.col("identifier_id").alias("src"), F.lit(None).cast("bigint").alias("dst")
    )
    labelled_edges = edges.select("src", "dst").join(
        labels.withColumnRenamed("identifier_id", "src"), on="src", how="left"
    )
    clustered = cluster(members.unionByName(labelled_edges.select("component_id", "src", "dst")), "component_id")
    findings = clustered.mapInArrow(_check_partition, FINDINGS_DDL).agg(
        *[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in _FINDINGS]
    )
    found = labels.agg(F.count(F.lit(1)).alias("n_found"), _checksum().alias("found_sum"))
    expected = vertices.select("identifier_id").agg(
        F.count(F.lit(1)).alias("n_expected"), _checksum().alias("expected_sum")
    )
    # a row each
    return findings.crossJoin(F.broadcast(found)).crossJoin(F.broadcast(expected))


def _checksum() -> Column:
    # a sum of hashes as decimal: independent of order, and it cannot overflow under ANSI
    return F.coalesce(F.sum(F.xxhash64("identifier_id").cast("decimal(38,0)")), F.lit(0).cast("decimal(38,0)"))


def judge(evidence: Row) -> Certificate:
    """Turn the row of `gather_evidence` into a certificate."""
    checks = {
        f"{evidence['n_repeated']} identifiers have more than one label": evidence["n_repeated"] == 0,
        f"{evidence['n_mislabelled']} components are not labelled by their smallest member": evidence["n_mislabelled"]
        == 0,
        f"{evidence['n_crossing']} edges run between two components: a component was split": evidence["n_crossing"]
        == 0,
        f"{evidence['n_labels']} labels hold {evidence['n_pieces']} pieces: components were lumped": (
            evidence["n_labels"] == evidence["n_pieces"]
        ),
        f"{evidence['n_found']} labelled identifiers are not the {evidence['n_expected']} of the graph": (
            evidence["n_found"] == evidence["n_expected"] and evidence["found_sum"] == evidence["expected_sum"]
        ),
    }
    problems = tuple(text for text, holds in checks.items() if not holds)
    return Certificate(int(evidence["n_vertices"]), int(evidence["n_labels"]), problems)


def _check_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    filled = [batch for batch in batches if batch.num_rows]
    if not filled:
        return
    table = pa.Table.from_batches(filled)
    label = table.column("component_id").fill_null(_NONE).to_numpy()
    src = table.column("src").to_numpy()
    is_edge = table.column("dst").is_valid().to_numpy()
    dst = table.column("dst").fill_null(_NONE).to_numpy()
    findings = check_components(label[~is_edge], src[~is_edge], label[is_edge], src[is_edge], dst[is_edge])
    yield pa.record_batch(
        {name: pa.array([value], pa.int64()) for name, value in zip(_FINDINGS, findings, strict=True)}
    )


def check_components(
    vertex_label: NDArray[np.int64],
    vertex: NDArray[np.int64],
    edge_label: NDArray[np.int64],
    src: NDArray[np.int64],
    dst: NDArray[np.int64],
) -> tuple[int, int, int, int, int, int]:
    """Check whole components: counts of vertices, labels, connected pieces, and of each kind of violation.

    An edge belongs to the label of its `src`; its `dst` must be a member of the same label.
    """
    labels, label_number = np.unique(vertex_label, return_inverse=True)
    members, place = np.unique(vertex, return_inverse=True)
    n_repeated = len(vertex) - len(members)
    label_of = np.empty(len(members), dtype=np.int64)
    label_of[place] = vertex_label
    smallest = np.full(len(labels), np.iinfo(np.int64).max)
    np.minimum.at(smallest, label_number, vertex)
    n_mislabelled = int((smallest != labels).sum())
    if len(members) == 0:
        return 0, 0, 0, 0, 0, len(src)
    src_at, dst_at = np.searchsorted(members, src), np.searchsorted(members, dst)
    inside = (src_at < len(members)) & (dst_at < len(members))
    inside[inside] &= (members[src_at[inside]] == src[inside]) & (members[dst_at[inside]] == dst[inside])
    inside[inside] &= (label_of[src_at[inside]] == edge_label[inside]) & (
        label_of[dst_at[inside]] == edge_label[inside]
    )
    rows, columns = src_at[inside], dst_at[inside]
    n_pieces, _ = label_pieces(len(members), rows, columns)
    return len(vertex), len(labels), n_pieces, n_repeated, n_mislabelled, int((~inside).sum())
