"""Rows of CSV and TSV files: read in pieces where that is safe, whole where a quoted field may hold a line break."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.storage.input_bytes import InputBytes, of_each
from oneuser.storage.reader_paths import spark_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

    from oneuser.storage.input_listing import InputFile

_CORRUPT = "_corrupt"
_HEAD_BYTES = 64 * 1024
# Spark makes pieces of up to this size: smaller files are one task's work, and are not looked through
SPLIT_FROM_BYTES = 128 * 1024 * 1024


class _Start(NamedTuple):
    """What the beginning of a file says: its header, and whether lines might be read apart, by the first one's end."""

    header: tuple[str, ...]
    may_split: bool
    has_returns: bool


class _Way(NamedTuple):
    header: tuple[str, ...]
    is_split: bool


def read_delimited(
    spark: SparkSession, files: Sequence[InputFile], *, separator: str, split_from: int = SPLIT_FROM_BYTES
) -> list[DataFrame]:
    """Rows of CSV or TSV files, all columns text: one frame for each header that the files have, and way to read them.

    A file is read whole, by one task, unless it has at least `split_from` bytes and no line break inside quotes, as a
    pass over it has found. Both ways give the same rows.

    Columns: the header's, `_file`, and `_corrupt`, the text of a row that does not fit the header.
    """
    content = InputBytes(spark)
    starts = of_each(spark, files, lambda file: _start(content, file, separator, split_from))
    found = dict(zip(files, starts, strict=True))
    split = find_splittable(
        spark, {file: start.has_returns for file, start in found.items() if start.may_split}, separator
    )
    ways: dict[_Way, list[InputFile]] = {}
    for file, start in found.items():
        ways.setdefault(_Way(start.header, file in split), []).append(file)
    return [_read_alike(spark, alike, way, separator) for way, alike in sorted(ways.items())]


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


def find_splittable(spark: SparkSession, files: dict[InputFile, bool], separator: str) -> set[InputFile]:
    r"""The files in which every line is a row of its own, whichever way they are read. One pass over all of them.

    A line is that where each of its fields either stands in quotes from beginning to end, quotes inside doubled, or has
    no quote at all: then no quote is open at its end. Counting quotes would not do: of `5" nail,"big` the second opens
    a field that goes on in the next line. To be read the same apart, a line must further hold more than white space, or
    nothing at all; and no carriage return but at its end, nor there where the first line has none.

    Args:
        spark: The session.
        files: Files that are not compressed, each with whether its first line ends in `\r\n`.
        separator: What stands between fields.
    """
    if not files:
        return set()
    line, field = F.col("value"), rf'(?:"(?:[^"\r\x00]++|"")*+"|[^"\r\x00{separator}]*+)'
    is_row = line.rlike(rf"\A{field}(?:{separator}{field})*+\r?\z")
    is_plain = ~line.contains('"') & ~line.contains("\r") & ~line.contains("\0")
    is_empty = line.isin("", "\r")
    is_sound = is_empty | (line.rlike(r"[^\x00-\x20]") & (is_plain | is_row))
    lines = spark.read.option("lineSep", "\n").text(spark_paths(list(files)))
    by_file = lines.groupBy(F.col("_metadata.file_path").alias("file")).agg(
        F.every(is_sound).alias("is_sound"), F.some(line.endswith("\r")).alias("has_returns")
    )
    found = {row["file"]: row for row in by_file.collect()}
    return {
        file
        for file, starts_with_return in files.items()
        if (row := found.get(file.path)) and row["is_sound"] and (starts_with_return or not row["has_returns"])
    }


def _start(content: InputBytes, file: InputFile, separator: str, split_from: int) -> _Start:
    head = content.head(file, _HEAD_BYTES)
    header = header_of(head, separator)
    first, newline, _ = head.partition(b"\n")
    may_split = (
        file.n_bytes >= max(split_from, 1)
        and bool(newline)
        and b"\r" not in first.removesuffix(b"\r")
        and not content.is_compressed(file)
        # a return that ends the file is read in two ways
        and content.ends(file, 1)[1] != b"\r"
    )
    return _Start(header, may_split, first.endswith(b"\r"))


def _read_alike(spark: SparkSession, files: Sequence[InputFile], way: _Way, separator: str) -> DataFrame:
    schema = T.StructType([T.StructField(name, T.StringType()) for name in (*way.header, _CORRUPT)])
    rows = (
        spark.read.schema(schema)
        .options(sep=separator, header=True, multiLine=not way.is_split, quote='"', escape='"', encoding="UTF-8")
        .options(mode="PERMISSIVE", columnNameOfCorruptRecord=_CORRUPT, enforceSchema=True)
        .csv(spark_paths(files))
    )
    return rows.select("*", F.col("_metadata.file_path").alias("_file"))
