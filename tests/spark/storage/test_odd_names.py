"""Files whose names mean something to Hadoop or to Spark, in every format: each is read as any other."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.config.dialects import Dialect
from oneuser.core.errors import EnvironmentProblem
from oneuser.spark.row_shapes import FILE
from oneuser.storage.delimited import read_delimited
from oneuser.storage.input_bytes import InputBytes
from oneuser.storage.input_listing import InputFile, list_files
from oneuser.storage.inputs import find_broken, read_lines, read_parquet
from oneuser.storage.parquet_schemas import ParquetSchemas

NAMES = [
    "events_2025-02-01_10:00:00", "a:b", ":c", "d:", "{e}", "f{", "[g]", "h[", "i*", "j?", "k,l", "m n", "o%20p", "q%",
    "r#s", "t;u", "v\\w", "x'y\"z", "é", "\u65e5\u672c", "a&b=c", "~d", "-e", "f|g", "h$i", "(j)", "k\nl",
    "2025-02-01T10:00/m", "{n,o}/p:q", "[r]*/s", "t=u:v/w",
]  # fmt: skip


def lines_of(spark: SparkSession, files: list[InputFile]) -> DataFrame:
    return read_lines(spark, files)


def rows_of_csv(spark: SparkSession, files: list[InputFile]) -> DataFrame:
    (frame,) = read_delimited(spark, files, dialect=Dialect())
    return frame.select("a", FILE)


def pieces_of_csv(spark: SparkSession, files: list[InputFile]) -> DataFrame:
    (frame,) = read_delimited(spark, files, dialect=Dialect(), split_from=1)
    return frame.select("a", FILE)


def rows_of_parquet(spark: SparkSession, files: list[InputFile]) -> DataFrame:
    (frame,) = read_parquet(spark, files, ParquetSchemas(spark))
    return frame


def write_lines(path: Path, text: str) -> None:
    path.write_text(text)


def write_gzip(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode()))


def write_csv(path: Path, text: str) -> None:
    path.write_text(f"a,b\n{text},x\n")


def write_parquet(path: Path, text: str) -> None:
    pq.write_table(pa.table({"a": [text]}), path)


@pytest.mark.parametrize(
    ("ending", "write", "read"),
    [
        ("jsonl", write_lines, lines_of),
        ("jsonl.gz", write_gzip, lines_of),
        ("csv", write_csv, rows_of_csv),
        ("csv", write_csv, pieces_of_csv),
        ("parquet", write_parquet, rows_of_parquet),
    ],
    ids=["lines", "compressed lines", "csv", "csv in pieces", "parquet"],
)
def test_every_file_is_read_whatever_it_is_called(
    ending: str,
    write: Callable[[Path, str], None],
    read: Callable[[SparkSession, list[InputFile]], DataFrame],
    spark: SparkSession,
    tmp_path: Path,
) -> None:
    written = {}
    for number, name in enumerate(NAMES):
        path = tmp_path / f"{name}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, str(number))
        written[f"file:{path}"] = str(number)

    files = list_files(spark, "web", str(tmp_path))

    assert {unquote(file.path) for file in files} == set(written)
    rows = [tuple(row) for row in read(spark, files).collect()]
    # each of them once
    assert sorted(
        (unquote(path), value if isinstance(value, str) else bytes(value).decode()) for value, path in rows
    ) == sorted(written.items())
    assert {path for _, path in rows} == {file.path for file in files}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*:*.x", ["a:b.x"]),
        ("{a:b,c}.x", ["a:b.x", "c.x"]),
        ("d/{e/f,g}.x", ["d/e/f.x", "d/g.x"]),
        ("*/e/*.x", ["d/e/f.x"]),
        ("[ac]*.x", ["a:b.x", "c.x"]),
        ("?.x", ["c.x", "*.x"]),
        ("*.x", ["a:b.x", "c.x", "[c].x", "*.x", "h[.x"]),
        # one that is called as it is written is meant too
        ("[c].x", ["c.x", "[c].x"]),
        (r"\[c\].x", ["[c].x"]),
        (r"\*.x", ["*.x"]),
        # what cannot be a pattern is a name
        ("h[.x", ["h[.x"]),
        ("nothing/*.x", []),
        ("c.x/*", []),
    ],
)
def test_a_pattern_matches_what_hadoop_means_by_it(
    pattern: str, names: list[str], spark: SparkSession, tmp_path: Path
) -> None:
    for name in ("a:b.x", "c.x", "[c].x", "*.x", "h[.x", "d/e/f.x", "d/g.x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    try:
        found = [unquote(file.path) for file in list_files(spark, "web", f"{tmp_path}/{pattern}")]
    except EnvironmentProblem:
        found = []

    assert sorted(found) == sorted(f"file:{tmp_path}/{name}" for name in names)


def test_a_file_that_is_hidden_by_its_name_is_told_of(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "_events.jsonl").write_text("x")

    with pytest.raises(EnvironmentProblem, match="1 that match begin with _"):
        list_files(spark, "web", f"{tmp_path}/*.jsonl")


def test_a_name_that_java_cannot_read_is_told_of(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("x")
    (tmp_path / os.fsdecode(b"\xff.jsonl")).write_text("x")

    with pytest.raises(EnvironmentProblem, match="names of files that Java cannot read: 1"):
        list_files(spark, "web", f"{tmp_path}/*.jsonl")


def test_a_copy_under_way_is_no_file_yet(spark: SparkSession, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl._COPYING_"):
        (tmp_path / name).write_text("x")

    assert [Path(file.path).name for file in list_files(spark, "web", str(tmp_path))] == ["a.jsonl"]


def test_a_setting_of_the_session_lets_no_damaged_file_pass(spark: SparkSession, tmp_path: Path) -> None:
    whole = gzip.compress(b"\n".join(b"%d" % number for number in range(5000)))
    (tmp_path / "a:b.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    files = list_files(spark, "web", str(tmp_path))

    spark.conf.set("spark.sql.files.ignoreCorruptFiles", "true")
    try:
        broken = find_broken(spark, files, file_format="jsonl", dialect=Dialect(), schemas=ParquetSchemas(spark))
    finally:
        spark.conf.unset("spark.sql.files.ignoreCorruptFiles")

    assert [one.file for one in broken] == files
    assert InputBytes(spark).head(files[0], 3) == b"0\n1"
