"""Few rows committed without Spark are a table as Delta writes it, to every reader and to whoever writes next."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.changes import CHANGES
from oneuser.contracts.control import PUBLICATIONS
from oneuser.contracts.identity import DIM_USER
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.registry import TABLES
from oneuser.contracts.table import TableContract
from oneuser.core.errors import ContractError, EnvironmentProblem
from oneuser.storage import few_rows
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.few_rows import LocalTable
from oneuser.storage.transaction import Transaction
from oneuser.storage.warehouse import Warehouse

TAG = CommitTag(run_seq=7, attempt=2, fence=9)
NOON = datetime(2026, 3, 1, 12, 30, 15, 123_456, tzinfo=UTC)


def value_of(dtype: pa.DataType, number: int) -> Any:
    """Some value of a type; the same for the same number."""
    if pa.types.is_map(dtype):
        return {value_of(dtype.key_type, number): value_of(dtype.item_type, number)}
    if pa.types.is_list(dtype):
        return [value_of(dtype.value_type, number), value_of(dtype.value_type, number + 1)]
    if pa.types.is_struct(dtype):
        return {field.name: value_of(field.type, number) for field in dtype}
    if pa.types.is_decimal(dtype):
        return Decimal(number).scaleb(-dtype.scale)
    plain: dict[pa.DataType, Any] = {
        pa.string(): f"Zoë {number}",
        pa.int64(): 2**62 + number,
        pa.int32(): number,
        pa.float64(): number / 3,
        pa.bool_(): number % 2 == 0,
        pa.timestamp("us", tz="UTC"): NOON,
        pa.date32(): date(1969, 12, 31),
        pa.binary(): bytes([number, 0, 255]),
    }
    return plain[dtype]


def some_rows(contract: TableContract, *numbers: int) -> list[dict[str, Any]]:
    """Rows with a value in every column, and one in which all is null that may be."""
    full = [{f.name: value_of(f.type, number) for f in contract.arrow_schema} for number in numbers]
    sparse = {f.name: value_of(f.type, 99) for f in contract.arrow_schema if not f.nullable}
    return [*full, sparse] if numbers else []


def plain(rows: list[Any]) -> list[str]:
    """Rows to compare, whatever their order."""
    return sorted(json.dumps(row.asDict(recursive=True), default=str, sort_keys=True) for row in rows)


@pytest.mark.parametrize("name", ["attribution_credits", "dim_user", "events", "publications"])
def test_written_and_read_as_delta_does(spark: SparkSession, warehouse_path: Path, name: str) -> None:
    contract = TABLES[name]
    rows = contract.frame(spark, some_rows(contract, 1, 2))
    few, other = Warehouse(spark, str(warehouse_path / "few")), Warehouse(spark, str(warehouse_path / "delta"))
    assert few.append(contract, rows, TAG, are_few=True) == other.append(contract, rows, TAG) == (0, 3)
    assert "oneuser" in few.files.read_text(f"{few.layout.log(contract)}/{0:020d}.json")

    frames = [spark.read.format("delta").load(one.path(contract)) for one in (few, other)]
    assert frames[0].schema == frames[1].schema
    assert plain(frames[0].collect()) == plain(frames[1].collect())
    assert plain(few.read(contract, 0).collect()) == plain(other.read(contract, 0).collect())
    tables = [DeltaTable(one.path(contract)) for one in (few, other)]
    assert tables[0].schema().to_json() == tables[1].schema().to_json()
    assert tables[0].metadata().configuration == tables[1].metadata().configuration
    assert tables[0].protocol() == tables[1].protocol()
    assert tables[0].to_pyarrow_table().num_rows == 3


def test_both_ways_take_turns(spark: SparkSession, warehouse_path: Path) -> None:
    """Each version, whoever wrote it after whom, has the rows that it was given; and Delta itself finds them."""
    warehouse = Warehouse(spark, str(warehouse_path))
    expected: list[list[str]] = []
    steps = [("append", True), ("append", False), ("append", True), ("replace", True), ("append", False),
             ("replace", False), ("replace", True), ("append", True)]  # fmt: skip
    for number, (mode, are_few) in enumerate(steps):
        given = some_rows(DIM_USER, number)
        write = warehouse.append if mode == "append" else warehouse.replace
        version, n_rows = write(DIM_USER, DIM_USER.frame(spark, given), TAG, are_few=are_few)
        assert (version, n_rows) == (number, 2)
        users = [row["user_id"] for row in given]
        expected.append(sorted(users if mode == "replace" or not expected else [*expected[-1], *users]))

    path = warehouse.path(DIM_USER)
    for version, users in enumerate(expected):
        found = warehouse.read(DIM_USER, version).select("user_id").collect()
        asked = spark.read.format("delta").option("versionAsOf", version).load(path).select("user_id").collect()
        read = DeltaTable(path, version=version).to_pyarrow_table(columns=["user_id"]).column(0).to_pylist()
        assert sorted(row[0] for row in found) == sorted(row[0] for row in asked) == sorted(read) == users
    assert [commit.tag for commit in warehouse.commits(DIM_USER, after=-1, up_to=len(steps) - 1)] == [TAG] * len(steps)
    # what was added without Spark is taken up where Delta writes next, without its log being replayed
    assert (transaction := Transaction.begin(spark, path)) is not None
    assert transaction.fits(DIM_USER.described(DIM_USER.empty(spark)))
    warehouse.restore(DIM_USER, 3, TAG)
    assert [row[0] for row in warehouse.read(DIM_USER, 8).select("user_id").orderBy("user_id").collect()] == expected[3]


def test_no_rows_in_the_place_of_others_are_a_version_without_a_file_and_none_that_are_added_are_none(
    spark: SparkSession, warehouse_path: Path
) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    assert warehouse.replace(CHANGES, CHANGES.empty(spark), TAG, are_few=True) == (0, 0)
    assert warehouse.replace(CHANGES, CHANGES.empty(spark), TAG, are_few=True) == (1, 0)
    assert warehouse.append(CHANGES, CHANGES.empty(spark), TAG, are_few=True) == (1, 0)
    assert warehouse.head(CHANGES) == 1
    assert not list(warehouse_path.rglob("*.parquet"))
    assert spark.read.format("delta").load(warehouse.path(CHANGES)).count() == 0
    assert warehouse.append(CHANGES, CHANGES.frame(spark, some_rows(CHANGES, 1)), TAG) == (2, 2)
    assert warehouse.read(CHANGES, 2).count() == 2


def test_an_incomplete_row_is_refused_before_anything_is_committed(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    rows = DIM_USER.frame(spark, some_rows(DIM_USER, 1)).withColumn("user_id", F.lit(None).cast("string"))
    with pytest.raises(ContractError, match="user_id is null in 2 rows"):
        warehouse.append(DIM_USER, rows, TAG, are_few=True)
    assert warehouse.head(DIM_USER) is None


def test_a_version_is_made_once(spark: SparkSession, warehouse_path: Path) -> None:
    """Who has looked at the table before somebody else's commit is told, and leaves nothing behind."""
    warehouse = Warehouse(spark, str(warehouse_path))
    folder = Path(warehouse.path(DIM_USER))
    rows = DIM_USER.frame(spark, some_rows(DIM_USER, 1))
    warehouse.append(DIM_USER, rows, TAG, are_few=True)
    table = LocalTable.at(folder)
    assert table is not None
    for are_few in (False, True):
        warehouse.append(DIM_USER, rows, TAG, are_few=are_few)
    files = set(folder.rglob("*"))
    schema = json.loads(table.checksum["metadata"]["schemaString"])
    with pytest.raises(EnvironmentProblem, match="somebody else wrote to table dim_user"):
        table.commit(rows.toArrow(), schema=schema, configuration={}, is_replaced=False, tag="")
    assert set(folder.rglob("*")) == files


