"""Constrained replay over Arrow batches, one call per partition, and the shapes of the rows that go there and back.

Rows to replay: vertices, edges and excluded pairs of a replay group, told apart by `row_kind`; a column that a kind of
row lacks is null. A time may stand without a message key: no message asserts that edge, and it comes before those of
the same time that one does.

Decided rows: `kind` says what a row is, a label for each identifier or a refused edge; the columns of the other kind
are null.
"""

from __future__ import annotations

from itertools import islice, repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from oneuser.core.arrow_batches import filled_batch, plain_values, whole_groups
from oneuser.graph.replay import Evidence, Moment, Vertex, contested, cut_off, replay

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from oneuser.graph.replay import Bounds

VERTEX_ROW, EDGE_ROW, EXCLUDE_ROW = 0, 1, 2
LABEL, REFUSED = "label", "refused"

INSTANT: pa.DataType = pa.timestamp("us", tz="UTC")

_ROW_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("group_id", pa.int64()),
    ("row_kind", pa.int32()),
    ("identifier_id", pa.int64()),
    ("id_key", pa.binary()),
    ("id_type", pa.string()),
    ("priority", pa.int32()),
    ("is_known", pa.bool_()),
    ("value_class", pa.int64()),
    ("src", pa.int64()),
    ("dst", pa.int64()),
    ("first_at", INSTANT),
    ("first_key", pa.binary()),
    ("last_at", INSTANT),
    ("last_key", pa.binary()),
    ("is_include", pa.bool_()),
]
ROWS = pa.schema(_ROW_COLUMNS)
ROW_TYPES = {
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
    "first_key": "binary",
    "last_at": "timestamp",
    "last_key": "binary",
    "is_include": "boolean",
}

_DECISION_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("kind", pa.string()),
    ("identifier_id", pa.int64()),
    ("component_id", pa.int64()),
    ("is_contested", pa.bool_()),
    ("is_cut_off", pa.bool_()),
    ("src", pa.int64()),
    ("dst", pa.int64()),
    ("rule", pa.string()),
]
DECISIONS = pa.schema(_DECISION_COLUMNS)
DECISIONS_DDL = (
    "kind string, identifier_id bigint, component_id bigint, is_contested boolean, is_cut_off boolean, "
    "src bigint, dst bigint, rule string"
)


def replay_batches(batches: Iterable[pa.RecordBatch], bounds: Bounds) -> Iterator[pa.RecordBatch]:
    """Replay all groups of a partition.

    Args:
        batches: Rows of the shape `ROWS`, clustered by `group_id`; a group may span batches.
        bounds: What one person may hold.

    Yields:
        Rows of the shape `DECISIONS`: a label for each vertex, and the refusals that stand.
    """
    for rows in whole_groups(batches, by="group_id"):
        labels: dict[str, list[Any]] = {
            name: [] for name in ("identifier_id", "component_id", "is_contested", "is_cut_off")
        }
        refused: dict[str, list[Any]] = {name: [] for name in ("src", "dst", "rule")}
        for vertices, evidence, excluded in _groups(rows, bounds):
            replayed = replay(vertices.values(), evidence, excluded, bounds)
            disputed, cut = contested(replayed, vertices), cut_off(replayed, vertices)
            labels["identifier_id"] += replayed.labels.keys()
            labels["component_id"] += replayed.labels.values()
            labels["is_contested"] += [number in disputed for number in replayed.labels]
            labels["is_cut_off"] += [number in cut for number in replayed.labels]
            refused["src"] += [refusal.src for refusal in replayed.refused]
            refused["dst"] += [refusal.dst for refusal in replayed.refused]
            refused["rule"] += [refusal.rule for refusal in replayed.refused]
        yield filled_batch(DECISIONS, len(labels["identifier_id"]), {"kind": LABEL, **labels})
        yield filled_batch(DECISIONS, len(refused["rule"]), {"kind": REFUSED, **refused})


def _groups(
    rows: pa.RecordBatch, bounds: Bounds
) -> Iterator[tuple[dict[int, Vertex], Iterator[Evidence], list[tuple[int, int]]]]:
    """Vertices, evidence and excluded pairs of each group; objects are made for one group at a time."""
    group, kind = rows.column("group_id").to_numpy(), rows.column("row_kind").to_numpy()
    number = np.append(0, np.cumsum(group[1:] != group[:-1]))
    kinds = (VERTEX_ROW, EDGE_ROW, EXCLUDE_ROW)
    sizes = [np.bincount(number[kind == one], minlength=int(number[-1]) + 1).tolist() for one in kinds]
    vertex_rows, edge_rows, exclude_rows = (rows.filter(pa.array(kind == one)) for one in kinds)
    vertices = map(
        Vertex, *_columns(vertex_rows, "identifier_id", "id_key", "id_type", "priority", "is_known", "value_class")
    )
    evidence = _evidence(edge_rows, bounds)
    excluded = zip(*_columns(exclude_rows, "src", "dst"), strict=True)
    for n_vertices, n_edges, n_excluded in zip(*sizes, strict=True):
        members = {vertex.identifier_id: vertex for vertex in islice(vertices, n_vertices)}
        yield members, islice(evidence, n_edges), list(islice(excluded, n_excluded))


def _evidence(rows: pa.RecordBatch, bounds: Bounds) -> Iterator[Evidence]:
    # the admission order looks at one of the two moments; the other would be memory for nothing
    is_latest = bounds.conflict == "latest"
    first: Iterable[Moment | None] = repeat(None) if is_latest else _moments(*_columns(rows, "first_at", "first_key"))
    last: Iterable[Moment | None] = _moments(*_columns(rows, "last_at", "last_key")) if is_latest else repeat(None)
    src, dst, priority, is_include = _columns(rows, "src", "dst", "priority", "is_include")
    return map(Evidence, src, dst, priority, first, last, is_include)


def _moments(times: Sequence[int | None], keys: Sequence[bytes | None]) -> Iterator[Moment | None]:
    return (None if at is None else (at, key or b"") for at, key in zip(times, keys, strict=True))


def _columns(rows: pa.RecordBatch, *names: str) -> list[list[Any]]:
    return [plain_values(rows.column(name)) for name in names]
