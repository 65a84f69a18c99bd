"""What a table promises: grain, columns, key, zone, subject. Pure declarations, no I/O.

Loads no Spark before a frame is at hand: questions to what is published are answered without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from oneuser.core.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql import types as T

    from oneuser.contracts.subject import Subject

Zone = Literal["raw", "pseudonymous", "control"]
# column of stored rows that say which of the table's files they lie in
DATA_FILE = "data_file"
# and which place it has in it, from 0
DATA_ROW = "data_row"


@dataclass(frozen=True)
class Field:
    """One column: its type in Spark DDL, what it means, and whether it may be null or personal."""

    name: str
    dtype: str
    comment: str
    nullable: bool = False
    personal: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        """Its type as Arrow has it; times are in UTC."""
        return _arrow_type(self.dtype)


@dataclass(frozen=True)
class TableContract:
    """The agreement between the stage that writes a table and those that read it.

    `subject` says whose data a row is: it goes when they are erased. `replaced` tables hold the state of one run,
    written whole or where it has changed; the others only grow. `stamps` are columns that say which run a row comes
    from: a row that differs in nothing else is the same row. `row_bytes` is what a row may take in memory, by which
    those that are few are told from many.
    """

    name: str
    zone: Zone
    grain: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    subject: Subject
    replaced: bool = True
    partition_by: tuple[str, ...] = field(default=())
    stamps: tuple[str, ...] = ()
    row_bytes: int = 250

    @cached_property
    def schema(self) -> T.StructType:
        """The promised schema, comments included."""
        from pyspark.sql import types as T
        from pyspark.sql.pandas.types import from_arrow_type

        return T.StructType(
            [
                T.StructField(f.name, from_arrow_type(f.arrow_type), f.nullable, metadata={"comment": f.comment})
                for f in self.fields
            ]
        )

    @cached_property
    def nullable_schema(self) -> T.StructType:
        """The same as a table has it once it is written, where Delta lets everything be null."""
        from pyspark.sql import types as T

        return T.StructType.fromJson(as_nullable(self.schema.jsonValue()))

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The promised schema as rows have it in this process, comments included; times are in UTC."""
        fields = [pa.field(f.name, f.arrow_type, f.nullable, {"comment": f.comment}) for f in self.fields]
        return pa.schema(fields)

    @property
    def columns(self) -> list[str]:
        """Names of the promised columns, in order."""
        return [f.name for f in self.fields]

    @property
    def personal_columns(self) -> tuple[str, ...]:
        """Columns that may hold personal data as it was received."""
        return tuple(f.name for f in self.fields if f.personal)

    def conform(self, rows: DataFrame) -> DataFrame:
        """Keep exactly the promised columns, in order. Reads the plan, runs no job.

        Raises:
            ContractError: naming every missing or mistyped column at once.
        """
        self._check(rows)
        # each step is analysed by itself; most rows have just these columns already
        return rows if rows.columns == self.columns else rows.select(*self.columns)

    def filled(self, rows: DataFrame) -> DataFrame:
        """Stored rows with the columns that are `absent`, as nulls."""
        from pyspark.sql import functions as F

        absent = self.absent(rows.columns)
        nulls = {f.name: F.lit(None).cast(f.dtype) for f in self.fields if f.name in absent}
        return rows.withColumns(nulls) if nulls else rows

    def absent(self, stored: Collection[str]) -> set[str]:
        """Columns that may be null, and that rows lack which an earlier version of oneuser has written.

        Of control tables none: runs decide by them, and must not take what was never asked for an answer.
        """
        return set() if self.zone == "control" else {f.name for f in self.fields if f.nullable} - set(stored)

    def _check(self, rows: DataFrame) -> None:
        actual = {f.name: f.dataType.simpleString() for f in rows.schema}
        promised = {f.name: f.dataType.simpleString() for f in self.schema}
        problems = [
            f"{name} is missing" if name not in actual else f"{name} is {actual[name]}, expected {dtype}"
            for name, dtype in promised.items()
            if actual.get(name) != dtype
        ]
        if problems:
            raise ContractError(self.name, problems)

    def described(self, rows: DataFrame) -> DataFrame:
        """The conformed rows with each column's comment attached, for the writer."""
        from pyspark.sql import functions as F

        self._check(rows)
        return rows.select(*[F.col(f.name).alias(f.name, metadata={"comment": f.comment}) for f in self.fields])

    @property
    def required(self) -> list[str]:
        """Names of the columns that are never null."""
        return [f.name for f in self.fields if not f.nullable]

    def is_incomplete(self, row: str | None = None) -> Column:
        """Whether a row lacks a required value; `row` names the struct that it is in, null where it is none."""
        from pyspark.sql import functions as F

        prefix = f"{row}." if row else ""
        missing = [F.col(f"{prefix}{name}").isNull() for name in self.required]
        return reduce(lambda one, other: one | other, missing, F.lit(False))

    def differences(self, before: DataFrame, after: DataFrame) -> DataFrame:
        """What turns some rows of the table into others: one row per key that is not the same in both, but for stamps.

        Args:
            before: Rows of the table, with or without `data_file` and `data_row`.
            after: Rows of the table, which take their place.

        Returns:
            `change` (inserted, updated or deleted), and the whole rows `before` and `after` as structs, null where
            there is none; `data_file` and `data_row` of the former where they say it.
        """
        from pyspark.sql import functions as F

        located = [name for name in (DATA_FILE, DATA_ROW) if name in before.columns]
        sides = []
        for name, rows, more in (("before", before, located), ("after", after, [])):
            self._check(rows)
            key = [F.col(k).alias(f"{name}_{k}") for k in self.key]
            sides.append(rows.select(F.struct(*self.columns).alias(name), *key, *more))
        was, now = F.col("before").isNotNull(), F.col("after").isNotNull()
        change = F.when(~was, "inserted").when(~now, "deleted").otherwise("updated")
        both = sides[0].join(sides[1], on=self.has_same_key("before_", "after_"), how="full")
        is_same = reduce(
            lambda one, other: one & other, [self._is_same(f) for f in self.fields if f.name not in self.stamps]
        )
        return both.where(~(was & now & is_same)).select(change.alias("change"), "before", "after", *located)

    def changed(self, stored: DataFrame, differences: DataFrame) -> DataFrame:
        """Rows of the table after `differences`, which were found among those that are `stored`."""
        from pyspark.sql import functions as F

        gone = differences.where(F.col("before").isNotNull()).select(
            *[F.col("before")[name].alias(f"gone_{name}") for name in self.key]
        )
        come = differences.where(F.col("after").isNotNull()).select("after.*")
        return stored.join(gone, on=self.has_same_key("", "gone_"), how="left_anti").unionByName(come)

    def has_same_key(self, one: str, other: str) -> Column:
        """Whether two rows are of one key; `one` and `other` stand before the names of their columns.

        Nulls are compared where the key may have any: Spark finds rows sooner by what is never null.
        """
        from pyspark.sql import functions as F

        def is_same(name: str) -> Column:
            left, right = F.col(f"{one}{name}"), F.col(f"{other}{name}")
            return left == right if name in self.required else left.eqNullSafe(right)

        return reduce(lambda first, second: first & second, map(is_same, self.key))

    @staticmethod
    def _is_same(one: Field) -> Column:
        from pyspark.sql import functions as F

        before, after = F.col(f"before.{one.name}"), F.col(f"after.{one.name}")
        if one.dtype.startswith("map<"):
            # maps cannot be compared, their entries can
            before, after = (F.array_sort(F.map_entries(side)) for side in (before, after))
        return before.eqNullSafe(after)

    def frame(self, spark: SparkSession, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
        """A frame of a few rows that are at hand: columns by name, absent ones null.

        They stand in the plan itself, where Spark sees how many they are: what joins with none is gone before it runs.
        """
        columns = [pa.array([_for_arrow(row.get(f.name)) for row in rows], f.type) for f in self.arrow_schema]
        return spark.createDataFrame(pa.Table.from_arrays(columns, schema=self.arrow_schema), self.schema)

    def empty(self, spark: SparkSession) -> DataFrame:
        """A frame of this shape without rows."""
        return self.frame(spark, [])


def as_nullable(part: Any) -> Any:
    """A schema of Spark's in JSON, or a part of it, in which everything may be null."""
    if isinstance(part, list):
        return [as_nullable(one) for one in part]
    if not isinstance(part, dict):
        return part
    flags = ("nullable", "containsNull", "valueContainsNull")
    return {name: True if name in flags else as_nullable(value) for name, value in part.items()}


def _for_arrow(value: Any) -> Any:
    """A value as Arrow takes it: a map is a list of pairs, a time has its zone."""
    if isinstance(value, dict):
        return list(value.items())
    # Spark hands out times in this machine's zone, without saying so
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _arrow_type(ddl: str) -> pa.DataType:
    """Parse a type in Spark DDL without a session (`StructType.fromDDL` would need one)."""
    parsed, rest = _parse_type(ddl.replace(" ", ""))
    if rest:
        message = f"not a column type: {ddl!r}"
        raise ValueError(message)
    return parsed


_ATOMS: dict[str, pa.DataType] = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "binary": pa.binary(),
}


def _parse_type(text: str) -> tuple[pa.DataType, str]:
    """One type off the front of `text`, and what is left of it."""
    stop = next((i for i, char in enumerate(text) if char in "<>,("), len(text))
    head, rest = text[:stop], text[stop:]
    if head in _ATOMS:
        return _ATOMS[head], rest
    if head == "decimal":
        numbers, rest = rest[1:].split(")", 1)
        precision, scale = numbers.split(",")
        return pa.decimal128(int(precision), int(scale)), rest
    if head == "array":
        element, rest = _parse_type(rest[1:])
        return pa.list_(pa.field("element", element, nullable=False)), rest[1:]
    if head == "map":
        key, rest = _parse_type(rest[1:])
        value, rest = _parse_type(rest[1:])
        return pa.map_(key, value), rest[1:]
    if head == "struct":
        members: list[pa.Field[Any]] = []
        while rest[0] in "<,":
            name, rest = rest[1:].split(":", 1)
            dtype, rest = _parse_type(rest)
            members.append(pa.field(name, dtype))
        return pa.struct(members), rest[1:]
    message = f"not a column type: {text!r}"
    raise ValueError(message)
