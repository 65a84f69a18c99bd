"""Rows on their way through Python have one declaration, for Spark and for Arrow."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from oneuser.spark.arrow_batches import plain_values
from oneuser.spark.row_shapes import RowShape

SHAPE = RowShape({"kind": "string", "n": "int", "at": "timestamp", "no": "binary"})


@pytest.mark.parametrize(
    ("spark_type", "arrow_type"),
    [
        ("bigint", pa.int64()),
        ("int", pa.int32()),
        ("boolean", pa.bool_()),
        ("string", pa.string()),
        ("binary", pa.binary()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("array<bigint>", pa.list_(pa.int64())),
        (
            "array<struct<id:bigint,tags:array<struct<a:int,b:string>>,at:timestamp>>",
            pa.list_(
                pa.struct(
                    [
                        ("id", pa.int64()),
                        ("tags", pa.list_(pa.struct([("a", pa.int32()), ("b", pa.string())]))),
                        ("at", pa.timestamp("us", tz="UTC")),
                    ]
                )
            ),
        ),
    ],
)
def test_a_type_of_spark_has_one_of_arrow(spark_type: str, arrow_type: pa.DataType) -> None:
    assert RowShape({"a": spark_type}).arrow == pa.schema([("a", arrow_type)])


def test_a_type_that_rows_cannot_have_is_an_error() -> None:
    with pytest.raises(KeyError):
        _ = RowShape({"a": "interval"}).arrow


def test_columns_keep_their_order() -> None:
    assert SHAPE.columns == ("kind", "n", "at", "no")
    assert SHAPE.ddl == "kind string, n int, at timestamp, no binary"
    assert tuple(SHAPE.arrow.names) == SHAPE.columns


def test_a_batch_is_filled_with_nulls_texts_lists_and_arrays_of_the_types_of_its_shape() -> None:
    batch = SHAPE.batch(2, {"kind": "label", "n": pa.array([1, 2], pa.int64()), "at": [5, None]})

    assert batch.schema == SHAPE.arrow
    assert batch.column("kind").to_pylist() == ["label", "label"]
    assert batch.column("n").to_pylist() == [1, 2]
    assert plain_values(batch.column("at")) == [5, None]
    assert batch.column("no").to_pylist() == [None, None]


def test_a_batch_of_tuples_has_a_value_for_every_column_and_none_of_no_rows() -> None:
    batch, nothing = SHAPE.batch_of([("a", 1, 5, None), (None, None, None, b"x")]), SHAPE.batch_of([])

    assert batch.schema == nothing.schema == SHAPE.arrow
    assert batch.column("n").to_pylist() == [1, None]
    assert batch.column("no").to_pylist() == [None, b"x"]
    assert nothing.num_rows == 0
    with pytest.raises(ValueError, match="zip"):
        SHAPE.batch_of([("a", 1)])


def test_a_shape_travels_to_executors() -> None:
    assert SHAPE.arrow is SHAPE.arrow

    assert pickle.loads(pickle.dumps(SHAPE)) == SHAPE  # noqa: S301 - our own bytes
