"""Shapes of rows that go through Python: one declaration of columns for Spark and for Arrow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyspark.sql import DataFrame

# What is said about a row of a table, beside its columns: its file, its text where it does not fit the header, and
# whether it is not in the encoding of its file. No column of a file is called so; some are called `_file`.
FILE, CORRUPT, UNDECODED = "oneuser:file", "oneuser:corrupt", "oneuser:undecoded"
ABOUT_ROWS = frozenset([FILE, CORRUPT, UNDECODED])

_TYPES: dict[str, pa.DataType] = {
    "bigint": pa.int64(),
    "binary": pa.binary(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "int": pa.int32(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class RowShape:
    """Columns of rows on their way into Python on executors, or out of it.

    Attributes:
        types: Spark's type, as DDL writes it, by column and in order: bigint, binary, boolean, double, int, string,
            timestamp, and arrays and structs of these.
    """

    types: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(self.types)

    @property
    def ddl(self) -> str:
        """The schema as `mapInArrow` and `createDataFrame` take it."""
        return ", ".join(f"{name} {spark_type}" for name, spark_type in self.types.items())

    @cached_property
    def arrow(self) -> pa.Schema:
        """The schema of the Arrow batches that Spark gives and takes."""
        return pa.schema([(name, _arrow_type(spark_type)) for name, spark_type in self.types.items()])

    def select(self, rows: DataFrame) -> DataFrame:
        """Rows in this shape: null in every column that they lack, as where rows of several kinds share one shape."""
        from pyspark.sql import functions as F

        present = set(rows.columns)
        return rows.select(
            *[
                F.col(name) if name in present else F.lit(None).cast(spark_type).alias(name)
                for name, spark_type in self.types.items()
            ]
        )

    def batch(self, n_rows: int, columns: Mapping[str, Any]) -> pa.RecordBatch:
        """A batch of some columns: Arrow arrays, lists, or one text for all rows. Other columns are null."""
        arrays = []
        for field in self.arrow:
            values = columns.get(field.name)
            if values is None or isinstance(values, str):
                arrays.append(pa.repeat(pa.scalar(values, field.type), n_rows))
            elif isinstance(values, pa.Array):
                arrays.append(values if values.type == field.type else values.cast(field.type))
            else:
                arrays.append(pa.array(values, field.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow)

    def batch_of(self, rows: Iterable[tuple[Any, ...]]) -> pa.RecordBatch:
        """A batch of rows as tuples, each with a value for every column; an empty one of no rows."""
        values = list(zip(*rows, strict=True)) or [()] * len(self.types)
        arrays = [pa.array(column, field.type) for column, field in zip(values, self.arrow, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow)


def _arrow_type(spark_type: str) -> pa.DataType:
    """What Spark makes of a type on the way to Arrow."""
    if spark_type.startswith("array<"):
        return pa.list_(_arrow_type(spark_type.removeprefix("array<").removesuffix(">")))
    if spark_type.startswith("struct<"):
        parts = (part.split(":", 1) for part in _split(spark_type.removeprefix("struct<").removesuffix(">")))
        return pa.struct([pa.field(name.strip(), _arrow_type(inner.strip())) for name, inner in parts])
    return _TYPES[spark_type]


def _split(fields: str) -> list[str]:
    """The fields of a struct: the parts between commas that are in no inner type."""
    parts, depth = [""], 0
    for char in fields:
        depth += (char == "<") - (char == ">")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts
