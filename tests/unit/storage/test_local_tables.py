"""Tables of a local warehouse without Spark: the rows that are asked for, of the version that is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from oneuser.contracts.graph import FILES
from oneuser.storage.file_ledger import known_on_disk
from oneuser.storage.input_listing import InputFile
from oneuser.storage.layout import Layout
from oneuser.storage.local_listing import UncertainError
from oneuser.storage.local_tables import LocalTables

AT = datetime(2026, 5, 1, 10, 0, 0, 123_000, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


def row(source: str, file: str, *, n_bytes: int = 7) -> dict[str, Any]:
    return {"source": source, "file": file, "n_bytes": n_bytes, "modified_at": AT, "tables": [("a", 1)]}


@pytest.fixture
def tables(tmp_path: Path) -> LocalTables:
    """A ledger of two versions: 500 files, then two more, of which one is called as another source's."""
    layout = Layout.of(str(tmp_path))
    history = [row("web", f"file:/in/{number}.jsonl") for number in range(500)]
    for rows in (history, [row("app", "file:/in/7.jsonl"), row("web", "file:/in/new.jsonl")]):
        write_deltalake(layout.path(FILES), pa.Table.from_pylist(rows, schema=SCHEMA), mode="append")
    return LocalTables(layout)


SCHEMA = pa.schema(
    {
        "source": pa.string(), "file": pa.string(), "n_bytes": pa.int64(), "modified_at": pa.timestamp("us", "UTC"),
        "tables": pa.map_(pa.string(), pa.int64()),
    }
)  # fmt: skip


def test_rows_are_those_of_a_version_in_python(tables: LocalTables) -> None:
    before, now = (list(tables.rows(FILES, version, columns=["file", "modified_at"])) for version in (0, None))

    assert (len(before), len(now)) == (500, 502)
    assert {"file": "file:/in/7.jsonl", "modified_at": AT} in before
    assert [row["tables"] for row in tables.rows(FILES, columns=["tables"], only="source = 'app'")] == [[("a", 1)]]
    assert tables.versions(FILES) == {0, 1}


def test_of_the_ledger_only_the_files_that_are_asked_for_are_kept(tables: LocalTables) -> None:
    asked = [InputFile("web", f"file:/in/{name}.jsonl", 7, AT_MS) for name in ("7", "new", "never")]

    assert known_on_disk(tables, 1, asked) == {
        ("web", f"file:/in/{name}.jsonl"): {"n_bytes": 7, "modified_ms": AT_MS} for name in ("7", "new")
    }
    assert set(known_on_disk(tables, 0, asked)) == {("web", "file:/in/7.jsonl")}
    assert known_on_disk(tables, None, asked) == known_on_disk(tables, 1, []) == {}


def test_a_time_within_a_millisecond_is_of_that_millisecond(tmp_path: Path) -> None:
    layout = Layout.of(str(tmp_path))
    late = row("web", "file:/in/7.jsonl") | {"modified_at": AT + timedelta(microseconds=999)}
    write_deltalake(layout.path(FILES), pa.Table.from_pylist([late], schema=SCHEMA))

    known = known_on_disk(LocalTables(layout), 0, [InputFile("web", "file:/in/7.jsonl", 7, AT_MS)])

    assert [one["modified_ms"] for one in known.values()] == [AT_MS]


def test_what_is_not_there_is_no_answer(tables: LocalTables) -> None:
    for version in (2, 99):
        with pytest.raises(UncertainError, match="files cannot be read"):
            list(tables.rows(FILES, version, columns=["file"]))
    with pytest.raises(UncertainError, match="files cannot be read"):
        list(tables.rows(FILES, columns=["digest"]))
    with pytest.raises(UncertainError, match=r"nothing\.json cannot be read"):
        tables.text("nothing.json")
