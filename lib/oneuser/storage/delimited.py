"""Rows of CSV and TSV files: read in pieces where that is safe, whole where a quoted field may hold a line break."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.spark.row_shapes import CORRUPT, FILE, UNDECODED
from oneuser.storage.delimited_header import header_of, line_end_of
from oneuser.storage.input_bytes import InputBytes, of_each
from oneuser.storage.reader_paths import read_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession

    from oneuser.config.dialects import Dialect
    from oneuser.storage.input_listing import InputFile

# each byte is one character of it: nothing is replaced while a file is taken apart
_BYTES = "ISO-8859-1"
_UTF8 = "utf-8"
_NO_CHARACTER = "\ufffd"
_HEAD_BYTES = 64 * 1024
# beyond these a file cannot be read: one quote that is never closed would bring all that follows into memory
_MOST_FIELDS, _LONGEST_FIELD = 100_000, 64 * 1024 * 1024
# Spark makes pieces of up to this size: smaller files are one task's work, and are not looked through
SPLIT_FROM_BYTES = 128 * 1024 * 1024


class _Start(NamedTuple):
    """What the beginning of a file says: its header, and whether lines might be read apart, by the first one's end."""

    header: tuple[str, ...]
    may_split: bool
    has_returns: bool
    line_end: str


class _Way(NamedTuple):
    header: tuple[str, ...]
    is_split: bool
    line_end: str


def read_delimited(
    spark: SparkSession, files: Sequence[InputFile], *, dialect: Dialect, split_from: int = SPLIT_FROM_BYTES
) -> list[DataFrame]:
    r"""Rows of CSV or TSV files, all columns text: one frame for each header that the files have, and way to read them.

    A file is read whole, by one task, unless it has at least `split_from` bytes and no line break inside quotes, as a
    pass over it has found. Both ways give the same rows.

    Lines may end in `\n`, `\r\n` or, all of them, in `\r`. Text that is not in the encoding is never replaced.

    Columns: the header's; `FILE`; `CORRUPT`, the text of a row that does not fit the header; `UNDECODED`, whether
    a row is not in the encoding: its text then has a character for each byte. Empty lines are no rows.

    A file with a row of more than 100,000 fields, or a field of more than 64 Mi characters, cannot be read to its end.
    """
    content = InputBytes(spark)
    starts = of_each(spark, files, lambda file: _start(content, file, dialect, split_from))
    found = dict(zip(files, starts, strict=True))
    split = find_splittable(
        spark, {file: start.has_returns for file, start in found.items() if start.may_split}, dialect
    )
    ways: dict[_Way, list[InputFile]] = {}
    for file, start in found.items():
        ways.setdefault(_Way(start.header, file in split, start.line_end), []).append(file)
    return [_read_alike(spark, alike, way, dialect) for way, alike in sorted(ways.items())]


def find_splittable(spark: SparkSession, files: dict[InputFile, bool], dialect: Dialect) -> set[InputFile]:
    r"""The files in which every line is a row of its own, whichever way they are read. One pass over all of them.

    A line is that where each of its fields either stands in quotes from beginning to end, quotes inside doubled, or has
    no quote at all: then no quote is open at its end. Counting quotes would not do: of `5" nail,"big` the second opens
    a field that goes on in the next line. To be read the same apart, a line must further hold more than white space, or
    nothing at all; and no carriage return but at its end, nor there where the first line has none.

    Args:
        spark: The session.
        files: Files that are not compressed, each with whether its first line ends in `\r\n`.
        dialect: How the files are written.
    """
    if not files:
        return set()
    separator = f"\\x{ord(dialect.separator):02x}"
    line, field = F.col("value"), rf'(?:"(?:[^"\r\x00]++|"")*+"|[^"\r\x00{separator}]*+)'
    is_row = line.rlike(rf"\A{field}(?:{separator}{field})*+\r?\z")
    is_plain = ~line.contains('"') & ~line.contains("\r") & ~line.contains("\0")
    is_empty = line.isin("", "\r")
    is_sound = is_empty | (line.rlike(r"[^\x00-\x20]") & (is_plain | is_row))
    lines = read_files(
        spark,
        list(files),
        lambda reader, paths: (
            reader.option("lineSep", "\n").text(paths).select("value", F.col("_metadata.file_path").alias("file"))
        ),
    )
    by_file = lines.groupBy("file").agg(
        F.every(is_sound).alias("is_sound"), F.some(line.endswith("\r")).alias("has_returns")
    )
    found = {row["file"]: row for row in by_file.collect()}
    return {
        file
        for file, starts_with_return in files.items()
        if (row := found.get(file.path)) and row["is_sound"] and (starts_with_return or not row["has_returns"])
    }


