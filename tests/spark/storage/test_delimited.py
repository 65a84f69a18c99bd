"""CSV files in pieces or whole: the same rows, and in pieces only where that is safe."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.config.dialects import Dialect
from oneuser.storage.delimited import read_delimited
from oneuser.storage.input_listing import list_files
from oneuser.storage.inputs import find_unreadable
from oneuser.storage.parquet_schemas import ParquetSchemas

HEADER = b"a,b,c\n"
SAFE = {
    "plain": b"1,2,3\n4,5,6\n",
    "quoted": b'"1, one","2 ""two""",""\n"4",5,"6"\n',
    "empty fields": b',,\n,"",\n',
    "short and long rows": b"1,2\n1,2,3,4\n\n7,8,9",
    "the header again": b"a,b,c\n1,2,3\n",
    "empty lines": b"\n\n1,2,3\n\n",
    "spaces": b" 1 , 2,3 \n",
    "other bytes": b"\xff\xfe,caf\xc3\xa9,\xe2\x80\xa8\n\xc3,2,3\n",
    "no last line end": b"1,2,3",
    "long quotes": b'"' + b"x" * 50_000 + b'","' + b'""' * 5_000 + b'",3\n',
}
UNSAFE = {
    "a line break in quotes": b'"1\n1",2,3\n4,5,6\n',
    "an even number of quotes, the last one open": b'5" nail,"big,2\n4,"5,6\n',
    "a quote inside a field": b'1,2"2",3\n',
    "text after a quote": b'"1" x,2,3\n4,5,6\n',
    "a quote that never ends": b'1,2,3\n4,5,"6\n7,8,9\n',
    "a return inside a line": b"1,2\r2,3\n",
    "returns in some lines": b"1,2,3\r\n4,5,6\n",
    "a return at the very end": b"1,2,3\n4,5,6\r",
    "white space only": b"   \n1,2,3\n",
    "a quote and a zero byte": b'"1\x00","2",3\n',
}


def rows(frames: list[DataFrame]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.asDict().items()) for frame in frames for row in frame.collect())


def texts_of(
    spark: SparkSession, tmp_path: Path, content: bytes, dialect: Dialect | None = None
) -> list[tuple[Any, ...]]:
    """Rows of one file but for where they come from, in the order of their first column."""
    (tmp_path / "f.csv").write_bytes(content)
    files = list_files(spark, "shop", str(tmp_path))
    (frame,) = read_delimited(spark, files, dialect=dialect or Dialect())
    return sorted((tuple(row)[:-1] for row in frame.collect()), key=str)


def test_lines_may_end_otherwise_than_the_header(spark: SparkSession, tmp_path: Path) -> None:
    content = b'id,name,x\r\n1,ann,"q"\n2,bob,z\n3,"a\nb",w\r\n\r\n4,,\r\n'

    assert texts_of(spark, tmp_path, content) == [
        ("1", "ann", "q", None, False),
        ("2", "bob", "z", None, False),
        ("3", "a\nb", "w", None, False),
        ("4", None, None, None, False),
    ]


def test_empty_lines_may_stand_before_the_header(spark: SparkSession, tmp_path: Path) -> None:
    assert texts_of(spark, tmp_path, b"\n\nid,name\n1,ann\n\n2,bob\n") == [
        ("1", "ann", None, False),
        ("2", "bob", None, False),
    ]