def test_what_cannot_be_listed_is_left_to_delta(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    folder = Path(warehouse.path(DIM_USER))
    rows = DIM_USER.frame(spark, some_rows(DIM_USER, 1))
    for _ in range(3):
        warehouse.append(DIM_USER, rows, TAG, are_few=True)
    # a process that ended between the commit and its checksum
    for checksum in folder.rglob(f"{2:020d}.crc"):
        checksum.unlink()
    assert LocalTable.at(folder) is None
    assert warehouse.append(DIM_USER, rows, TAG, are_few=True) == (3, 2)
    assert warehouse.read(DIM_USER, 3).count() == 8
    # too many files, another shape, a file system without links, the version at which Delta writes a checkpoint
    assert LocalTable.at(folder) is not None
    monkeypatch.setattr(few_rows, "MOST_FILES", 4)
    assert warehouse.append(DIM_USER, rows, TAG, are_few=True) == (4, 2)
    monkeypatch.undo()
    monkeypatch.setattr(few_rows, "_EACH_CHECKPOINT", 5)
    assert LocalTable.at(folder) is None
    monkeypatch.undo()
    monkeypatch.setattr(few_rows.os, "link", _no_link)
    assert warehouse.replace(DIM_USER, rows, TAG, are_few=True) == (5, 2)
    assert warehouse.read(DIM_USER, 5).count() == 2


def _no_link(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_commit_that_stands_keeps_its_file_whatever_interrupts(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    rows = DIM_USER.frame(spark, some_rows(DIM_USER, 1))
    link = os.link

    def interrupted(source: Path, target: Path) -> None:
        link(source, target)
        raise KeyboardInterrupt

    def answered_wrongly(source: Path, target: Path) -> None:
        link(source, target)
        raise FileExistsError

    monkeypatch.setattr(few_rows.os, "link", interrupted)
    with pytest.raises(KeyboardInterrupt):
        warehouse.append(DIM_USER, rows, TAG, are_few=True)
    monkeypatch.setattr(few_rows.os, "link", answered_wrongly)
    # the first one has left no checksum: Delta's turn
    assert warehouse.append(DIM_USER, rows, TAG, are_few=True) == (1, 2)
    assert warehouse.append(DIM_USER, rows, TAG, are_few=True) == (2, 2)
    monkeypatch.undo()
    assert [warehouse.read(DIM_USER, version).count() for version in range(3)] == [2, 4, 6]
    assert not list(warehouse_path.rglob(".*.tmp"))


@pytest.mark.parametrize("damaged", ["", '{"numFiles":1,"allF', "[]"])
def test_a_damaged_checksum_is_as_good_as_none(spark: SparkSession, warehouse_path: Path, damaged: str) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    rows = DIM_USER.frame(spark, some_rows(DIM_USER, 1))
    warehouse.append(DIM_USER, rows, TAG, are_few=True)
    next(warehouse_path.rglob("*.crc")).write_text(damaged, encoding="utf-8")
    assert (warehouse.n_bytes(DIM_USER, 0), warehouse.read_few(DIM_USER, 0)) == (None, None)
    assert warehouse.read(DIM_USER, 0).count() == 2
    assert warehouse.append(DIM_USER, rows, TAG, are_few=True) == (1, 2)


def test_what_turns_out_to_be_many_is_left_to_delta(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oneuser.storage.warehouse.most_few", lambda _: 2)
    warehouse = Warehouse(spark, str(warehouse_path))
    rows = DIM_USER.frame(spark, some_rows(DIM_USER, 1, 2))
    assert warehouse.append(DIM_USER, rows, TAG, are_few=True) == (0, 3)
    assert "Delta-Lake" in warehouse.files.read_text(f"{warehouse.layout.log(DIM_USER)}/{0:020d}.json")
    assert warehouse.read(DIM_USER, 0).count() == 3


def test_statistics_are_of_numbers_and_times_alone(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    warehouse.append(EVENTS, EVENTS.frame(spark, some_rows(EVENTS, 1)), TAG, are_few=True)
    footer = pq.read_metadata(next(warehouse_path.rglob("*.parquet")))
    columns = [footer.row_group(0).column(number) for number in range(footer.num_columns)]
    assert {column.physical_type for column in columns if column.is_stats_set} == {"INT64"}
    assert {column.physical_type for column in columns if not column.is_stats_set} >= {"BYTE_ARRAY"}


def test_a_table_of_an_earlier_shape_gets_the_columns_of_today(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    rows = PUBLICATIONS.frame(spark, some_rows(PUBLICATIONS, 1))
    rows.drop("reason").write.format("delta").option("delta.enableDeletionVectors", "false").save(
        warehouse.path(PUBLICATIONS)
    )
    assert warehouse.replace(PUBLICATIONS, rows, TAG, are_few=True) == (1, 2)
    found = spark.read.format("delta").load(warehouse.path(PUBLICATIONS))
    assert plain(found.collect()) == plain(rows.collect())


def test_few_rows_are_read_once_and_many_are_left_where_they_are(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    rows = DIM_USER.frame(spark, some_rows(DIM_USER, 1, 2))
    for are_few in (True, False):
        warehouse.append(DIM_USER, rows, TAG, are_few=are_few)
    for version in (0, 1):
        few = warehouse.read_few(DIM_USER, version)
        assert few is not None
        assert not few.inputFiles()
        assert few.schema == warehouse.read(DIM_USER, version).schema
        assert plain(few.collect()) == plain(warehouse.read(DIM_USER, version).collect())
    # some of its columns
    part = replace(DIM_USER, fields=DIM_USER.fields[:2])
    few = warehouse.read_few(part, 1)
    assert few is not None
    assert few.columns == part.columns
    # a file without rows before others that have some
    warehouse.replace(DIM_USER, DIM_USER.empty(spark), TAG)
    warehouse.append(DIM_USER, rows, TAG)
    few = warehouse.read_few(DIM_USER, 3)
    assert few is not None
    assert few.count() == warehouse.read(DIM_USER, 3).count() == 3
    monkeypatch.setattr("oneuser.storage.stored_tables._FEW_BYTES", 10)
    assert Warehouse(spark, str(warehouse_path)).read_few(DIM_USER, 1) is None
    # what was written anew under the same number is not what was read before
    monkeypatch.undo()
    warehouse.restore(DIM_USER, None, TAG)
    warehouse.append(DIM_USER, DIM_USER.frame(spark, some_rows(DIM_USER, 3)), TAG, are_few=True)
    again = warehouse.read_few(DIM_USER, 0)
    assert again is not None
    assert plain(again.collect()) == plain(warehouse.read(DIM_USER, 0).collect())


def _all_types(numbers: range) -> list[dict[str, Any]]:
    return [
        {f.name: value_of(f.type, number % 200) for f in EVENTS.arrow_schema} | {"message_key": number.to_bytes(2)}
        for number in numbers
    ]


@pytest.mark.parametrize("writer", ["Spark", "Arrow"])
def test_rows_are_changed_in_copies_of_their_files(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    """Whatever is changed at random, every reader finds the rows that a dictionary has after the same changes."""
    monkeypatch.setattr(few_rows, "SMALL_FILE", 60_000)
    rng = random.Random(5)
    warehouse = Warehouse(spark, str(warehouse_path))
    expected = {row["message_key"]: row for row in _all_types(range(300))}
    for part in (range(100), range(100, 200), range(200, 300)):
        warehouse.append(EVENTS, EVENTS.frame(spark, _all_types(part)).coalesce(1), TAG, are_few=writer == "Arrow")
    version = 2
    n_files = []
    for step in range(5):
        some = rng.sample(sorted(expected), 7) if step else sorted(expected)[:100]
        after = [expected[key] | {"source": f"again {step}"} for key in some[:4]] if step else []
        after += [row | {"message_key": bytes([200, step])} for row in _all_types(range(1))]
        for key in some:
            del expected[key]
        expected |= {row["message_key"]: row for row in after}
        before = warehouse.read_located(EVENTS, version).where(F.col("message_key").isin(*some))
        changed = EVENTS.differences(before, EVENTS.frame(spark, after)).localCheckpoint()
        assert warehouse.change_few_rows(EVENTS, changed, TAG) == version + 1
        version += 1
        path = warehouse.path(EVENTS)
        found = spark.read.format("delta").option("versionAsOf", version).load(path)
        assert plain(found.collect()) == plain(warehouse.read(EVENTS, version).collect())
        wanted = EVENTS.frame(spark, list(expected.values()))
        assert plain(found.select(*EVENTS.columns).collect()) == plain(wanted.collect())
        assert DeltaTable(path, version=version).to_pyarrow_table().num_rows == len(expected)
        n_files.append(len(warehouse.file_names(EVENTS, version)))
        # of a file that holds no changed row nothing is copied; of Delta's next commit nothing is replayed
        assert Transaction.begin(spark, path) is not None
    assert max(n_files) <= 3


def test_an_interrupted_copy_leaves_nothing_behind(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    warehouse.append(EVENTS, EVENTS.frame(spark, _all_types(range(9))), TAG, are_few=True)
    files = set(warehouse_path.rglob("*"))
    before = warehouse.read_located(EVENTS, 0).limit(1)
    changed = EVENTS.differences(before, EVENTS.empty(spark)).localCheckpoint()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("oneuser.storage.parquet_files._plain", interrupted)
    more = changed.unionByName(
        EVENTS.differences(EVENTS.empty(spark), EVENTS.frame(spark, _all_types(range(20, 21)))),
        allowMissingColumns=True,
    )
    with pytest.raises(KeyboardInterrupt):
        warehouse.change_few_rows(EVENTS, more, TAG)
    assert set(warehouse_path.rglob("*")) == files
    monkeypatch.undo()
    assert warehouse.change_few_rows(EVENTS, changed, TAG) == 1
    assert warehouse.read(EVENTS, 1).count() == 8


@pytest.mark.parametrize("column", ["message_key", "source", "run_seq"])
@pytest.mark.parametrize("writer", ["Spark", "Arrow"])
def test_few_rows_are_found_as_spark_finds_them(
    spark: SparkSession, warehouse_path: Path, column: str, writer: str
) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    for part in (range(50), range(50, 60), range(60, 120)):
        rows = [
            row | {"source": f"s{number % 7}", "run_seq": number % 5} for number, row in enumerate(_all_types(part))
        ]
        warehouse.append(EVENTS, EVENTS.frame(spark, rows), TAG, are_few=writer == "Arrow")
    wanted = warehouse.read(EVENTS, 2).select(column).distinct().orderBy(column).limit(3).localCheckpoint()
    expected = warehouse.read_located(EVENTS, 2).join(wanted, on=column, how="left_semi")
    found = warehouse.read_few_among(EVENTS, 2, wanted.toArrow, most=120)
    assert found is not None
    assert plain(found.select(*expected.columns).collect()) == plain(expected.collect())
    n_rows = expected.count()
    assert warehouse.read_few_among(EVENTS, 2, wanted.toArrow, most=n_rows - 1) is None
    none = warehouse.read_few_among(EVENTS, 2, wanted.limit(0).toArrow, most=0)
    assert none is not None
    assert none.isEmpty()


def test_nothing_is_left_of_rows_that_are_gone(spark: SparkSession, warehouse_path: Path) -> None:
    """In dictionaries neither, where no search of the rows would find it; also where other rows of the file stay."""
    warehouse = Warehouse(spark, str(warehouse_path))
    rows = [{"user_id": f"user {number:04}", "first_seen": NOON} for number in range(2000)]
    full = {f.name: value_of(f.type, 1) for f in DIM_USER.arrow_schema}
    warehouse.append(DIM_USER, DIM_USER.frame(spark, [full | row for row in rows[:1000]]).coalesce(1), TAG)
    warehouse.append(DIM_USER, DIM_USER.frame(spark, [full | row for row in rows[1000:]]).coalesce(1), TAG)
    gone = ["user 0007", "user 1999"]
    before = warehouse.read_located(DIM_USER, 1).where(F.col("user_id").isin(*gone))
    changed = DIM_USER.differences(before, DIM_USER.empty(spark)).localCheckpoint()
    assert warehouse.change_few_rows(DIM_USER, changed, TAG) == 2

    folder = Path(warehouse.path(DIM_USER))
    kept = {folder / name for name in warehouse.file_names(DIM_USER, 2)}
    texts = set()
    for path in kept:
        column = pq.read_table(path, read_dictionary=["user_id"], partitioning=None).column("user_id")
        for chunk in column.chunks:
            texts |= set(chunk.dictionary.to_pylist())
    assert texts == {row["user_id"] for row in rows} - set(gone)


def test_a_file_that_is_changed_each_day_keeps_its_shape(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    full = {f.name: value_of(f.type, 1) for f in DIM_USER.arrow_schema}
    warehouse.append(
        DIM_USER, DIM_USER.frame(spark, [full | {"user_id": f"u{number}"} for number in range(50)]), TAG, are_few=True
    )
    for day in range(5):
        before = warehouse.read_located(DIM_USER, day).where(F.col("user_id") == f"u{day}")
        after = DIM_USER.frame(spark, [full | {"user_id": f"v{day}"}])
        assert (
            warehouse.change_few_rows(DIM_USER, DIM_USER.differences(before, after).localCheckpoint(), TAG) == day + 1
        )
    (name,) = warehouse.file_names(DIM_USER, 5)
    footer = pq.read_metadata(Path(warehouse.path(DIM_USER)) / name)
    assert (footer.num_row_groups, footer.num_rows) == (1, 50)


def test_rows_that_only_come_are_written(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_rows, "SMALL_FILE", 0)
    warehouse = Warehouse(spark, str(warehouse_path))
    warehouse.append(DIM_USER, DIM_USER.frame(spark, some_rows(DIM_USER, 1)), TAG, are_few=True)
    none = warehouse.read_located(DIM_USER, 0).limit(0)
    come = DIM_USER.frame(spark, some_rows(DIM_USER, 2)[:1])
    assert warehouse.change_few_rows(DIM_USER, DIM_USER.differences(none, come).localCheckpoint(), TAG) == 1
    assert warehouse.read(DIM_USER, 1).count() == 3


def test_rows_of_another_shape_are_not_looked_for(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    rows = PUBLICATIONS.frame(spark, some_rows(PUBLICATIONS, 1))
    wider = replace(DIM_USER, fields=(*DIM_USER.fields, PUBLICATIONS.fields[0]))
    warehouse.append(DIM_USER, DIM_USER.frame(spark, some_rows(DIM_USER, 1)), TAG, are_few=True)
    assert rows.columns[0] not in DIM_USER.columns
    users = warehouse.read(DIM_USER, 0).select("user_id")
    assert warehouse.read_few_among(DIM_USER, 0, users.toArrow, most=9) is not None
    assert warehouse.read_few_among(wider, 0, users.toArrow, most=9) is None
