"""Tables without Spark as long as that can be: the rest is told by a stand-in for Spark that counts how it is asked."""

# ruff: noqa: ARG002 - a stand-in answers whatever it is asked

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from oneuser.contracts.graph import FILES
from oneuser.contracts.table import TableContract
from oneuser.storage.asked_counts import Groups, Top
from oneuser.storage.layout import Layout
from oneuser.storage.local_tables import LocalTables
from oneuser.storage.quick_tables import QuickTables
from oneuser.storage.table_reader import Row, read_rows, rows_of

SOURCES = pa.schema([FILES.arrow_schema.field("source")])


class Spark:
    """Knows one row of every table."""

    def __init__(self) -> None:
        self.root = "where Spark reads"
        self.n_starts = 0

    def start(self) -> Spark:
        self.n_starts += 1
        return self

    def exists(self) -> bool:
        return False

    def text(self, name: str) -> str:
        return f"{name} by Spark"

    def head(self, contract: TableContract) -> int | None:
        return 7

    def batches(self, contract: TableContract, version: int | None, **how: Any) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist([{"source": "spark"}], schema=SOURCES)

    def ordered(self, contract: TableContract, version: int | None, *, by: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return self.batches(contract, version)

    def distinct(self, contract: TableContract, version: int | None, column: str) -> set[Any]:
        return {"spark"}

    def groups(self, contract: TableContract, version: int | None, asked: Groups) -> list[Row]:
        return [{"source": "spark"}]

    def top(self, contract: TableContract, version: int | None, asked: Top) -> list[Row]:
        return [{"source": "spark"}]

    def data_files(self, contract: TableContract, version: int | None) -> list[str]:
        return ["by Spark"]


@pytest.fixture
def spark() -> Spark:
    return Spark()


@pytest.fixture
def tables(tmp_path: Path, spark: Spark) -> QuickTables:
    layout = Layout.of(str(tmp_path))
    write_deltalake(layout.path(FILES), pa.Table.from_pylist([{"source": "disk"}], schema=SOURCES))
    return QuickTables(LocalTables(layout), spark.start)


def sources(tables: QuickTables, version: int) -> list[str]:
    return [row["source"] for row in read_rows(tables, FILES, version, columns=["source"])]


def test_what_can_be_read_without_spark_starts_none(tables: QuickTables, spark: Spark, tmp_path: Path) -> None:
    assert (tables.root, tables.head(FILES), tables.exists()) == (str(tmp_path), 0, False)
    assert (sources(tables, 0), tables.distinct(FILES, 0, "source")) == (["disk"], {"disk"})
    assert spark.n_starts == 0


def test_what_cannot_is_read_through_spark_and_so_is_all_that_follows(tables: QuickTables, spark: Spark) -> None:
    assert tables.text("nothing.json") == "nothing.json by Spark"
    assert (sources(tables, 0), tables.head(FILES), tables.distinct(FILES, 0, "source")) == (["spark"], 7, {"spark"})
    assert spark.n_starts == 1


def test_no_row_comes_twice_where_a_file_breaks_off(tables: QuickTables, spark: Spark, tmp_path: Path) -> None:
    # given a second file, which is gone when its turn comes
    folder = Path(Layout.of(str(tmp_path)).path(FILES))
    before = set(folder.glob("*.parquet"))
    write_deltalake(folder, pa.Table.from_pylist([{"source": "gone"}], schema=SOURCES), mode="append")
    (new,) = set(folder.glob("*.parquet")) - before
    new.unlink()

    assert [row["source"] for row in rows_of(tables.ordered(FILES, 1, by=["source"]))] == ["spark"]
    assert sources(tables, 1) == ["spark"]
    assert spark.n_starts == 1
