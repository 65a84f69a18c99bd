"""Which input files there are: what is hidden, how paths are written, and how few calls it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from py4j.clientserver import ClientServerConnection
from pyspark.sql import SparkSession

from oneuser.core.errors import EnvironmentProblem
from oneuser.storage.input_listing import list_files

SHOWN = ["a.jsonl", "date=2026-05-01/b.jsonl", "_date=1/c.jsonl", "deep/er/d.jsonl", "odd {1} é%20#?;,/e f.jsonl"]
HIDDEN = ["_SUCCESS", ".a.jsonl.crc", "_temporary/0/x.jsonl", ".git/x.jsonl", "deep/_x.jsonl", "deep/.spool/x.jsonl"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of input files and of others that nobody means."""
    for number, name in enumerate([*SHOWN, *HIDDEN]):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (number + 1))
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    return tmp_path / "in"


@pytest.fixture
def mount(spark: SparkSession, tree: Path) -> Iterator[str]:
    """The same folder in a file system that is not the local one: a mount table."""
    conf = spark._jsc.hadoopConfiguration()
    key = "fs.viewfs.mounttable.tests.link./in"
    conf.set(key, tree.as_uri())
    yield "viewfs://tests/in"
    conf.unset(key)


def test_folders_are_searched_to_the_bottom_and_hidden_names_left_out(spark: SparkSession, tree: Path) -> None:
    files = list_files(spark, "web", str(tree))

    assert sorted(unquote(file.path) for file in files) == sorted(f"file:{tree}/{name}" for name in SHOWN)
    assert {(file.n_bytes, file.modified_ms) for file in files} == {
        (number + 1, (1_700_000_000 + number) * 1000) for number in range(len(SHOWN))
    }


def test_a_path_is_written_as_spark_reports_it_beside_a_row(spark: SparkSession, tree: Path) -> None:
    reported = spark.read.text(str(tree), recursiveFileLookup=True).select("_metadata.file_path").distinct().collect()

    listed = {file.path for file in list_files(spark, "web", f"{tree}/*")}

    assert {row["file_path"] for row in reported} - listed == set()


def test_another_file_system_is_listed_as_a_whole_and_gives_the_same(
    spark: SparkSession, tree: Path, mount: str
) -> None:
    there = list_files(spark, "web", mount)

    here = list_files(spark, "web", str(tree))
    assert [(file.path.partition("/in/")[2], file.n_bytes, file.modified_ms) for file in there] == [
        (file.path.partition("/in/")[2], file.n_bytes, file.modified_ms) for file in here
    ]


def test_calls_of_the_jvm_do_not_grow_with_the_number_of_files(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, n_files in (("few", 5), ("many", 300)):
        (tmp_path / folder).mkdir()
        for number in range(n_files):
            (tmp_path / folder / f"{number}.jsonl").touch()
    list_files(spark, "web", str(tmp_path / "few"))
    calls: list[str] = []
    send = ClientServerConnection.send_command

    def count(self: ClientServerConnection, command: str) -> str:
        # what is freed is said by the way
        if not command.startswith("m"):
            calls.append(command)
        return str(send(self, command))

    monkeypatch.setattr(ClientServerConnection, "send_command", count)

    found = [(len(list_files(spark, "web", str(tmp_path / name))), len(calls)) for name in ("few", "many")]

    (n_few, after_few), (n_many, after_many) = found
    assert (n_few, n_many) == (5, 300)
    assert after_many - after_few == after_few


def test_a_pattern_that_matches_nothing_says_where_it_is_configured(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"sources\.web\.path"):
        list_files(spark, "web", f"{tmp_path}/*.jsonl")
