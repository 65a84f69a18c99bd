"""Connected components on arrays, and as a single Spark task.

Takes pairs of ids and yields one row per id that has an edge: `identifier_id` and `component_id`, the smallest id of
its component.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

LABELS_DDL = "identifier_id bigint, component_id bigint"
_ROWS_PER_BATCH = 1 << 16


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
    yield from batches_of(identifier_id=ids, component_id=labels)


def batches_of(**columns: NDArray[np.generic]) -> Iterator[pa.RecordBatch]:
    """Columns of equal length as batches of a size that Spark likes."""
    n_rows = min(len(values) for values in columns.values())
    for start in range(0, n_rows, _ROWS_PER_BATCH):
        part = slice(start, start + _ROWS_PER_BATCH)
        yield pa.record_batch({name: pa.array(values[part]) for name, values in columns.items()})


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
    n_components, label = label_pieces(len(ids), rows, columns)
    smallest = np.empty(n_components, dtype=np.int64)
    smallest[label[::-1]] = ids[::-1]  # ids ascend: the last write for a label is its smallest id
    return ids, smallest[label]


def label_pieces(
    n_vertices: int, rows: NDArray[np.integer[Any]], columns: NDArray[np.integer[Any]]
) -> tuple[int, NDArray[np.int32]]:
    """How many connected pieces edges between vertices 0 … `n_vertices` - 1 leave, and the piece of each vertex."""
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(n_vertices, n_vertices))
    n_pieces, pieces = connected_components(graph, directed=False)
    return int(n_pieces), pieces
