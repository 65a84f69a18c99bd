"""Files in the place of others: the same rows as by Delta's own overwrite and merge, in a third of the jobs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.control import PUBLICATIONS
from oneuser.contracts.identity import IDENTIFIER_MAP
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.transaction import Transaction
from oneuser.storage.warehouse import Warehouse

TAG = CommitTag(run_seq=3, attempt=1, fence=7)
SEED = 20_261_129
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def frame(spark: SparkSession, users: Mapping[int, str]) -> DataFrame:
    """A row of `identifier_map` for each identifier."""
    fill = {"string": "x", "bigint": 1, "int": 1, "boolean": False}
    known = {f.name: fill.get(f.dtype) for f in IDENTIFIER_MAP.fields}
    rows = [known | {"identifier_id": number, "user_id": user} for number, user in users.items()]
    return IDENTIFIER_MAP.frame(spark, rows)


def stored(warehouse: Warehouse) -> dict[int, str]:
    rows = warehouse.read(IDENTIFIER_MAP, warehouse.head(IDENTIFIER_MAP)).select("identifier_id", "user_id").collect()
    assert len({row["identifier_id"] for row in rows}) == len(rows)
    return {row["identifier_id"]: row["user_id"] for row in rows}


def no_transaction(*_: Any) -> None:
    """As where Delta's classes are others."""


@pytest.mark.parametrize("is_listed", [True, False])
def test_random_changes_leave_what_a_plain_dictionary_has(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_listed: bool
) -> None:
    if not is_listed:
        monkeypatch.setattr(Transaction, "begin", no_transaction)
    rng, warehouse = random.Random(SEED), Warehouse(spark, str(warehouse_path))
    expected = dict.fromkeys(range(40), "a")
    warehouse.append(IDENTIFIER_MAP, frame(spark, expected).repartition(4), TAG)

    for step in range(3 if is_listed else 1):
        kept = {number: user for number, user in expected.items() if rng.random() < 0.9}
        after = {number: f"u{step}" if rng.random() < 0.1 else user for number, user in kept.items()}
        after |= {100 + 10 * step + number: "new" for number in range(3)}
        differences = IDENTIFIER_MAP.differences(frame(spark, expected), frame(spark, after)).localCheckpoint()
        warehouse.change_rows(IDENTIFIER_MAP, differences, TAG)
        expected = after
        assert stored(warehouse) == expected
    warehouse.replace(IDENTIFIER_MAP, frame(spark, {7: "z"}), TAG)

    assert stored(warehouse) == {7: "z"}
    # and as Delta itself tells it, log and all
    told = DeltaTable.forPath(spark, warehouse.path(IDENTIFIER_MAP)).toDF().select("identifier_id", "user_id")
    assert [tuple(row) for row in told.collect()] == [(7, "z")]
    head = warehouse.head(IDENTIFIER_MAP) or 0
    assert [commit.tag for commit in warehouse.commits(IDENTIFIER_MAP, after=-1, up_to=head)] == [TAG] * (head + 1)


@pytest.mark.parametrize("told", ["where", "elsewhere", None])
def test_files_without_a_changed_row_stand(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None
) -> None:
    """Whether the changes say where the rows lie, say it of another version, or leave them to be looked for."""
    warehouse = Warehouse(spark, str(warehouse_path))
    for numbers in (range(5), range(5, 10), range(10, 15)):
        warehouse.append(IDENTIFIER_MAP, frame(spark, dict.fromkeys(numbers, "a")).coalesce(1), TAG)
    folder = warehouse.path(IDENTIFIER_MAP)
    begun = Transaction.begin(spark, folder)
    assert begun is not None
    before = set(begun.sizes)
    was = dict.fromkeys(range(15), "a")
    rows = frame(spark, was)
    if told:
        rows = warehouse.read_located(IDENTIFIER_MAP, warehouse.head(IDENTIFIER_MAP))
        rows = rows if told == "where" else rows.withColumn("data_file", F.lit("no-such.parquet"))
    differences = IDENTIFIER_MAP.differences(rows, frame(spark, was | {7: "b"})).localCheckpoint()
    looks: list[int] = []
    look = Warehouse._parquet
    monkeypatch.setattr(Warehouse, "_parquet", lambda *said: looks.append(len(said[-1])) or look(*said))

    warehouse.change_rows(IDENTIFIER_MAP, differences, TAG)

    assert looks == ([1] if told == "where" else [3, 1])
    begun = Transaction.begin(spark, folder)
    assert begun is not None
    assert (len(before), len(before & set(begun.sizes)), len(begun.sizes)) == (3, 2, 3)
    assert stored(warehouse) == was | {7: "b"}


def test_of_two_that_write_a_table_whole_at_once_one_fails(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    lease = {"fence": 1, "run_seq": 0, "kind": "run", "state": "leased", "holder": "me", "expires_at": NOON}
    warehouse.append(PUBLICATIONS, PUBLICATIONS.frame(spark, [lease]), TAG)
    path = warehouse.path(PUBLICATIONS)
    rows = PUBLICATIONS.described(PUBLICATIONS.frame(spark, [lease, lease | {"fence": 2}]))
    one, other = Transaction.begin(spark, path), Transaction.begin(spark, path)
    assert one is not None
    assert other is not None

    one.commit(rows, removed=list(one.sizes), tag="{}")
    with pytest.raises((Py4JJavaError, PySparkException), match=r"(?i)concurrent"):
        other.commit(rows, removed=list(other.sizes), tag="{}")

    assert warehouse.read(PUBLICATIONS, warehouse.head(PUBLICATIONS)).count() == 2


def test_a_table_of_another_shape_is_replaced_all_the_same(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    path = warehouse.path(IDENTIFIER_MAP)
    frame(spark, {1: "a"}).drop("strength").write.format("delta").save(path)
    begun = Transaction.begin(spark, path)
    assert begun is not None
    assert not begun.fits(IDENTIFIER_MAP.described(frame(spark, {1: "b"})))

    warehouse.replace(IDENTIFIER_MAP, frame(spark, {1: "b"}), TAG)

    assert stored(warehouse) == {1: "b"}
