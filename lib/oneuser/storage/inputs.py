"""Input files: which of them can be read at all, and their lines or rows. Reads through Spark and Hadoop only."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.core.column_names import is_value
from oneuser.core.errors import OneUserError
from oneuser.core.reasons import Reason
from oneuser.spark.failures import JAVA_PROBLEMS, raise_if_surroundings
from oneuser.spark.row_shapes import FILE
from oneuser.spark.session import in_session
from oneuser.storage.delimited import read_delimited
from oneuser.storage.delimited_header import header_of
from oneuser.storage.input_bytes import InputBytes, of_each
from oneuser.storage.input_tree import leads_out
from oneuser.storage.reader_paths import read_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

    from oneuser.config.dialects import Dialect
    from oneuser.storage.input_listing import InputFile
    from oneuser.storage.parquet_schemas import ParquetSchema, ParquetSchemas

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HEAD_BYTES = 4096
# as much as is read of a file to find its header
_LONGEST_HEADER = 64 * 1024
# no line that is taken in is longer
_LONGEST_LINE = 64 * 1024 * 1024
# Times of the calendar that came before the present one are read as they are written, instead of ending the job.
_OLD_TIMES = {"datetimeRebaseMode": "CORRECTED", "int96RebaseMode": "CORRECTED"}


@dataclass(frozen=True)
class RefusedFile:
    """A file that is left out as a whole. `digest` is its sha256 in hexadecimal."""

    file: InputFile
    code: Reason
    detail: str
    digest: str


class ChangedFileError(OneUserError):
    """A file that was ingested has other content now."""


def read_lines(spark: SparkSession, files: Sequence[InputFile]) -> DataFrame:
    """Lines of text files as bytes: `value`, `file`. Never decoded, never dropped; compression goes by the ending."""

    def read(reader: DataFrameReader, paths: list[str]) -> DataFrame:
        lines = reader.option("lineSep", "\n").text(paths)
        return lines.select(F.col("value").cast("binary").alias("value"), F.col("_metadata.file_path").alias("file"))

    return read_files(spark, files, read)


def read_parquet(
    spark: SparkSession, files: Sequence[InputFile], schemas: ParquetSchemas, *, needed: Collection[str] = ()
) -> list[DataFrame]:
    """Rows of Parquet files, with `FILE`: one frame for each schema that they have. Left out are unreadable columns.

    Of columns whose names differ in case only one is read, the `needed` one if there is one.

    Types are those of the file, but for times in nanoseconds, cut to microseconds, and times of day, as text. Files
    whose columns are called alike but differ in type are not read together: no value is forced into the type of
    another file. The plan grows with the number of schemas; the order of columns makes no other one.
    """
    ways: dict[ParquetSchema, list[InputFile]] = {}
    for file, schema in schemas.of(files).items():
        if schema is not None:
            ways.setdefault(schema.chosen(needed), []).append(file)
    return [_read_alike(spark, alike, schema, schemas) for schema, alike in ways.items()]


def _read_alike(
    spark: SparkSession, files: Sequence[InputFile], schema: ParquetSchema, schemas: ParquetSchemas
) -> DataFrame:
    def read(reader: DataFrameReader, paths: list[str]) -> DataFrame:
        rows = reader.schema(schema.read_schema).options(**_OLD_TIMES).parquet(*paths)
        path = rows.metadataColumn("_metadata").getField("file_path")
        # by their places: names may differ by case only
        values = [column.value().alias(f"c{index}") for index, column in enumerate(schema.columns)]
        return rows.select(*values, path.alias(FILE))

    rows = in_session(spark, read_files(schemas.session, files, read))
    return rows.toDF(*(column.name for column in schema.columns), FILE)


def find_unreadable(
    spark: SparkSession,
    files: Sequence[InputFile],
    *,
    pattern: str,
    file_format: str,
    dialect: Dialect,
    schemas: ParquetSchemas,
    needed: Collection[str],
) -> list[RefusedFile]:
    """Files that cannot be an input, found by what is cheap: their size, their first bytes, a footer.

    Of JSON Lines the size says enough, unless they are compressed or large. Other files are opened, each that is new to
    the run once, several at a time.

    Args:
        spark: The session.
        files: The files of one source.
        pattern: The path that names them. What lies outside of it, and is reached by a link, is not read.
        file_format: What they should be.
        dialect: How csv and tsv files are written.
        schemas: Of Parquet files.
        needed: Columns without which a file is of no use. In Parquet, other columns may be of any type.

    Raises:
        EnvironmentProblem: where a file cannot be opened for no fault of its own.
    """
    content = InputBytes(spark)
    outside = [file for file in files if leads_out(file.path, pattern)]
    opened = [file for file in files if file.n_bytes and file not in outside]
    problems: list[tuple[Reason, str] | None] = [None] * len(opened)
    if file_format == "parquet":
        found = schemas.of(opened)
        problems = [_problem_of_schema(found[file], needed) for file in opened]
    elif file_format in {"csv", "tsv"}:
        folded = {name.lower() for name in needed}
        problems = of_each(spark, opened, lambda file: _problem_of_head(content, file, dialect=dialect, needed=folded))
    if file_format != "parquet":
        sound = [n for n, problem in enumerate(problems) if problem is None and _may_be_one_line(content, opened[n])]
        found_in_sound = of_each(spark, [opened[n] for n in sound], lambda file: _problem_of_length(content, file))
        problems = [dict(zip(sound, found_in_sound, strict=True)).get(n, problem) for n, problem in enumerate(problems)]
    refused = [_refused_link(file) for file in outside]
    empty = [file for file in files if file.n_bytes == 0 and file not in outside]
    refused += [_refused(content, file, Reason.FILE_EMPTY, "0 bytes") for file in empty]
    refused += [_refused(content, file, *problem) for file, problem in zip(opened, problems, strict=True) if problem]
    order = {file: index for index, file in enumerate(files)}
    return sorted(refused, key=lambda one: order[one.file])


def find_broken(
    spark: SparkSession, files: Sequence[InputFile], *, file_format: str, dialect: Dialect, schemas: ParquetSchemas
) -> list[RefusedFile]:
    """Files that cannot be read to the end. Reads each on its own: for when reading them together has failed.

    Raises:
        EnvironmentProblem: where a file cannot be read for no fault of its own.
    """
    content = InputBytes(spark)

    def read(file: InputFile) -> list[DataFrame]:
        if file_format == "parquet":
            return read_parquet(spark, [file], schemas)
        return [read_lines(spark, [file])] if file_format == "jsonl" else read_delimited(spark, [file], dialect=dialect)

    return [
        _refused(content, file, Reason.FILE_TRUNCATED, "cannot be read to its end")
        for file in files
        if not _is_readable(file, read)
    ]


def refuse_encoding(spark: SparkSession, file: InputFile) -> RefusedFile:
    """The refusal of a file none of whose lines is UTF-8."""
    return _refused(InputBytes(spark), file, Reason.FILE_ENCODING, "not UTF-8")


def _problem_of_head(
    content: InputBytes, file: InputFile, *, dialect: Dialect, needed: Collection[str]
) -> tuple[Reason, str] | None:
    """What is wrong with a delimited text, by its beginning; `needed` are names in lower case."""
    try:
        head = content.head(file, _HEAD_BYTES)
    except JAVA_PROBLEMS as problem:
        raise_if_surroundings(problem, where=file.path)
        return Reason.FILE_TRUNCATED, "cannot be read"
    if len(head) == _HEAD_BYTES and not _has_line_end(head):
        head = content.head(file, _LONGEST_HEADER)
        if len(head) == _LONGEST_HEADER and not _has_line_end(head):
            return Reason.FILE_HEADER, f"the first row has no end within {_LONGEST_HEADER // 1024} KB"
    if head[:2] in _UTF16_MARKS or b"\0" in head[:4]:
        return Reason.FILE_ENCODING, "UTF-16: save it as UTF-8"
    if not head.strip():
        return Reason.FILE_EMPTY, "no header"
    try:
        header = header_of(head, dialect)
    except UnicodeDecodeError:
        return Reason.FILE_ENCODING, f"the header is not {dialect.encoding}: declare `encoding`, such as windows-1252"
    if not header:
        # a mark of UTF-8 and nothing behind it
        return Reason.FILE_EMPTY, "no header"
    # what stands there would be a name in every plan
    if any(map(is_value, header)) and not any(name.lower() in needed for name in header):
        return Reason.FILE_HEADER, "the first row has values and no names: put a row of names above it"
    return None


def _has_line_end(head: bytes) -> bool:
    text = head.lstrip(b"\r\n")
    return b"\n" in text or b"\r" in text


def _may_be_one_line(content: InputBytes, file: InputFile) -> bool:
    return file.n_bytes > _LONGEST_LINE or content.is_compressed(file)


def _problem_of_length(content: InputBytes, file: InputFile) -> tuple[Reason, str] | None:
    """Of a text whose first line is too long to be brought into memory: what a few bytes may have been blown up to."""
    try:
        if content.first_line(file, _LONGEST_LINE + 1) <= _LONGEST_LINE:
            return None
    except JAVA_PROBLEMS as problem:
        raise_if_surroundings(problem, where=file.path)
        # read to where it breaks, it will say so
        return None
    return Reason.FILE_LINE, f"no line ends within the first {_LONGEST_LINE // 1024 // 1024} MB of its text"


def _problem_of_schema(schema: ParquetSchema | None, needed: Collection[str]) -> tuple[Reason, str] | None:
    if schema is None:
        return Reason.FILE_TRUNCATED, "no Parquet, or cut short: it has no footer that can be read"
    if not schema.columns and not schema.unreadable:
        return Reason.FILE_EMPTY, "no column"
    problem = schema.chosen(needed).problem(needed)
    return None if problem is None else (Reason.FILE_SCHEMA, problem)


def _is_readable(file: InputFile, read: Callable[[InputFile], list[DataFrame]]) -> bool:
    try:
        for rows in read(file):
            places = rows.toDF(*(f"c{index}" for index in range(len(rows.columns))))
            # a map has no hash
            values = [F.to_json(F.struct(c.name)) if _is_nested(c.dataType) else F.col(c.name) for c in places.schema]
            places.select(F.sum(F.hash(*values).cast("bigint"))).collect()
    except JAVA_PROBLEMS as problem:
        raise_if_surroundings(problem, where=file.path)
        return False
    return True


def _is_nested(kind: T.DataType) -> bool:
    return isinstance(kind, T.StructType | T.ArrayType | T.MapType)


def _refused(content: InputBytes, file: InputFile, code: Reason, detail: str) -> RefusedFile:
    return RefusedFile(file, code, detail, content.sha256(file))


def _refused_link(file: InputFile) -> RefusedFile:
    """The refusal of a link that leads elsewhere. What it leads to is not read: the digest is that of its path."""
    detail = "a link that leads out of the folder of its source: put the file there, or name its own folder as a path"
    return RefusedFile(file, Reason.FILE_LINK, detail, sha256(file.path.encode()).hexdigest())
