"""Versions of a table read the same, whether Delta's checksum lists their files or Delta replays its log."""

from __future__ import annotations

import os
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.control import PUBLICATIONS, RUNS
from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import DIM_USER
from oneuser.contracts.marts import ATTRIBUTION_SUMMARY
from oneuser.contracts.table import TableContract
from oneuser.core.errors import ContractError, EnvironmentProblem
from oneuser.spark.session import READS_PINNED_VERSIONS
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse

TAG = CommitTag(run_seq=1, attempt=1, fence=1)
RENEWAL = CommitTag(run_seq=0, attempt=0, fence=1)
NOON = datetime(2026, 3, 1, 12, 30, 15, 123_456, tzinfo=UTC)


def users(warehouse: Warehouse, version: int | None) -> list[str]:
    return sorted(row["user_id"] for row in warehouse.read(DIM_USER, version).select("user_id").collect())


def write_users(spark: SparkSession, warehouse: Warehouse, *ids: str, replace: bool) -> int:
    fields = {
        f.name: {"string": "x", "bigint": 1, "timestamp": NOON, "map<string,bigint>": {}, "array<string>": []}.get(
            f.dtype
        )
        for f in DIM_USER.fields
    }
    rows = DIM_USER.frame(spark, [fields | {"user_id": user} for user in ids])
    write = warehouse.replace if replace else warehouse.append
    return write(DIM_USER, rows, TAG)[0]


def test_every_version_reads_the_same_with_its_checksum_and_without(spark: SparkSession, warehouse_path: Path) -> None:
    # a path that a glob or a URI would change
    root = warehouse_path / "a [b] 100%25"
    warehouse = Warehouse(spark, str(root))
    write_users(spark, warehouse, "a", "b", replace=False)
    write_users(spark, warehouse, "c", replace=False)
    write_users(spark, warehouse, "d", "e", replace=True)
    write_users(spark, warehouse, replace=True)

    listed = [users(warehouse, version) for version in range(4)]
    for checksum in root.rglob("*.crc"):
        checksum.unlink()
    replayed = [users(Warehouse(spark, str(root)), version) for version in range(4)]

    assert listed == replayed == [["a", "b"], ["a", "b", "c"], ["d", "e"], []]


def test_a_table_that_began_anew_is_not_read_by_its_old_files(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    assert users(warehouse, write_users(spark, warehouse, "a", replace=False)) == ["a"]

    warehouse.restore(DIM_USER, None, TAG)
    version = write_users(spark, warehouse, "b", replace=False)

    assert (version, users(warehouse, version)) == (0, ["b"])


def test_rows_at_hand_are_written_and_read_as_they_are(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    known = {
        "run_seq": 1, "attempt": 1, "record": "stage", "stage": "graph", "state": "done", "fence": 1,
        # a time without a zone is one of this machine, as Spark hands it out
        "recorded_at": NOON.astimezone().replace(tzinfo=None), "as_of": NOON, "config_hash": "c", "code_version": "0",
        "tables": {"edges": 3}, "metrics": {},
    }  # fmt: skip
    version, n_rows = warehouse.append(RUNS, RUNS.frame(spark, [known]), TAG)

    (row,) = warehouse.read(RUNS, version).collect()

    assert n_rows == 1
    assert (row["tables"], row["metrics"], row["seconds"]) == ({"edges": 3}, {}, None)
    assert [row[name].astimezone(UTC) for name in ("recorded_at", "as_of")] == [NOON, NOON]


def test_a_table_of_an_earlier_version_is_shown_and_not_written_to(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    row = [dict.fromkeys(ATTRIBUTION_SUMMARY.columns) | {"model": "last"}]
    earlier = spark.createDataFrame(row, ATTRIBUTION_SUMMARY.nullable_schema)
    earlier.drop("lookback", "zone", "is_negative").write.format("delta").save(warehouse.path(ATTRIBUTION_SUMMARY))

    for checksum in (True, False):
        reader = Warehouse(spark, str(warehouse_path))
        (shown,) = reader.read_published(ATTRIBUTION_SUMMARY, 0).collect()
        assert (shown["model"], shown["lookback"], shown["zone"], shown["is_negative"]) == ("last", None, None, None)
        assert reader.distinct(ATTRIBUTION_SUMMARY, 0, "zone") == {None}
        # whoever writes sees that the shape is another, and writes it whole
        with pytest.raises(ContractError, match="lookback is missing"):
            reader.read(ATTRIBUTION_SUMMARY, 0)
        if checksum:
            for file in warehouse_path.rglob("*.crc"):
                file.unlink()


def test_small_files_are_put_together_without_a_change_of_rows(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    for user in "abc":
        before = write_users(spark, warehouse, user, replace=False)

    version = warehouse.compact(DIM_USER, RENEWAL)

    log = warehouse_path / "tables" / DIM_USER.name / "_delta_log" / f"{version:020d}.json"
    assert version == before + 1
    assert (users(warehouse, version), users(warehouse, before)) == (["a", "b", "c"], ["a", "b", "c"])
    assert [len(warehouse.file_names(DIM_USER, v)) for v in (before, version)] == [3, 1]
    assert (last_tag(warehouse, DIM_USER), '"dataChange":true' in log.read_text()) == (RENEWAL, False)
    # one file is left as it is
    assert warehouse.compact(DIM_USER, RENEWAL) == version


def test_a_version_is_listed_and_read_when_only_a_checkpoint_comes_before_it(
    spark: SparkSession, warehouse_path: Path
) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    for user in "abcd":
        write_users(spark, warehouse, user, replace=False)

    warehouse.checkpoint(DIM_USER, 2)

    # given that the log before it and all checksums are gone, so that Delta must be asked
    log = warehouse_path / "tables" / DIM_USER.name / "_delta_log"
    for file in [*log.glob("*.crc"), *(log / f"{version:020d}.json" for version in (0, 1))]:
        file.unlink()
    names = {path.name for path in log.parent.glob("*.parquet")}
    root = shutil.copytree(warehouse_path, warehouse_path.parent / "elsewhere")
    elsewhere = Warehouse(spark, str(root))
    assert (users(elsewhere, 2), users(elsewhere, 3)) == (["a", "b", "c"], ["a", "b", "c", "d"])
    assert elsewhere.file_names(DIM_USER, 3) == names
    # and it can be gone back to
    elsewhere.restore(DIM_USER, 2, TAG)
    assert users(elsewhere, elsewhere.head(DIM_USER)) == ["a", "b", "c"]


def test_an_append_that_landed_twice_ends_the_run(spark: SparkSession, warehouse_path: Path) -> None:
    log = warehouse_path / "tables" / DIM_USER.name / "_delta_log"

    def commit_again(when: str, _table: str) -> None:
        if when == "after" and len(list(log.glob("*.json"))) == 2:
            shutil.copy(log / f"{1:020d}.json", log / f"{2:020d}.json")

    warehouse = Warehouse(spark, str(warehouse_path), on_commit=commit_again)
    write_users(spark, warehouse, "a", replace=False)

    with pytest.raises(EnvironmentProblem, match="one commit landed twice"):
        write_users(spark, warehouse, "b", replace=False)


def test_a_required_value_that_is_missing_is_named(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    complete = {f.name: NOON if f.dtype == "timestamp" else 0 if f.dtype == "bigint" else "x" for f in FILES.fields}
    rows = FILES.frame(spark, [complete | {"n_lines": number} for number in range(3)]).withColumns(
        {"file": F.when(F.col("n_lines") == 0, F.col("file")), "state": F.when(F.col("n_lines") < 2, F.col("state"))}
    )

    with pytest.raises(ContractError) as refused:
        warehouse.append(FILES, rows, TAG)

    assert "file is null in 2 rows" in str(refused.value)
    assert "state is null in 1 rows" in str(refused.value)


def last_tag(warehouse: Warehouse, contract: TableContract) -> CommitTag | None:
    head = warehouse.head(contract)
    assert head is not None
    return warehouse.commits(contract, after=head - 1, up_to=head)[0].tag


@pytest.mark.parametrize("operation", ["delete", "restore"])
def test_a_lease_that_is_renewed_meanwhile_has_a_tag_of_its_own_and_leaves_ours(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    write_users(spark, warehouse, "a", replace=False)
    write_users(spark, warehouse, "b", replace=False)
    lease = {"fence": 1, "run_seq": 0, "kind": "run", "state": "leased", "holder": "me", "expires_at": NOON}
    warehouse.append(PUBLICATIONS, PUBLICATIONS.frame(spark, [lease]), TAG)

    def renew() -> None:
        renewed = PUBLICATIONS.frame(spark, [lease])
        values = {"expires_at": "incoming.expires_at"}
        warehouse.merge(PUBLICATIONS, renewed, update_if="stored.state = 'leased'", values=values, tag=RENEWAL)

    # given a renewal, begun and ended by its own thread, after our operation has been given its tag
    open_table, waits = DeltaTable.forPath, [threading.Thread(target=renew)]

    def open_after_renewal(*arguments: Any) -> DeltaTable:
        if waits:
            renewal = waits.pop()
            renewal.start()
            renewal.join()
        return open_table(*arguments)

    monkeypatch.setattr(DeltaTable, "forPath", open_after_renewal)
    if operation == "delete":
        warehouse.delete_matching(DIM_USER, spark.createDataFrame([("a",)], "user_id string"), ["user_id"], TAG)
    else:
        warehouse.restore(DIM_USER, 0, TAG)

    assert (last_tag(warehouse, DIM_USER), last_tag(warehouse, PUBLICATIONS)) == (TAG, RENEWAL)
    assert spark.conf.get("spark.databricks.delta.commitInfo.userMetadata", None) is None


def test_a_version_older_than_the_retention_is_read_in_a_session_that_would_refuse_it(
    spark: SparkSession, warehouse_path: Path
) -> None:
    written = Warehouse(spark, str(warehouse_path / "written"))
    write_users(spark, written, "a", replace=False)
    write_users(spark, written, "b", replace=True)
    write_users(spark, written, "c", replace=True)
    # given that all but the newest version are older than Delta keeps deleted files, and that nothing lists their files
    long_ago = time.time() - 40 * 86_400
    for version in (0, 1):
        os.utime(next(warehouse_path.rglob(f"{version:020d}.json")), (long_ago, long_ago))
    for checksum in warehouse_path.rglob("*.crc"):
        checksum.unlink()
    root = shutil.copytree(warehouse_path / "written", warehouse_path / "copied")
    session = spark.newSession()
    for key in READS_PINNED_VERSIONS:
        session.conf.set(key, "true")
    warehouse = Warehouse(session, str(root))
    with pytest.raises(PySparkException):
        session.read.format("delta").option("versionAsOf", 0).load(warehouse.path(DIM_USER))
    before = session.conf.getAll

    assert users(warehouse, 0) == ["a"]
    assert session.conf.getAll == before
