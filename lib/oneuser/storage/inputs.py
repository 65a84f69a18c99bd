"""Input files: which there are, which are new, and their lines or rows. Reads through Spark and Hadoop only."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.contracts.graph import FILES
from oneuser.core.errors import EnvironmentProblem, OneUserError
from oneuser.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD_BYTES = 64 * 1024
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_PARQUET_MARK = b"PAR1"
_CORRUPT = "_corrupt"


@dataclass(frozen=True)
class InputFile:
    """A file of a source as it was listed. `modified_ms` counts from 1970 UTC; `path` is the form Spark reports."""

    source: str
    path: str
    n_bytes: int
    modified_ms: int

    @property
    def modified_at(self) -> datetime:
        """Time of the last modification."""
        return _EPOCH + timedelta(milliseconds=self.modified_ms)


@dataclass(frozen=True)
class RefusedFile:
    """A file that is left out as a whole. `digest` is its sha256 in hexadecimal."""

    file: InputFile
    code: Reason
    detail: str
    digest: str


class ChangedFileError(OneUserError):
    """A file that was ingested has other content now."""


def list_files(spark: SparkSession, source: str, pattern: str, *, key: str | None = None) -> list[InputFile]:
    """Files that a path or glob matches, folders searched to the bottom; names that begin with `_` or `.` are hidden.

    `key` is where the configuration names them, `sources.SOURCE.path` unless it says otherwise.

    Raises:
        EnvironmentProblem: where nothing matches.
    """
    jvm: Any = spark._jvm  # noqa: SLF001 - Hadoop is reached through the JVM
    path = jvm.org.apache.hadoop.fs.Path(pattern)
    try:
        file_system = path.getFileSystem(_hadoop_conf(spark))
        matches = file_system.globStatus(path) or ()
        files = [file for match in matches for file in _files_below(file_system, match)]
    except Py4JJavaError:
        raise EnvironmentProblem(
            found=f"the files of source {source!r} cannot be listed",
            expected="a folder or glob that this machine may read",
            where=pattern,
            next_step="check the path, the permissions and the credentials of the storage",
        ) from None
    if not files:
        raise EnvironmentProblem(
            found=f"source {source!r} has no files",
            expected="at least one file",
            where=pattern,
            next_step=f"check `{key or f'sources.{source}.path'}`; relative paths start at the working directory",
        )
    inputs = [
        InputFile(source, _reported(status.getPath()), int(status.getLen()), int(status.getModificationTime()))
        for status in files
    ]
    return sorted(set(inputs), key=lambda file: file.path)


def read_lines(spark: SparkSession, files: Sequence[InputFile]) -> DataFrame:
    """Lines of text files as bytes: `value`, `file`. Never decoded, never dropped; compression goes by the ending."""
    lines = spark.read.option("lineSep", "\n").text(_paths(spark, files))
    return lines.select(F.col("value").cast("binary").alias("value"), F.col("_metadata.file_path").alias("file"))


def read_parquet(spark: SparkSession, files: Sequence[InputFile]) -> DataFrame:
    """Rows of Parquet files, with `_file`."""
    rows = spark.read.option("mergeSchema", "true").parquet(*_paths(spark, files))
    return rows.select("*", F.col("_metadata.file_path").alias("_file"))


def read_delimited(spark: SparkSession, files: Sequence[InputFile], *, separator: str) -> list[DataFrame]:
    """Rows of CSV or TSV files, all columns text: one frame for each header that the files have.

    Columns: the header's, `_file`, and `_corrupt`, the text of a row that does not fit the header.
    """
    by_header: dict[tuple[str, ...], list[InputFile]] = {}
    for file in files:
        by_header.setdefault(header_of(head_of(spark, file), separator), []).append(file)
    return [_read_alike(spark, alike, header, separator) for header, alike in sorted(by_header.items())]


def header_of(head: bytes, separator: str) -> tuple[str, ...]:
    """Column names in the first row of a delimited text; empty and repeated names, in any case, get their number."""
    text = head.decode("utf-8-sig", errors="replace")
    first = next(csv.reader(io.StringIO(text), delimiter=separator), [])
    names: list[str] = []
    taken: set[str] = set()
    for position, written in enumerate(first):
        name = written.strip() or f"column_{position + 1}"
        names.append(name if name.lower() not in taken else f"{name}_{position + 1}")
        taken.add(names[-1].lower())
    return tuple(names)


def head_of(spark: SparkSession, file: InputFile, n_bytes: int = _HEAD_BYTES) -> bytes:
    """The first bytes of a file, decompressed by its ending.

    Raises:
        Py4JJavaError: where the file cannot be read.
    """
    jvm: Any = spark._jvm  # noqa: SLF001
    conf = _hadoop_conf(spark)
    (path,) = _hadoop_paths(spark, file.path)
    codec = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(conf).getCodec(path)
    stream = path.getFileSystem(conf).open(path)
    try:
        plain = codec.createInputStream(stream) if codec is not None else stream
        return bytes(plain.readNBytes(n_bytes))
    finally:
        stream.close()


def find_unreadable(spark: SparkSession, files: Sequence[InputFile], *, file_format: str) -> list[RefusedFile]:
    """Files that cannot be an input, found by what is cheap: their size, their first and last bytes."""
    refused = []
    for file in files:
        if file.n_bytes == 0:
            refused.append(_refused(spark, file, Reason.FILE_EMPTY, "0 bytes"))
        elif file_format == "parquet" and not _is_parquet(spark, file):
            refused.append(_refused(spark, file, Reason.FILE_TRUNCATED, "no Parquet marks at start and end"))
        elif file_format in {"csv", "tsv"}:
            problem = _problem_of_head(spark, file)
            if problem:
                refused.append(_refused(spark, file, *problem))
    return refused


def find_broken(spark: SparkSession, files: Sequence[InputFile], *, is_text: bool) -> list[RefusedFile]:
    """Files that cannot be read to the end. Reads each on its own: for when reading them together has failed."""
    return [
        _refused(spark, file, Reason.FILE_TRUNCATED, "cannot be read to its end")
        for file in files
        if not _is_readable(spark, file, is_text=is_text)
    ]


def refuse_encoding(spark: SparkSession, file: InputFile) -> RefusedFile:
    """The refusal of a file none of whose lines is UTF-8."""
    return _refused(spark, file, Reason.FILE_ENCODING, "not UTF-8")


def files_frame(spark: SparkSession, files: Sequence[InputFile]) -> DataFrame:
    """One row per file: `source`, `file`, `n_bytes`, `modified_at`."""
    schema = T.StructType([f for f in FILES.schema if f.name in {"source", "file", "n_bytes", "modified_at"}])
    return spark.createDataFrame([(f.source, f.path, f.n_bytes, f.modified_at) for f in files], schema)


def _files_below(file_system: Any, status: Any) -> list[Any]:
    name = str(status.getPath().getName())
    if status.isFile():
        return [] if name.startswith(("_", ".")) else [status]
    if name.startswith(("_", ".")) and "=" not in name:
        return []
    return [file for inner in file_system.listStatus(status.getPath()) for file in _files_below(file_system, inner)]


def _reported(path: Any) -> str:
    """A path as Spark reports it beside a row: with escapes, and with one slash for local files."""
    return re.sub(r"^file:/+", "file:/", str(path.toUri().toString()))


def _paths(spark: SparkSession, files: Sequence[InputFile]) -> list[str]:
    """Paths in the form that Spark's readers take: they decode nothing, and expand what looks like a glob."""
    return [glob_safe(str(path.toString())) for path in _hadoop_paths(spark, *(file.path for file in files))]


