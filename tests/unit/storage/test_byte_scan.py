"""Values are found in files whatever these are: Parquet and gzip decoded, everything else as bytes."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oneuser.core.sought_values import Sought
from oneuser.storage import byte_scan
from oneuser.storage.byte_scan import find_below, requests_in

WANTED = Sought({"a": ["ann@example.com"], "b": ["bob@example.com"]})


def test_a_text_is_searched_in_whatever_case(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("called Ann@Example.com")

    assert requests_in(path, WANTED) == {"a"}


def test_gzip_is_decoded_and_half_of_one_is_no_failure(tmp_path: Path) -> None:
    whole, half = tmp_path / "whole.gz", tmp_path / "half.gz"
    whole.write_bytes(gzip.compress(b"bob@example.com"))
    half.write_bytes(gzip.compress(b"bob@example.com" * 100)[:20])

    assert requests_in(whole, WANTED) == {"b"}
    assert requests_in(half, WANTED) == set()


def test_every_text_of_a_parquet_file_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = pa.table(
        {
            "number": [1, 2],
            "nested": [[{"value": "ann@example.com", "key": b"x"}], []],
            "map": pa.array([[("k", "bob@example.com")], []], pa.map_(pa.string(), pa.string())),
        }
    )
    pq.write_table(rows, path, compression="zstd")

    assert requests_in(path, WANTED) == {"a", "b"}


def test_a_value_across_two_pieces_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_scan, "_PIECE", 16)
    monkeypatch.setattr(byte_scan, "_OVERLAP", 24)
    path = tmp_path / "long.log"
    path.write_text("x" * 10 + " ann@example.com " + "y" * 50)

    assert requests_in(path, WANTED) == {"a"}


def test_a_file_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert requests_in(tmp_path / "gone", WANTED) == set()


def test_a_file_that_cannot_be_read_does_not_count_as_searched(tmp_path: Path) -> None:
    # no permissions keep the superuser from a file; a folder can be read as one by nobody
    folder = tmp_path / "looks-like-a-file.gz"
    folder.mkdir()

    assert requests_in(folder, WANTED) is None


def test_what_cannot_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    for folder in ("closed", "open", "gone"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("four")
    (tmp_path / "link").symlink_to(tmp_path / "open" / "file")
    scandir = os.scandir

    def scan(place: str) -> object:
        if place == str(closed):
            raise PermissionError(13, "Permission denied", place)
        if place.endswith("gone"):
            raise FileNotFoundError(2, "No such file or directory", place)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", scan)

    found = find_below([str(tmp_path)], [])

    assert found.sizes == {tmp_path / "open" / "file": 4}
    assert found.unreadable == {str(closed)}
    assert find_below([str(tmp_path)], [str(closed), str(tmp_path / "open" / "file")]) == ({}, set())