def test_a_file_of_a_mark_alone_is_empty(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(b"\xef\xbb\xbf")
    files = list_files(spark, "shop", str(tmp_path))

    (refused,) = find_unreadable(
        spark,
        files,
        pattern=str(tmp_path),
        file_format="csv",
        dialect=Dialect(),
        schemas=ParquetSchemas(spark),
        needed=(),
    )

    assert (refused.code, refused.detail) == ("file.empty", "no header")


def test_lines_may_end_in_returns_alone(spark: SparkSession, tmp_path: Path) -> None:
    assert texts_of(spark, tmp_path, b"id,name\r1,ann\r2,bob\r") == [
        ("1", "ann", None, False),
        ("2", "bob", None, False),
    ]


def test_text_in_another_encoding_is_told_and_never_replaced(spark: SparkSession, tmp_path: Path) -> None:
    content = "\ufeffid,name\n1,j\u00fcrgen\n".encode() + "2,j\u00fcrgen\n".encode("cp1252") + b"3,plain\n"

    assert texts_of(spark, tmp_path, content) == [
        ("1", "j\u00fcrgen", None, False),
        ("2", "j\u00fcrgen", None, True),  # a character for each byte
        ("3", "plain", None, False),
    ]


def test_a_declared_dialect_is_read(spark: SparkSession, tmp_path: Path) -> None:
    content = "id;name;Stra\u00dfe\n1;'j\u00fcrgen; 7 \u20ac';\n".encode("cp1252") + b"2;\x81;x\n"

    rows = texts_of(spark, tmp_path, content, Dialect(";", "'", "cp1252"))

    assert rows == [("1", "j\u00fcrgen; 7 \u20ac", None, None, False), ("2", "\x81", "x", None, True)]


def is_whole(frame: DataFrame) -> bool:
    """Whether the reader behind a frame reads files whole."""
    relation = frame._jdf.queryExecution().logical().collectLeaves().head().relation()
    return bool(relation.options().get("multiLine").get() == "true")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file per case, each with a header of its own, so that each makes a frame."""
    folder = tmp_path_factory.mktemp("delimited")
    for number, (name, body) in enumerate([*SAFE.items(), *UNSAFE.items()]):
        header = HEADER.replace(b"c", b"c%d" % number)
        (folder / f"{number:02d} {name}.csv").write_bytes(header + body.replace(HEADER, header))
    (folder / "80 returns everywhere.csv").write_bytes(b'a,b,c80\r\n1,"2",3\r\n\r\n4,5,6')
    (folder / "81 a byte-order mark.csv").write_bytes(b"\xef\xbb\xbfa,b,c81\n1,2,3\n")
    (folder / "90 a line break in the header.csv").write_bytes(b'a,"b\nb",c90\n1,2,3\n')
    (folder / "91 compressed.csv.gz").write_bytes(gzip.compress(b"a,b,c91\n1,2,3\n"))
    return folder


def test_in_pieces_or_whole_a_file_has_the_same_rows(spark: SparkSession, folder: Path) -> None:
    files = list_files(spark, "shop", str(folder))

    whole, pieces = (read_delimited(spark, files, dialect=Dialect(), split_from=size) for size in (10**9, 1))

    assert rows(pieces) == rows(whole)


def test_files_are_read_in_pieces_where_no_line_break_stands_in_quotes(spark: SparkSession, folder: Path) -> None:
    files = list_files(spark, "shop", str(folder))

    frames = read_delimited(spark, files, dialect=Dialect(), split_from=1)

    split = [Path(unquote(file)).stem for frame in frames if not is_whole(frame) for file in frame.inputFiles()]
    assert {name[3:] for name in split} == {*SAFE, "returns everywhere", "a byte-order mark"}


def test_a_small_file_is_read_whole_without_looking_through_it(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(HEADER + SAFE["plain"])

    (frame,) = read_delimited(spark, list_files(spark, "shop", str(tmp_path)), dialect=Dialect())

    assert is_whole(frame)


def test_a_large_file_is_read_by_several_tasks(spark: SparkSession, tmp_path: Path) -> None:
    line = b'1,"two, 2",3\n'
    (tmp_path / "a.tsv").write_bytes(b"a\tb\tc\n" + line.replace(b",", b"\t") * (12 * 1024 * 1024 // len(line)))

    (frame,) = read_delimited(spark, list_files(spark, "shop", str(tmp_path)), dialect=Dialect("\t"), split_from=1024)

    assert frame.rdd.getNumPartitions() > 1
    assert frame.count() == 12 * 1024 * 1024 // len(line)