def glob_safe(path: str) -> str:
    """A path in which Spark's readers find nothing to expand."""
    return "".join(f"\\{char}" if char in "{}[]*?\\" else char for char in path)


def _hadoop_paths(spark: SparkSession, *uris: str) -> list[Any]:
    jvm: Any = spark._jvm  # noqa: SLF001
    path, parsed = jvm.org.apache.hadoop.fs.Path, jvm.java.net.URI
    return [path(parsed(uri)) for uri in uris]


def _hadoop_conf(spark: SparkSession) -> Any:
    return spark._jsc.hadoopConfiguration()  # noqa: SLF001


def _read_alike(spark: SparkSession, files: Sequence[InputFile], header: tuple[str, ...], separator: str) -> DataFrame:
    schema = T.StructType([T.StructField(name, T.StringType()) for name in (*header, _CORRUPT)])
    rows = (
        spark.read.schema(schema)
        .options(sep=separator, header=True, multiLine=True, quote='"', escape='"', encoding="UTF-8")
        .options(mode="PERMISSIVE", columnNameOfCorruptRecord=_CORRUPT, enforceSchema=True)
        .csv(_paths(spark, files))
    )
    return rows.select("*", F.col("_metadata.file_path").alias("_file"))


def _problem_of_head(spark: SparkSession, file: InputFile) -> tuple[Reason, str] | None:
    try:
        head = head_of(spark, file, 4096)
    except Py4JJavaError:
        return Reason.FILE_TRUNCATED, "cannot be read"
    if head[:2] in _UTF16_MARKS or b"\0" in head[:4]:
        return Reason.FILE_ENCODING, "not UTF-8"
    return None if head.strip() else (Reason.FILE_EMPTY, "no header")


def _is_parquet(spark: SparkSession, file: InputFile) -> bool:
    (path,) = _hadoop_paths(spark, file.path)
    size = len(_PARQUET_MARK)
    if file.n_bytes < 3 * size:
        return False
    stream = path.getFileSystem(_hadoop_conf(spark)).open(path)
    try:
        start = bytes(stream.readNBytes(size))
        stream.seek(file.n_bytes - size)
        return start == _PARQUET_MARK == bytes(stream.readNBytes(size))
    finally:
        stream.close()


def _is_readable(spark: SparkSession, file: InputFile, *, is_text: bool) -> bool:
    rows = spark.read.text(_paths(spark, [file])) if is_text else spark.read.parquet(*_paths(spark, [file]))
    try:
        rows.select(F.sum(F.hash(*rows.columns).cast("bigint"))).collect()
    except (Py4JJavaError, PySparkException):
        return False
    return True


def _refused(spark: SparkSession, file: InputFile, code: Reason, detail: str) -> RefusedFile:
    return RefusedFile(file, code, detail, _sha256(spark, file))


def _sha256(spark: SparkSession, file: InputFile) -> str:
    """sha256 of a file's bytes, read in pieces."""
    (path,) = _hadoop_paths(spark, file.path)
    stream = path.getFileSystem(_hadoop_conf(spark)).open(path)
    digest = sha256()
    try:
        while piece := bytes(stream.readNBytes(16 * 1024 * 1024)):
            digest.update(piece)
    finally:
        stream.close()
    return digest.hexdigest()
