"""Certification: the components that were written are the components of the edges that were written.

Independent of the engine that made them. Where all of it fits one task, it is checked in one, and nothing is joined or
moved before; else by one shuffle by label, so that every task gets whole components with their edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.graph.one_task import label_pieces
from oneuser.spark.clustering import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pyspark.sql import Column, Row

FINDINGS_DDL = (
    "n_vertices bigint, n_labels bigint, n_pieces bigint, n_repeated bigint, n_mislabelled bigint, n_crossing bigint"
)
_FINDINGS = tuple(part.split()[0] for part in FINDINGS_DDL.split(", "))
# sums are of hashes, or in one task of what one side has and the other has not
_VERTICES_DDL = "n_found bigint, found_sum decimal(38,0), n_expected bigint, expected_sum decimal(38,0)"
_SUM = pa.decimal128(38, 0)
# kinds of rows in one task: an identifier with its label, the ends of an edge, an identifier that must be there
_MEMBER, _EDGE, _EXPECTED = range(3)
_NONE = pa.scalar(-1, pa.int64())


@dataclass(frozen=True)
class Certificate:
    """What the check found. `problems` is empty where the components hold."""

    n_vertices: int
    n_components: int
    problems: tuple[str, ...]


def gather_evidence(
    components: DataFrame, edges: DataFrame, vertices: DataFrame, *, in_one_task: bool = False
) -> DataFrame:
    """One row of findings that `judge` reads; no action is run here.

    Args:
        components: `identifier_id`, `component_id` as written.
        edges: `src`, `dst` as written.
        vertices: `identifier_id` of every identifier that must be in the graph, from another path than the components;
            each once.
        in_one_task: Whether one task may hold all three, some 100 bytes a row.

    Returns:
        One row: counts over all labels, and count and checksum of the vertices on both sides.
    """
    if in_one_task:
        kinds = (
            (_MEMBER, components, "identifier_id", "component_id"),
            (_EDGE, edges, "src", "dst"),
            (_EXPECTED, vertices, "identifier_id", "identifier_id"),
        )
        parts = [
            rows.select(F.lit(kind).alias("kind"), F.col(one).alias("one"), F.col(other).alias("other"))
            for kind, rows, one, other in kinds
        ]
        together = reduce(DataFrame.unionByName, parts).repartition(1)
        found = together.mapInArrow(_check_all, f"{FINDINGS_DDL}, {_VERTICES_DDL}")
        # Spark starts no task for what it sees to be empty: then there is no row, and all counts are 0
        return found.agg(*[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in found.columns])
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
    """Findings about whole components, with the edges whose `src` is in them."""
    filled = [batch for batch in batches if batch.num_rows]
    if not filled:
        return
    table = pa.Table.from_batches(filled)
    label = table.column("component_id").fill_null(_NONE).to_numpy()
    src = table.column("src").to_numpy()
    is_edge = table.column("dst").is_valid().to_numpy()
    dst = table.column("dst").fill_null(_NONE).to_numpy()
    findings = check_components(label[~is_edge], src[~is_edge], src[is_edge], dst[is_edge])
    yield pa.record_batch(
        {name: pa.array([value], pa.int64()) for name, value in zip(_FINDINGS, findings, strict=True)}
    )


def _check_all(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The row of evidence, from all rows of all kinds. Memory grows with them."""
    kinds: dict[int, list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = {_MEMBER: [], _EDGE: [], _EXPECTED: []}
    for batch in batches:
        kind, one, other = (column.to_numpy(zero_copy_only=False) for column in batch.columns)
        for number, columns in kinds.items():
            of_kind = kind == number
            if of_kind.any():
                columns.append((one[of_kind], other[of_kind]))
    (vertex, label), (src, dst), (expected, _) = map(_joined, kinds.values())
    findings = dict(zip(_FINDINGS, check_components(label, vertex, src, dst), strict=True))
    n_strange = len(np.setxor1d(np.unique(vertex), expected))
    evidence = {
        **{name: pa.array([value], pa.int64()) for name, value in findings.items()},
        "n_found": pa.array([len(vertex)], pa.int64()),
        "found_sum": pa.array([n_strange], _SUM),
        "n_expected": pa.array([len(expected)], pa.int64()),
        "expected_sum": pa.array([0], _SUM),
    }
    yield pa.record_batch(evidence)


def _joined(columns: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none, *(one for one, _ in columns)]), np.concatenate(
        [none, *(other for _, other in columns)]
    )


def check_components(
    vertex_label: NDArray[np.int64], vertex: NDArray[np.int64], src: NDArray[np.int64], dst: NDArray[np.int64]
) -> tuple[int, int, int, int, int, int]:
    """Check whole components: counts of vertices, labels, connected pieces, and of each kind of violation.

    Args:
        vertex_label: Label of each vertex.
        vertex: The vertices.
        src: One end of each edge that has an end among the vertices.
        dst: Its other end, which must have the same label.
    """
    members, place = np.unique(vertex, return_inverse=True)
    if len(members) == 0:
        return 0, 0, 0, 0, 0, len(src)
    label_of = np.empty(len(members), dtype=np.int64)
    label_of[place] = vertex_label
    labels, first = np.unique(label_of, return_index=True)
    # members ascend: the first one that has a label is its smallest
    n_mislabelled = int((members[first] != labels).sum())
    n_repeated = len(vertex) - len(members)
    src_at, dst_at = _places(members, src), _places(members, dst)
    inside = (src_at >= 0) & (dst_at >= 0)
    inside[inside] = label_of[src_at[inside]] == label_of[dst_at[inside]]
    n_pieces, _ = label_pieces(len(members), src_at[inside], dst_at[inside])
    return len(vertex), len(labels), n_pieces, n_repeated, n_mislabelled, int((~inside).sum())


def _places(members: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of the wanted is among the members, which ascend; -1 where it is not."""
    at = np.minimum(np.searchsorted(members, wanted), len(members) - 1)
    return np.where(members[at] == wanted, at, -1)
