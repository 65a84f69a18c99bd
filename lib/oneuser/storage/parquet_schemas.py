"""What the footers of Parquet files say, and how each of their columns is to be read.

Columns are judged one by one with Spark's own converter of schemas, so that one that Spark does not take concerns
nobody who does not ask for it. Times in nanoseconds are read as whole numbers and cut to microseconds.

Looks at footers only, without the part on row groups. What grows: one opened file for each file, several at a time;
one look at each column of each schema that differs from all others.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.core.column_names import is_value
from oneuser.spark.failures import JAVA_PROBLEMS, raise_if_surroundings
from oneuser.spark.session import session_beside
from oneuser.storage.input_bytes import InputBytes, of_each
from oneuser.storage.parquet_names import is_named, parts_of, paths_of_values, without_values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pyspark.sql import Column, SparkSession

    from oneuser.storage.input_listing import InputFile

# Names as they are written, types as the file has them, whatever the session that is running says of either.
_READING = {
    "spark.sql.caseSensitive": "true",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.parquet.binaryAsString": "false",
    "spark.sql.parquet.int96AsTimestamp": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.fieldId.read.enabled": "false",
    "spark.sql.timeType.enabled": "true",
}
_NANOS = "TIMESTAMP(NANOS,"
_IN_UTC = "true)"


@dataclass(frozen=True)
class ParquetColumn:
    """A column of a file: the type in which it is read, and the one that it is given on in."""

    name: str
    read_as: T.DataType
    given_as: T.DataType

    def value(self) -> Column:
        """The column of a frame that was read, in the type that it is given on in."""
        quoted = self.name.replace("`", "``")
        return _given(F.col(f"`{quoted}`"), self.read_as, self.given_as)


@dataclass(frozen=True)
class ParquetSchema:
    """What a file has, in the order of names: columns that can be read, and the types of those that cannot."""

    columns: tuple[ParquetColumn, ...]
    unreadable: tuple[tuple[str, str], ...]

    @property
    def read_schema(self) -> T.StructType:
        """What Spark is asked for."""
        return T.StructType([T.StructField(column.name, column.read_as) for column in self.columns])

    def chosen(self, needed: Collection[str]) -> ParquetSchema:
        """The schema with one column for names that differ in case only: the needed one, or else the first.

        Spark plans a job by the rules of one session, and by those of the user's it would not tell them apart. Names
        stand in its plans, so that a column or a part of one whose name is rather a value is left out unless needed.
        """
        taken: dict[str, str] = {}
        columns: list[ParquetColumn] = []
        unreadable = list(self.unreadable)
        for column in sorted(self.columns, key=lambda one: (one.name not in needed, one.name)):
            first = taken.setdefault(column.name.lower(), column.name)
            read_as = without_values(column.read_as, column.name, needed)
            given_as = without_values(column.given_as, column.name, needed)
            if is_value(column.name) and not is_named(column.name, needed):
                unreadable.append((column.name, "named like a value"))
            elif read_as is None or given_as is None:
                unreadable.append((column.name, "a group whose parts are all named like values"))
            elif first == column.name:
                columns.append(ParquetColumn(column.name, read_as, given_as))
            else:
                unreadable.append((column.name, f"beside {first}, which differs in case only"))
        return ParquetSchema(tuple(sorted(columns, key=lambda one: one.name)), tuple(sorted(unreadable)))

    def withheld(self, needed: Collection[str]) -> set[str]:
        """Paths of the columns, and parts of columns, that are left out for their names. To be counted, never shown."""
        columns = [T.StructField(column.name, column.read_as) for column in self.columns]
        return set(paths_of_values(columns, "", needed))

    def problem(self, needed: Collection[str]) -> str | None:
        """What is wrong with the first column that is needed and cannot be read; null where all can.

        A column is needed, too, whose name differs in case from a needed one that the file does not have.
        """
        names = {column.name for column in self.columns} | {name for name, _ in self.unreadable}
        folded = {name.lower() for name in needed if name not in names}
        for name, kind in self.unreadable:
            if name in needed or name.lower() in folded:
                return (
                    f"column {name} is {kind}; expected one column of a type that Spark reads: text, a number, a time"
                )
        return None


class ParquetSchemas:
    """Schemas of the files of a run. What was found is remembered, and each schema that differs is judged once."""

    def __init__(self, spark: SparkSession) -> None:
        jvm: Any = spark._jvm  # noqa: SLF001 - Parquet is reached through the JVM
        # found once: a name that leads through packages is looked for in every JAR, part by part
        parquet, sql = jvm.org.apache.parquet, jvm.org.apache.spark.sql.execution.datasources.parquet
        self._options = parquet.HadoopReadOptions.builder
        self._source, self._reader = parquet.hadoop.util.HadoopInputFile.fromPath, parquet.hadoop.ParquetFileReader.open
        self._without_rows = parquet.format.converter.ParquetMetadataConverter.SKIP_ROW_GROUPS
        self._message, self._list = parquet.schema.MessageType, jvm.java.util.List.of
        self._converter = sql.ParquetToSparkSchemaConverter
        self._spark = spark
        self._content = InputBytes(spark)
        self._session: SparkSession | None = None
        self._texts: dict[InputFile, str | None] = {}
        self._messages: dict[str, tuple[str, Any]] = {}
        self._schemas: dict[str, ParquetSchema] = {}

    @property
    def session(self) -> SparkSession:
        """A session of our own in which these files are read: only there their schemas mean what they say here."""
        if self._session is None:
            self._session = session_beside(self._spark)
            for key, value in _READING.items():
                self._session.conf.set(key, value)
        return self._session

    def of(self, files: Sequence[InputFile]) -> dict[InputFile, ParquetSchema | None]:
        """The schema of each file; null for one without a footer that can be read."""
        new = [file for file in files if file not in self._texts]
        # of files that share a schema, its text is kept once
        self._texts |= dict(zip(new, of_each(self._spark, new, self._text), strict=True))
        return {file: None if (text := self._texts[file]) is None else self._schema(text) for file in files}

    def n_withheld(self, files: Sequence[InputFile], needed: Collection[str]) -> int:
        """How many columns of files, and parts of them, are left out for their names."""
        schemas = {schema for schema in self.of(files).values() if schema is not None}
        return len({path for schema in schemas for path in schema.withheld(needed)})

    def _text(self, file: InputFile) -> str | None:
        conf = self._content.conf(file)
        try:
            options = self._options(conf).withMetadataFilter(self._without_rows).build()
            reader = self._reader(self._source(self._content.path(file.path), conf), options)
            try:
                message = reader.getFooter().getFileMetaData().getSchema()
            finally:
                reader.close()
        except JAVA_PROBLEMS as problem:
            raise_if_surroundings(problem, where=file.path)
            return None
        text = str(message.toString())
        return self._messages.setdefault(text, (text, message))[0]

    def _schema(self, text: str) -> ParquetSchema:
        if text not in self._schemas:
            self._schemas[text] = self._judged(self._messages[text][1])
        return self._schemas[text]

    def _judged(self, message: Any) -> ParquetSchema:
        """Each column on its own."""
        fields = list(message.getFields())
        counted = Counter(str(field.getName()) for field in fields)
        columns: list[ParquetColumn] = []
        unreadable: dict[str, str] = {}
        for field in fields:
            name = str(field.getName())
            if counted[name] > 1:
                unreadable[name] = f"there {counted[name]} times"
                continue
            column = self._column(name, field)
            if column is None:
                unreadable[name] = " ".join(str(field.toString()).split())
            else:
                columns.append(column)
        return ParquetSchema(tuple(sorted(columns, key=lambda one: one.name)), tuple(sorted(unreadable.items())))

    def _column(self, name: str, field: Any) -> ParquetColumn | None:
        alone = self._message("alone", self._list(field))
        conf: Any = self.session._jsparkSession.sessionState().conf()  # noqa: SLF001
        try:
            converted = self._converter(conf).convert(alone).json()
        except JAVA_PROBLEMS:
            return None
        read_as = T.StructType.fromJson(json.loads(str(converted)))[0].dataType
        kinds = [_annotation(column.getPrimitiveType()) for column in alone.getColumns()]
        if _NANOS not in "".join(kinds) or len(kinds) != _n_leaves(read_as):
            kinds = [""] * _n_leaves(read_as)
        return ParquetColumn(name, read_as, _given_type(read_as, iter(kinds)))


def _annotation(primitive: Any) -> str:
    annotation = primitive.getLogicalTypeAnnotation()
    return "" if annotation is None else str(annotation.toString())


def _n_leaves(kind: T.DataType) -> int:
    return sum(map(_n_leaves, parts_of(kind))) if parts_of(kind) else 1


def _given_type(kind: T.DataType, leaves: Iterator[str]) -> T.DataType:
    """A type with times in the place of nanoseconds. Leaves come in the order in which both formats write them."""
    if isinstance(kind, T.StructType):
        return T.StructType([T.StructField(part.name, _given_type(part.dataType, leaves)) for part in kind])
    if isinstance(kind, T.MapType):
        key = _given_type(kind.keyType, leaves)
        return T.MapType(key, _given_type(kind.valueType, leaves))
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(_given_type(kind.elementType, leaves))
    annotation = next(leaves)
    if annotation.startswith(_NANOS):
        return T.TimestampType() if annotation.endswith(_IN_UTC) else T.TimestampNTZType()
    # what Arrow batches do not take
    return T.StringType() if kind.simpleString().startswith(("time(", "interval", "variant")) else kind


def _given(value: Column, read: T.DataType, given: T.DataType) -> Column:
    """A value of one type in the other one; null stays null."""
    if read == given:
        return value
    if isinstance(read, T.StructType) and isinstance(given, T.StructType):
        parts = zip(read, given, strict=True)
        inner = [_given(value.getField(one.name), one.dataType, to.dataType).alias(one.name) for one, to in parts]
        return F.when(value.isNotNull(), F.struct(*inner))
    if isinstance(read, T.ArrayType) and isinstance(given, T.ArrayType):
        element, to = read.elementType, given.elementType
        return F.transform(value, lambda one: _given(one, element, to))
    if isinstance(read, T.MapType) and isinstance(given, T.MapType):
        keys, values = (read.keyType, given.keyType), (read.valueType, given.valueType)
        return F.map_from_entries(
            F.transform(
                F.map_entries(value),
                lambda one: F.struct(_given(one["key"], *keys), _given(one["value"], *values)),
            )
        )
    if isinstance(given, T.StringType):
        return value.cast(given)
    micros = F.call_function("div", value, F.lit(1000))
    # cut, as of text: towards the past, before 1970 too
    cut = F.timestamp_micros(F.when(value % 1000 < 0, micros - 1).otherwise(micros))
    return cut if isinstance(given, T.TimestampType) else cut.cast(given)
