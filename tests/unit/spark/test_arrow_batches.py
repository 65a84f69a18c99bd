"""Groups stay whole over batches cut anywhere; batches are filled up to their schema."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pyarrow as pa
import pytest

from oneuser.spark.arrow_batches import filled_batch, plain_values, whole_groups


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


def test_a_batch_is_filled_with_nulls_texts_lists_and_arrays_of_the_schema_s_types() -> None:
    schema = pa.schema(
        [("kind", pa.string()), ("n", pa.int32()), ("at", pa.timestamp("us", tz="UTC")), ("no", pa.binary())]
    )

    batch = filled_batch(schema, 2, {"kind": "label", "n": pa.array([1, 2], pa.int64()), "at": [5, None]})

    assert batch.schema == schema
    assert batch.column("kind").to_pylist() == ["label", "label"]
    assert batch.column("n").to_pylist() == [1, 2]
    assert plain_values(batch.column("at")) == [5, None]
    assert batch.column("no").to_pylist() == [None, None]
