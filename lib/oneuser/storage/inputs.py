"""Input files: which of them can be read at all, and their lines or rows. Reads through Spark and Hadoop only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from oneuser.core.errors import OneUserError
from oneuser.core.reasons import Reason
from oneuser.storage.delimited_header import header_of
from oneuser.storage.input_bytes import InputBytes, of_each
from oneuser.storage.reader_paths import spark_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from oneuser.config.dialects import Dialect
    from oneuser.storage.input_listing import InputFile

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_PARQUET_MARK = b"PAR1"
_HEAD_BYTES = 4096


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
    lines = spark.read.option("lineSep", "\n").text(spark_paths(files))
    return lines.select(F.col("value").cast("binary").alias("value"), F.col("_metadata.file_path").alias("file"))


def read_parquet(spark: SparkSession, files: Sequence[InputFile]) -> DataFrame:
    """Rows of Parquet files, with `_file`."""
    rows = spark.read.option("mergeSchema", "true").parquet(*spark_paths(files))
    return rows.select("*", F.col("_metadata.file_path").alias("_file"))


def find_unreadable(
    spark: SparkSession, files: Sequence[InputFile], *, file_format: str, dialect: Dialect
) -> list[RefusedFile]:
    """Files that cannot be an input, found by what is cheap: their size, their first and last bytes.

    Of JSON Lines the size says enough. Other files are opened, each that is new to the run once, several at a time.
    """
    content = InputBytes(spark)
    looks: dict[str, Callable[[InputBytes, InputFile], tuple[Reason, str] | None]] = {
        "parquet": _problem_of_parquet,
        **dict.fromkeys(("csv", "tsv"), partial(_problem_of_head, dialect=dialect)),
    }
    look = looks.get(file_format)
    refused = [_refused(content, file, Reason.FILE_EMPTY, "0 bytes") for file in files if file.n_bytes == 0]
    opened = [file for file in files if file.n_bytes] if look else []
    problems = of_each(spark, opened, lambda file: look(content, file) if look else None)
    found = [_refused(content, file, *problem) for file, problem in zip(opened, problems, strict=True) if problem]
    order = {file: index for index, file in enumerate(files)}
    return sorted([*refused, *found], key=lambda one: order[one.file])


def find_broken(spark: SparkSession, files: Sequence[InputFile], *, is_text: bool) -> list[RefusedFile]:
    """Files that cannot be read to the end. Reads each on its own: for when reading them together has failed."""
    content = InputBytes(spark)
    return [
        _refused(content, file, Reason.FILE_TRUNCATED, "cannot be read to its end")
        for file in files
        if not _is_readable(spark, file, is_text=is_text)
    ]


def refuse_encoding(spark: SparkSession, file: InputFile) -> RefusedFile:
    """The refusal of a file none of whose lines is UTF-8."""
    return _refused(InputBytes(spark), file, Reason.FILE_ENCODING, "not UTF-8")


def _problem_of_head(content: InputBytes, file: InputFile, *, dialect: Dialect) -> tuple[Reason, str] | None:
    try:
        head = content.head(file, _HEAD_BYTES)
    except Py4JJavaError:
        return Reason.FILE_TRUNCATED, "cannot be read"
    if head[:2] in _UTF16_MARKS or b"\0" in head[:4]:
        return Reason.FILE_ENCODING, "UTF-16: save it as UTF-8"
    if not head.strip():
        return Reason.FILE_EMPTY, "no header"
    try:
        header = header_of(head, dialect)
    except UnicodeDecodeError:
        return Reason.FILE_ENCODING, f"the header is not {dialect.encoding}: declare `encoding`, such as windows-1252"
    # a mark of UTF-8 and nothing behind it
    return None if header else (Reason.FILE_EMPTY, "no header")


def _problem_of_parquet(content: InputBytes, file: InputFile) -> tuple[Reason, str] | None:
    size = len(_PARQUET_MARK)
    if file.n_bytes >= 3 * size and content.ends(file, size) == (_PARQUET_MARK, _PARQUET_MARK):
        return None
    return Reason.FILE_TRUNCATED, "no Parquet marks at start and end"


def _is_readable(spark: SparkSession, file: InputFile, *, is_text: bool) -> bool:
    paths = spark_paths([file])
    rows = spark.read.text(paths) if is_text else spark.read.parquet(*paths)
    try:
        rows.select(F.sum(F.hash(*rows.columns).cast("bigint"))).collect()
    except (Py4JJavaError, PySparkException):
        return False
    return True


def _refused(content: InputBytes, file: InputFile, code: Reason, detail: str) -> RefusedFile:
    return RefusedFile(file, code, detail, content.sha256(file))
