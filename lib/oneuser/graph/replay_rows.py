"""Constrained replay over Arrow batches, one call per partition, and the shapes of the rows that go there and back.

Rows to replay: vertices, edges and excluded pairs of a replay group, told apart by `row_kind`; a column that a kind of
row lacks is null. A time may come without a place in its instant: no message asserts that edge, and it comes before
those of the same time that one does.

Decided rows: `kind` says what a row is, a label for each identifier or a refused edge; the columns of the other kind
are null.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from oneuser.graph.admission_order import EdgeColumns, moment_columns, order_edges, rank_keys
from oneuser.graph.bounded_sets import Vertex
from oneuser.graph.replay import admit, contested, cut_off
from oneuser.spark.arrow_batches import whole_groups
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from oneuser.graph.admission_order import Conflict
    from oneuser.graph.bounded_sets import Bounds

VERTEX_ROW, EDGE_ROW, EXCLUDE_ROW = 0, 1, 2
LABEL, REFUSED = "label", "refused"

ROWS = RowShape(
    {
        "group_id": "bigint",
        "row_kind": "int",
        "identifier_id": "bigint",
        "id_key": "binary",
        "id_type": "string",
        "priority": "int",
        "is_known": "boolean",
        "value_class": "bigint",
        "src": "bigint",
        "dst": "bigint",
        "first_at": "timestamp",
        "first_order": "binary",
        "last_at": "timestamp",
        "last_order": "binary",
        "is_include": "boolean",
    }
)
DECISIONS = RowShape(
    {
        "kind": "string",
        "identifier_id": "bigint",
        "component_id": "bigint",
        "is_contested": "boolean",
        "is_cut_off": "boolean",
        "src": "bigint",
        "dst": "bigint",
        "rule": "string",
    }
)

_VERTEX_FIELDS = ("identifier_id", "id_key", "id_type", "priority", "is_known", "value_class")


def replay_batches(batches: Iterable[pa.RecordBatch], bounds: Bounds) -> Iterator[pa.RecordBatch]:
    """Replay all groups of a partition.

    Args:
        batches: Rows of the shape `ROWS`, clustered by `group_id`; a group may span batches.
        bounds: What one person may hold.

    Yields:
        Rows of the shape `DECISIONS`: a label for each vertex, and the refusals that hold.
    """
    for rows in whole_groups(batches, by="group_id"):
        labels: dict[str, list[Any]] = {
            name: [] for name in ("identifier_id", "component_id", "is_contested", "is_cut_off")
        }
        refused: dict[str, list[Any]] = {name: [] for name in ("src", "dst", "rule")}
        for vertices, ordered, excluded in _groups(rows, bounds.conflict):
            replayed = admit(vertices, ordered, excluded, bounds)
            disputed, cut = contested(replayed, vertices), cut_off(replayed, vertices)
            labels["identifier_id"] += replayed.labels.keys()
            labels["component_id"] += replayed.labels.values()
            labels["is_contested"] += [number in disputed for number in replayed.labels]
            labels["is_cut_off"] += [number in cut for number in replayed.labels]
            refused["src"] += [refusal.src for refusal in replayed.refused]
            refused["dst"] += [refusal.dst for refusal in replayed.refused]
            refused["rule"] += [refusal.rule for refusal in replayed.refused]
        yield DECISIONS.batch(len(labels["identifier_id"]), {"kind": LABEL, **labels})
        yield DECISIONS.batch(len(refused["rule"]), {"kind": REFUSED, **refused})


def _groups(
    rows: pa.RecordBatch, conflict: Conflict
) -> Iterator[tuple[dict[int, Vertex], Iterator[tuple[int, int, bool]], list[tuple[int, int]]]]:
    """Vertices, edges in admission order and excluded pairs of each group. Vertices are made one group at a time."""
    group_id = rows.column("group_id").to_numpy()
    group = np.append(0, np.cumsum(group_id[1:] != group_id[:-1]))
    row_kind = rows.column("row_kind").to_numpy()
    is_vertex, is_edge, is_excluded = (row_kind == kind for kind in (VERTEX_ROW, EDGE_ROW, EXCLUDE_ROW))
    members, edges = rows.filter(pa.array(is_vertex)), rows.filter(pa.array(is_edge))
    vertices = map(Vertex, *_columns(members, *_VERTEX_FIELDS))
    ordered = _in_order(members, edges, group[is_edge], conflict)
    excluded = zip(*_columns(rows.filter(pa.array(is_excluded)), "src", "dst"), strict=True)
    n_groups = int(group[-1]) + 1
    sizes = [np.bincount(group[is_kind], minlength=n_groups).tolist() for is_kind in (is_vertex, is_edge, is_excluded)]
    for n_vertices, n_edges, n_excluded in zip(*sizes, strict=True):
        by_number = {vertex.identifier_id: vertex for vertex in islice(vertices, n_vertices)}
        yield by_number, islice(ordered, n_edges), list(islice(excluded, n_excluded))


def _in_order(
    members: pa.RecordBatch, edges: pa.RecordBatch, group: NDArray[np.int64], conflict: Conflict
) -> Iterator[tuple[int, int, bool]]:
    """Both ends of each edge and whether it is a manual include, in admission order, group after group."""
    number = members.column("identifier_id").to_numpy()
    by_number = np.argsort(number)
    src, dst = edges.column("src").to_numpy(), edges.column("dst").to_numpy()
    is_include = _flags(edges.column("is_include"))
    moment = "last" if conflict == "latest" else "first"
    at, place = edges.column(f"{moment}_at"), edges.column(f"{moment}_order")
    columns = EdgeColumns(
        group=group,
        src=by_number[np.searchsorted(number, src, sorter=by_number)],
        dst=by_number[np.searchsorted(number, dst, sorter=by_number)],
        priority=edges.column("priority").to_numpy().astype(np.int64),
        is_include=is_include,
        moment=moment_columns(
            at.cast(pa.int64()).fill_null(0).to_numpy(), _keys(place), _flags(at.is_valid()), conflict
        ),
    )
    order = order_edges(columns, _flags(members.column("is_known")), rank_keys(_keys(members.column("id_key"))))
    return zip(*(column[order].tolist() for column in (src, dst, is_include)), strict=True)


def _keys(column: pa.Array[Any]) -> list[bytes]:
    return [key or b"" for key in column.to_pylist()]


def _flags(column: pa.Array[Any]) -> NDArray[np.bool_]:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=bool)


def _columns(rows: pa.RecordBatch, *names: str) -> list[list[Any]]:
    return [rows.column(name).to_pylist() for name in names]
