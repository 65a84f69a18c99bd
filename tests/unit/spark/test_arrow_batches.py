"""Groups stay whole over batches cut anywhere."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pyarrow as pa
import pytest

from oneuser.spark.arrow_batches import whole_groups


def batches_of(*parts: list[int]) -> list[pa.RecordBatch]:
    groups = pa.array([group for part in parts for group in part], pa.int64())
    whole = pa.record_batch({"group": groups, "row": pa.array(range(len(groups)), pa.int64())})
    return [
        whole.slice(stop - len(part), len(part)) for part, stop in zip(parts, accumulate(map(len, parts)), strict=True)
    ]


@pytest.mark.parametrize(
    "parts",
    [
        [[1], [1, 2], [2, 2], [], [2], [2, 2, 3]],
        [[1, 1, 2], [3, 3], [3], [4]],
        [[9, 9, 2], [2, 7], [7, 7, 1]],  # clustered, in no order
        [[5]],
        [[], [5, 5], []],
    ],
)
def test_a_group_longer_than_several_batches_is_kept_whole(parts: list[list[int]]) -> None:
    found = list(whole_groups(batches_of(*parts), by="group"))

    groups = [batch.column("group").to_pylist() for batch in found]
    assert [row for batch in found for row in batch.column("row").to_pylist()] == list(range(sum(map(len, parts))))
    assert [group for part in groups for group in part] == [group for part in parts for group in part]
    assert all(groups)
    assert all(set(one).isdisjoint(other) for one, other in pairwise(groups))


def test_no_rows_are_no_groups() -> None:
    assert list(whole_groups([], by="group")) == []
    assert list(whole_groups(batches_of([], []), by="group")) == []
