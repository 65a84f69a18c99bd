"""Values are found in files whatever these are: Parquet and gzip decoded, everything else as bytes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oneuser.storage import byte_scan
from oneuser.storage.byte_scan import Sought, requests_in

WANTED = Sought({b"ann@example.com": "a", b"bob@example.com": "b"})


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
    path = tmp_path / "long.log"
    path.write_text("x" * 10 + " ann@example.com " + "y" * 50)

    assert requests_in(path, WANTED) == {"a"}


def test_a_file_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert requests_in(tmp_path / "gone", WANTED) == set()
