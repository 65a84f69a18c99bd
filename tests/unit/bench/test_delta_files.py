from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.delta_files import Stored, Written, commits_of, copy_warehouse, stored, written_by


def commit(table: Path, version: int, *files: str) -> Path:
    """A commit that adds these files of three rows each."""
    log = table / "_delta_log" / f"{version:020d}.json"
    log.parent.mkdir(parents=True, exist_ok=True)
    actions = [{"commitInfo": {}}, {"remove": {"path": "gone.parquet"}}, *({"add": {"path": file}} for file in files)]
    log.write_text("\n".join(map(json.dumps, actions)), encoding="utf-8")
    for file in files:
        pq.write_table(pa.table({"n": [1, 2, 3]}), table / file.replace("%20", " "))
    return log


def test_what_commits_added_is_counted_by_their_files(tmp_path: Path) -> None:
    commit(tmp_path / "tables" / "edges", 0, "a.parquet")
    before = commits_of(tmp_path)
    commit(tmp_path / "tables" / "edges", 1, "b%20c.parquet", "d.parquet")
    commit(tmp_path / "control" / "runs", 0, "e.parquet")

    written = written_by(tmp_path, commits_of(tmp_path) - before)

    size = (tmp_path / "tables" / "edges" / "d.parquet").stat().st_size
    assert written == Written(commits=2, commits_outside_control=1, files=3, rows=9, bytes=3 * size)


def test_files_of_all_kinds_are_stored(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.parquet").write_bytes(b"123")
    (tmp_path / "published.json").write_bytes(b"12345")

    assert stored(tmp_path) == Stored(files=2, bytes=8)


def test_a_copy_does_not_change_with_what_is_rewritten_in_place(tmp_path: Path) -> None:
    source, copy = tmp_path / "warehouse", tmp_path / "copy"
    commit(source / "tables" / "edges", 0, "a.parquet")
    (source / "published.json").write_text("one", encoding="utf-8")
    copy.mkdir()
    (copy / "older.json").touch()

    copy_warehouse(source, copy)
    (source / "published.json").write_text("two", encoding="utf-8")

    assert (copy / "published.json").read_text(encoding="utf-8") == "one"
    assert not (copy / "older.json").exists()
    assert (copy / "tables" / "edges" / "a.parquet").stat().st_nlink == 2