def _start(content: InputBytes, file: InputFile, dialect: Dialect, split_from: int) -> _Start:
    head = content.head(file, _HEAD_BYTES)
    header = header_of(head, dialect)
    first, newline, _ = head.partition(b"\n")
    may_split = (
        file.n_bytes >= max(split_from, 1)
        and bool(newline)
        and dialect.quote == '"'
        and dialect.separator.isascii()
        and b"\r" not in first.removesuffix(b"\r")
        and not content.is_compressed(file)
        # a return that ends the file is read in two ways
        and content.ends(file, 1)[1] != b"\r"
    )
    return _Start(header, may_split, first.endswith(b"\r"), line_end_of(head))


def _read_alike(spark: SparkSession, files: Sequence[InputFile], way: _Way, dialect: Dialect) -> DataFrame:
    names = [f"c{index}" for index in range(len(way.header))]
    schema = T.StructType([T.StructField(name, T.StringType()) for name in (*names, CORRUPT)])
    quote = dialect.quote or "\0"

    def read(reader: DataFrameReader, paths: list[str]) -> DataFrame:
        rows = (
            reader.schema(schema)
            .options(sep=dialect.separator, header=True, multiLine=not way.is_split, quote=quote, escape=quote)
            .options(maxColumns=_MOST_FIELDS, maxCharsPerColumn=_LONGEST_FIELD)
            # said, or it is guessed from the first line for all others
            .options(encoding=_BYTES, lineSep=way.line_end)
            .options(mode="PERMISSIVE", columnNameOfCorruptRecord=CORRUPT, enforceSchema=True)
            .csv(paths)
        )
        return rows.select("*", F.col("_metadata.file_path").alias(FILE))

    rows = read_files(spark, files, read)
    texts = {name: F.col(name) for name in (*names, CORRUPT)}
    if way.line_end == "\n":
        # what is left of a line's end where that is \r\n
        last = texts[names[-1]]
        texts[names[-1]] = F.when(last != "\r", F.regexp_replace(last, r"\r\z", ""))
    decoded = {name: _decoded(text, dialect.encoding) for name, text in texts.items()}
    undecoded = reduce(
        or_, (F.coalesce(_is_undecoded(text, dialect.encoding), F.lit(False)) for text in decoded.values())
    )
    shown = [F.when(undecoded, texts[n]).otherwise(text).alias(n) for n, text in decoded.items()]
    is_empty = F.col(names[0]).eqNullSafe("\r") & F.col(CORRUPT).eqNullSafe("")
    # an empty line that ends in \r\n: others are passed over by Spark itself
    decoded_rows = rows.where(~is_empty).select(*shown, undecoded.alias(UNDECODED), FILE)
    return decoded_rows.toDF(*way.header, CORRUPT, UNDECODED, FILE)


def _decoded(text: Column, encoding: str) -> Column:
    """Text of which each character is one byte, in its encoding."""
    if encoding == _UTF8:
        return F.encode(text, _BYTES).cast("string")
    # every other encoding that is read has one byte for a character
    upper = bytes(range(0x80, 0x100))
    return F.translate(text, upper.decode(_BYTES), "".join(_character(byte, encoding) for byte in upper))


def _character(byte: int, encoding: str) -> str:
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return _NO_CHARACTER


def _is_undecoded(text: Column, encoding: str) -> Column:
    return ~F.is_valid_utf8(text) if encoding == _UTF8 else text.contains(_NO_CHARACTER)
