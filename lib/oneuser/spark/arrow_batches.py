"""Arrow batches of rows that belong together in groups: kept whole on the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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


def _joined(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    filled = [batch for batch in batches if batch.num_rows]
    if filled:
        columns = pa.Table.from_batches(filled).combine_chunks().columns
        yield pa.RecordBatch.from_arrays([column.chunk(0) for column in columns], schema=filled[0].schema)  # type: ignore[misc]


def plain_values(column: pa.Array[Any]) -> list[Any]:
    """A column as Python objects; instants as microseconds since 1970 UTC."""
    return (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
