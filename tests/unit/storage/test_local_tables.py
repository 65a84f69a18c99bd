"""Tables of a local warehouse without Spark: the rows that are asked for, of the version that is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from oneuser.contracts.control import RUNS
from oneuser.contracts.graph import FILES, IDENTIFIERS
from oneuser.contracts.identity import LINEAGE
from oneuser.contracts.marts import ATTRIBUTION_SUMMARY
from oneuser.storage.file_ledger import known_on_disk
from oneuser.storage.input_listing import InputFile
from oneuser.storage.layout import Layout
from oneuser.storage.local_tables import LocalTables
from oneuser.storage.table_reader import read_rows, rows_of
from oneuser.storage.uncertain import UncertainError

AT = datetime(2026, 5, 1, 10, 0, 0, 123_000, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


def row(source: str, file: str, *, n_bytes: int = 7) -> dict[str, Any]:
    return {"source": source, "file": file, "n_bytes": n_bytes, "modified_at": AT}


@pytest.fixture
def tables(tmp_path: Path) -> LocalTables:
    """A ledger of two versions: 500 files, then two more, of which one is called as another source's."""
    layout = Layout.of(str(tmp_path))
    history = [row("web", f"file:/in/{number}.jsonl") for number in range(500)]
    for rows in (history, [row("app", "file:/in/7.jsonl"), row("web", "file:/in/new.jsonl")]):
        write_deltalake(layout.path(FILES), pa.Table.from_pylist(rows, schema=SCHEMA), mode="append")
    return LocalTables(layout)


SCHEMA = pa.schema([FILES.arrow_schema.field(name) for name in ("source", "file", "n_bytes", "modified_at")])


def test_rows_are_those_of_a_version_in_python(tables: LocalTables) -> None:
    before, now = (read_rows(tables, FILES, version, columns=["file", "modified_at"]) for version in (0, 1))

    assert (len(before), len(now)) == (500, 502)
    assert {"file": "file:/in/7.jsonl", "modified_at": AT} in before
    assert (tables.versions(FILES), tables.head(FILES)) == ({0, 1}, 1)
    assert (read_rows(tables, FILES, None), tables.head(IDENTIFIERS)) == ([], None)


def test_rows_fit_every_column_that_is_named(tables: LocalTables) -> None:
    of_app = {"source": {"app", "shop"}}

    assert read_rows(tables, FILES, 1, columns=["file"], where=of_app) == [{"file": "file:/in/7.jsonl"}]
    assert read_rows(tables, FILES, 1, columns=["source"], where=of_app | {"file": ["file:/in/new.jsonl"]}) == []
    assert read_rows(tables, FILES, 1, columns=["source"], where={"file": []}) == []
    assert len(read_rows(tables, FILES, 1, columns=["source"], where={"n_bytes": [7, 8]})) == 502


@pytest.mark.parametrize(("limit", "n_rows"), [(0, 0), (3, 3), (502, 502), (900, 502)])
def test_no_more_rows_come_than_are_wanted(tables: LocalTables, limit: int, n_rows: int) -> None:
    assert len(read_rows(tables, FILES, 1, columns=["file"], limit=limit)) == n_rows


def test_columns_that_an_earlier_version_did_not_know_are_null_unless_runs_decide_by_them(tmp_path: Path) -> None:
    layout = Layout.of(str(tmp_path))
    for contract, lacking in ((ATTRIBUTION_SUMMARY, {"lookback", "zone", "is_negative"}), (RUNS, {"exit_code"})):
        schema = pa.schema([f.with_nullable(True) for f in contract.arrow_schema if f.name not in lacking])
        rows = [dict.fromkeys(schema.names)] * 2
        write_deltalake(layout.path(contract), pa.Table.from_pylist(rows, schema=schema))
    tables = LocalTables(layout)

    lacked = {"zone": None, "is_negative": None}
    assert (
        read_rows(tables, ATTRIBUTION_SUMMARY, 0, columns=["zone", "model", "is_negative"])
        == [lacked | {"model": None}] * 2
    )
    assert read_rows(tables, ATTRIBUTION_SUMMARY, 0, columns=list(lacked)) == [lacked] * 2
    assert read_rows(tables, ATTRIBUTION_SUMMARY, 0, columns=["model"], where={"zone": ["UTC"]}) == []
    assert tables.held(ATTRIBUTION_SUMMARY, 0, columns=["lookback"]).column("lookback").null_count == 2
    with pytest.raises(UncertainError):
        read_rows(tables, RUNS, 0, columns=["exit_code"])


def test_values_of_a_column_come_once(tables: LocalTables) -> None:
    assert tables.distinct(FILES, 1, "source") == {"web", "app"}
    assert tables.distinct(FILES, None, "source") == set()


def test_all_rows_come_in_order_with_nulls_first(tmp_path: Path) -> None:
    layout = Layout.of(str(tmp_path))
    keys = [(2, "b"), (1, "b"), (1, None), (10, "a"), (1, "Z"), (1, "é")]
    rows = [dict.fromkeys(LINEAGE.columns) | {"run_seq": run, "other_user_id": user} for run, user in keys]
    schema = pa.schema([field.with_nullable(True) for field in LINEAGE.arrow_schema])
    write_deltalake(layout.path(LINEAGE), pa.Table.from_pylist(rows, schema=schema))

    found = rows_of(LocalTables(layout).ordered(LINEAGE, 0, by=["run_seq", "other_user_id"]))

    ordered = [(1, None), (1, "Z"), (1, "b"), (1, "é"), (2, "b"), (10, "a")]
    assert [(row["run_seq"], row["other_user_id"]) for row in found] == ordered
    assert list(LocalTables(layout).ordered(LINEAGE, None, by=["run_seq"])) == []


def test_rows_have_the_types_of_the_contract_and_maps_are_dictionaries(tmp_path: Path) -> None:
    layout = Layout.of(str(tmp_path))
    absent = dict.fromkeys(RUNS.columns)
    rows = [absent | {"run_seq": 1, "tables": [("files", 3)]}, absent | {"run_seq": 2}]
    schema = pa.schema([field.with_nullable(True) for field in RUNS.arrow_schema])
    write_deltalake(layout.path(RUNS), pa.Table.from_pylist(rows, schema=schema))
    tables = LocalTables(layout)

    assert [batch.schema.types for batch in tables.batches(RUNS, 0)] == [RUNS.arrow_schema.types]
    found = {row["run_seq"]: row["tables"] for row in read_rows(tables, RUNS, 0)}
    assert found == {1: {"files": 3}, 2: None}


def test_a_version_of_large_files_is_no_answer(tables: LocalTables) -> None:
    small = LocalTables(tables.layout, most_bytes=100)

    with pytest.raises(UncertainError, match="files is large"):
        read_rows(small, FILES, 1, columns=["file"])
    with pytest.raises(UncertainError, match="files is large"):
        small.distinct(FILES, 1, "source")


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
            read_rows(tables, FILES, version, columns=["file"])
    with pytest.raises(UncertainError, match="files cannot be read"):
        read_rows(tables, FILES, 1, columns=["digest"])
    with pytest.raises(UncertainError, match=r"nothing\.json cannot be read"):
        tables.text("nothing.json")
