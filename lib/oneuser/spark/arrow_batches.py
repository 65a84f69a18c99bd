"""Arrow batches: of rows that belong together in groups, kept whole on the way in; of frames, on the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import DataFrame

_BATCH_DDL = "batch binary"


def whole_groups(batches: Iterable[pa.RecordBatch], *, by: str) -> Iterator[pa.RecordBatch]:
    """The same rows cut between groups: what a batch ends with waits for the batches that go on with it.

    Args:
        batches: Rows clustered by the column `by`.
        by: An integer column without nulls.
    """
    pending: list[pa.RecordBatch] = []
    last: int | None = None
    for batch in batches:
        if batch.num_rows == 0:
            continue
        group = batch.column(by).to_numpy()
        if group[0] == group[-1] == last:
            pending.append(batch)
            continue
        ends = np.flatnonzero(group[1:] != group[:-1]) + 1
        cut = int(ends[-1]) if len(ends) else 0
        yield from _joined([*pending, batch.slice(0, cut)])
        pending, last = [batch.slice(cut)], int(group[-1])
    yield from _joined(pending)


def stream_batches(rows: DataFrame) -> Iterator[pa.RecordBatch]:
    """The rows of a frame, one partition after the other: memory grows with the largest, never with the frame.

    Each batch travels as the bytes of one row, which spares turning values into objects.
    """
    for row in rows.mapInArrow(_pack, _BATCH_DDL).toLocalIterator():
        with pa.ipc.open_stream(bytes(row["batch"])) as stream:
            yield from stream


def _pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        buffer = pa.BufferOutputStream()
        with pa.ipc.new_stream(buffer, batch.schema) as stream:
            stream.write_batch(batch)
        yield pa.RecordBatch.from_arrays([pa.array([buffer.getvalue().to_pybytes()], pa.binary())], names=["batch"])


def _joined(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    filled = [batch for batch in batches if batch.num_rows]
    if filled:
        columns = pa.Table.from_batches(filled).combine_chunks().columns
        yield pa.RecordBatch.from_arrays([column.chunk(0) for column in columns], schema=filled[0].schema)  # type: ignore[misc]


def plain_values(column: pa.Array[Any]) -> list[Any]:
    """A column as Python objects; instants as microseconds since 1970 UTC."""
    return (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
