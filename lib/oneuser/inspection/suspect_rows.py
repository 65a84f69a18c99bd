"""Suspects over Arrow batches, one call per partition, and the shapes of the rows that go there and back.

Rows to look at: identifiers, edges and messages of a component, told apart by `row_kind`; a column that a kind of row
lacks is null. Found rows: one per suspect.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from oneuser.graph.articulation_points import find_suspects
from oneuser.spark.arrow_batches import plain_values, whole_groups
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MEMBER_ROW, EDGE_ROW, MESSAGE_ROW = 0, 1, 2
SORTED_BY = ("component_id", "row_kind")
ROWS = RowShape(
    {
        "component_id": "bigint",
        "row_kind": "int",
        "identifier_id": "bigint",
        "is_known": "boolean",
        "src": "bigint",
        "dst": "bigint",
        "observed": "array<bigint>",
    }
)
FOUND = RowShape(
    {
        "component_id": "bigint",
        "identifier_id": "bigint",
        "n_people": "int",
        "n_parts": "int",
        "n_parted": "bigint",
        "part_sizes": "array<bigint>",
    }
)
# a value that thousands of people share leaves thousands of parts
SIZES_SHOWN = 10


def find_in_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The suspects of all components of a partition.

    Args:
        batches: Rows of the shape `ROWS`, sorted by `SORTED_BY`; a component may span batches.

    Yields:
        Rows of the shape `FOUND`. `n_parted` counts the identifiers outside the largest part; `part_sizes` has the
        largest parts alone.
    """
    for rows in whole_groups(batches, by="component_id"):
        component = rows.column("component_id").to_numpy()
        starts = np.flatnonzero(np.append(True, component[1:] != component[:-1]))
        found: dict[str, list[Any]] = {name: [] for name in FOUND.columns}
        bounds = [*starts.tolist(), rows.num_rows]
        for start, end in pairwise(bounds):
            for suspect in find_suspects(*_component(rows.slice(start, end - start))):
                sizes = suspect.part_sizes
                found["component_id"].append(int(component[start]))
                found["identifier_id"].append(suspect.identifier_id)
                found["n_people"].append(suspect.n_people)
                found["n_parts"].append(len(sizes))
                found["n_parted"].append(sum(sizes[1:]))
                found["part_sizes"].append(list(sizes[:SIZES_SHOWN]))
        yield FOUND.batch(len(found["identifier_id"]), found)


def _component(rows: pa.RecordBatch) -> tuple[dict[int, bool], list[tuple[int, int]], list[list[int]]]:
    kind = rows.column("row_kind").to_numpy()
    members, edges, messages = (rows.filter(pa.array(kind == one)) for one in (MEMBER_ROW, EDGE_ROW, MESSAGE_ROW))
    known = zip(plain_values(members.column("identifier_id")), plain_values(members.column("is_known")), strict=True)
    pairs = zip(plain_values(edges.column("src")), plain_values(edges.column("dst")), strict=True)
    return dict(known), list(pairs), plain_values(messages.column("observed"))
