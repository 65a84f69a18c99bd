"""Reference inputs: snapshots that other systems write into files, such as accounts or links.

A snapshot says what holds now: a record that is gone from its files is withdrawn. So a file of it that is damaged stops
the run instead of being left out, while a single record that is wrong is refused with a code and the others count.

Yields  one row per record: `file`, `record` (its text), `code` and `detail` (null for a good one), and one column of
        text for each that the reference declares, trimmed; empty texts and `NULL` are null
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.config.dialects import Dialect
from oneuser.core.column_names import shown_names
from oneuser.core.errors import ConfigError, GateError
from oneuser.core.reasons import Reason
from oneuser.spark.failures import raise_if_surroundings
from oneuser.spark.refused_records import refuse
from oneuser.spark.row_shapes import ABOUT_ROWS, CORRUPT, FILE, UNDECODED
from oneuser.storage.delimited import read_delimited
from oneuser.storage.input_listing import list_files
from oneuser.storage.inputs import find_broken, find_unreadable, read_lines, read_parquet
from oneuser.storage.json_records import LIST_SEPARATOR, parse_json_records
from oneuser.storage.parquet_schemas import ParquetSchemas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import Column, SparkSession

    from oneuser.storage.input_listing import InputFile
    from oneuser.storage.inputs import RefusedFile

_NO_VALUE = ("", "NULL", "null", "\\N")
_OUTER_SPACE = r"^[\s\u00a0\ufeff]+|[\s\u00a0\ufeff]+\z"
# U+FFFD, control, zero-width and bidirectional characters
_HIDDEN = r"[\ufffd\p{Cc}\p{Cf}]"


@dataclass(frozen=True)
class Reference:
    """One reference input.

    Attributes:
        name: Its key in the configuration, such as `accounts.files.parents`; metrics and errors call it by that.
        path: Files, wildcards allowed.
        format: csv, tsv, jsonl or parquet.
        columns: What each of our columns is called in the files.
        required: Our columns without which a record says nothing.
        optional: Our columns that the files need not have.
        lists: Our columns that may hold several values; they come joined by `LIST_SEPARATOR`.
        dialect: How csv and tsv files are written.
    """

    name: str
    path: str
    format: str
    columns: Mapping[str, str]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def needed(self) -> frozenset[str]:
        """What the columns are called that are read of its files."""
        return frozenset(self.columns.values())


def list_reference(spark: SparkSession, reference: Reference) -> list[InputFile]:
    """The files of a reference input, in order.

    Raises:
        EnvironmentProblem: where there is none: a snapshot that is missing is not one that is empty.
    """
    return list_files(spark, reference.name, reference.path, key=f"{reference.name}.path")


def read_reference(
    spark: SparkSession, reference: Reference, files: Sequence[InputFile], schemas: ParquetSchemas
) -> DataFrame:
    """The records of a snapshot, each with what is wrong with its form.

    Looks at heads, with `schemas` at the ends of Parquet files, and through the CSV files that are large enough to be
    read in pieces; runs no other job over rows.

    Codes: `reference.syntax` for what is no record at all, `reference.charset` for U+FFFD and hidden characters,
    `reference.type` for an object or list where a value belongs, `reference.missing` for a required value.

    Raises:
        GateError: where a file is empty, truncated or not UTF-8.
        ConfigError: where the files lack a column.
    """
    unreadable = find_unreadable(
        spark,
        files,
        pattern=reference.path,
        file_format=reference.format,
        dialect=reference.dialect,
        schemas=schemas,
        needed=reference.needed,
    )
    _refuse(reference, unreadable)
    if reference.format == "jsonl":
        records = parse_json_records(read_lines(spark, files), names=reference.columns, lists=reference.lists)
    else:
        is_parquet = reference.format == "parquet"
        frames = (
            read_parquet(spark, files, schemas, needed=reference.needed)
            if is_parquet
            else read_delimited(spark, files, dialect=reference.dialect)
        )
        records = reduce(DataFrame.unionByName, [_from_columns(reference, rows) for rows in frames])
    return _judged(records, reference)


def count_records(spark: SparkSession, reference: Reference, files: Sequence[InputFile], records: DataFrame) -> Any:
    """Read a snapshot to its end. One job.

    Returns:
        `n` records and their `digest`, which does not depend on their order or on the files they lie in.

    Raises:
        GateError: where a file cannot be read to its end.
    """
    parts = [F.col(name) for name in sorted(reference.columns)]
    totals = records.agg(
        F.count(F.lit(1)).alias("n"),
        F.coalesce(F.sum(F.xxhash64("code", *parts).cast("decimal(38,0)")), F.lit(0)).cast("string").alias("digest"),
    )
    try:
        return totals.collect()[0]
    except (Py4JJavaError, PySparkException) as problem:
        raise_if_surroundings(problem, where=reference.path)
        broken = find_broken(
            spark,
            files,
            file_format=reference.format,
            dialect=reference.dialect,
            schemas=ParquetSchemas(spark),
        )
        _refuse(reference, broken)
        raise


def _refuse(reference: Reference, files: Sequence[RefusedFile]) -> None:
    if files:
        first = files[0]
        raise GateError(
            found=f"{len(files)} of the files of {reference.name} cannot be read ({first.code}: {first.detail})",
            expected="whole files: what is missing in a snapshot would be withdrawn",
            where=first.file.path,
            next_step="bring the file again, then run the same command",
            gate="quarantine.max_share",
        )


def _from_columns(reference: Reference, rows: DataFrame) -> DataFrame:
    """Records from the rows of a table; its columns are taken by index, since their names may differ by case only."""
    names = rows.columns
    header = [name for name in names if name not in ABOUT_ROWS]
    absent = [
        theirs for ours, theirs in reference.columns.items() if theirs not in header and _is_needed(reference, ours)
    ]
    if absent:
        raise ConfigError.single(
            f"{reference.name}.columns",
            f"the files have no column {', '.join(absent)}; they have {', '.join(shown_names(header))}",
            next_step="say under `columns` what each column is called in the files",
        )
    indexed = rows.toDF(*(f"_{index}" for index in range(len(names))))
    at = {name: F.col(f"_{index}") for index, name in enumerate(names)}
    types = dict(zip(names, (field.dataType.typeName() for field in rows.schema), strict=True))
    is_blank = F.trim(at[CORRUPT]) == "" if CORRUPT in at else F.lit(False)
    is_corrupt = at[CORRUPT].isNotNull() if CORRUPT in at else F.lit(False)
    is_undecoded = at[UNDECODED] if UNDECODED in at else F.lit(False)
    values = {
        ours: _as_text(at[theirs], types[theirs], is_list=ours in reference.lists) if theirs in at else F.lit(None)
        for ours, theirs in reference.columns.items()
    }
    return indexed.where(~F.coalesce(is_blank, F.lit(False))).select(
        at[FILE].alias("file"),
        F.to_json(F.struct(*(at[name].alias(name) for name in header))).alias("record"),
        F.when(is_undecoded, F.lit(Reason.REFERENCE_CHARSET))
        .when(is_corrupt, F.lit(Reason.REFERENCE_SYNTAX))
        .alias("code"),
        F.when(is_undecoded, F.lit("not in the encoding of the file"))
        .when(is_corrupt, F.lit("does not fit the header"))
        .alias("detail"),
        *(value.cast("string").alias(name) for name, value in values.items()),
    )


def _is_needed(reference: Reference, column: str) -> bool:
    """Whether the files must have a column: it is required, or somebody has said what it is called."""
    return column in reference.required or reference.columns[column] != column


def _as_text(value: Column, type_name: str, *, is_list: bool) -> Column:
    if type_name == "array" and is_list:
        return F.array_join(value.cast("array<string>"), LIST_SEPARATOR)
    if type_name in {"double", "float"}:
        # a column of whole numbers with gaps is one of floats: 13085.0 means 13085
        is_whole = (value == F.floor(value)) & (F.abs(value) < F.lit(float(2**53)))
        return F.when(is_whole, value.cast("bigint").cast("string")).otherwise(value.cast("string"))
    if type_name == "decimal":
        return F.regexp_replace(value.cast("string"), r"\.0+\z", "")
    text = value.cast("string")
    # written out in the zone of the session, which is UTC; a time without a zone stays one
    return F.concat(text, F.lit("Z")) if type_name == "timestamp" else text


def _judged(records: DataFrame, reference: Reference) -> DataFrame:
    """Trim the values, and refuse records that hold what no value may hold or lack what every one needs."""
    trimmed = {name: F.regexp_replace(name, _OUTER_SPACE, "") for name in reference.columns}
    values = {name: F.when(~text.isin(*_NO_VALUE), text) for name, text in trimmed.items()}
    tidy = records.withColumns(values)
    hidden = F.array_compact(F.array(*(F.when(F.col(n).rlike(_HIDDEN), F.lit(n)) for n in sorted(reference.columns))))
    clean = refuse(tidy, F.size(hidden) > 0, Reason.REFERENCE_CHARSET, F.array_join(hidden, ", "))
    if not reference.required:
        return clean
    missing = F.array_compact(F.array(*(F.when(F.col(n).isNull(), F.lit(n)) for n in sorted(reference.required))))
    return refuse(clean, F.size(missing) > 0, Reason.REFERENCE_MISSING, F.array_join(missing, ", "))
