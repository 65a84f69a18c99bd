"""Files of any storage are searched through Hadoop, with what a search of the disk finds."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from oneuser.core.errors import OneUserError
from oneuser.storage import byte_scan
from oneuser.storage.byte_scan import Scan, scan_files, scan_stored

ANN, BOB = "Ann@Example.com", "bob@example.net"
VALUES = {"ask-1": [ANN], "ask-2": [BOB]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "ware house"
    for folder in ("tables/events/_delta_log", "raw/requests", "control"):
        (root / folder).mkdir(parents=True)
    rows = pa.table({"id": [1, 2], "who": [["ann@example.com"], ["x"]]})
    pq.write_table(rows, root / "tables" / "events" / "part-0.parquet", compression="zstd")
    pq.write_table(pa.table({"who": ["nobody"]}), root / "tables" / "events" / "part-1.parquet")
    (root / "tables" / "events" / "_delta_log" / "00000000000000000000.json").write_text(f'{{"path": "{BOB}"}}')
    (root / "tables" / "events" / "_delta_log" / "_last_checkpoint").write_text(f"for {ANN}")
    (root / "raw" / "requests" / "ask-1.json").write_text(ANN)
    (root / "control" / "odd+ c%20{x}.log.gz").write_bytes(gzip.compress(BOB.encode()))
    (root / "control" / ".part").write_text(BOB)
    (root / "control" / "copy._COPYING_").write_text(BOB)
    (root / "control" / "empty").write_text("")
    return root


def names(scan: Scan) -> set[tuple[str, str]]:
    """Beginnings of the names of files, which paths and URIs write alike, with the request."""
    return {(hit.path.rpartition("/")[2][:4], hit.request_id) for hit in scan.hits}


def test_a_search_through_hadoop_finds_what_one_of_the_disk_does(spark: SparkSession, root: Path) -> None:
    sealed = [str(root / "raw" / "requests")]

    on_disk = scan_files(spark, [str(root)], VALUES, without=sealed)
    stored = scan_stored(spark, [f"file:{root}"], VALUES, without=sealed)

    assert names(stored) == names(on_disk)
    assert names(stored) == {
        ("part", "ask-1"), ("0000", "ask-2"), ("_las", "ask-1"), ("odd+", "ask-2"), (".par", "ask-2"),
        ("copy", "ask-2"),
    }  # fmt: skip
    assert (stored.n_files, stored.n_bytes, stored.too_large) == (on_disk.n_files, on_disk.n_bytes, [])


def test_a_file_that_cannot_be_read_is_named_and_not_counted(spark: SparkSession, root: Path) -> None:
    closed = root / "control" / "closed"
    closed.write_text(ANN)
    searched = byte_scan.find_below([str(root)], [])
    # the superuser may read whatever there is, so it is none when it is opened
    closed.unlink()
    closed.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_scan, "find_below", lambda *_: searched)
        scan = scan_files(spark, [str(root)], VALUES, without=[])

    assert scan.unreadable == [str(closed)]
    assert scan.n_files == len(searched.sizes) - 1


def test_a_file_that_is_too_large_there_is_named(
    spark: SparkSession, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_scan, "_LARGEST", 50)

    scan = scan_stored(spark, [f"file:{root}/tables"], VALUES, without=[])

    assert {path.rpartition("/")[2] for path in scan.too_large} == {"part-0.parquet", "part-1.parquet"}
    assert {hit.request_id for hit in scan.hits} == {"ask-1", "ask-2"}


def test_a_file_that_spark_leaves_out_unasked_is_told(
    spark: SparkSession, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "control" / "copy._COPYING_").unlink()
    # as a later Spark may hide other names
    (root / "control" / "late._COPYING_").write_text(BOB)
    monkeypatch.setattr(byte_scan, "is_hidden", lambda name, **_: name.startswith(("_", ".")))

    with pytest.raises(OneUserError, match="0 of 1 files were read"):
        scan_stored(spark, [f"file:{root}/control"], VALUES, without=[str(root / "control" / "odd+ c%20{x}.log.gz")])
