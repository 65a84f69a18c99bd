"""Rows of a table take the place of others: by rows, or whole where that is quicker, the table is the same after it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.changes import CHANGES, LINKED_IDENTIFIERS
from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, DIM_USER
from oneuser.contracts.marts import ACTIVITY
from oneuser.contracts.table import TableContract
from oneuser.core.errors import ContractError
from oneuser.stages import context
from oneuser.stages.context import RunContext
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse

MONDAY, TUESDAY = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)


def run(spark: SparkSession, path: Path, *, tables: dict[str, int] | None = None, run_seq: int = 1) -> RunContext:
    nothing: dict[str, Any] = dict.fromkeys(("config", "keys"))
    return RunContext(
        spark=spark, warehouse=Warehouse(spark, str(path)), tag=CommitTag(run_seq, 1, run_seq), as_of=TUESDAY,
        inputs=[], tables=tables or {}, log=structlog.get_logger("test"), **nothing,
    )  # fmt: skip


def go(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Files copied by this process; or, as where they lie elsewhere, by Spark: those with touched rows, or all."""
    if way != "copied":
        monkeypatch.setattr(Warehouse, "change_few_rows", lambda *_: None)
    monkeypatch.setattr(context, "_QUICKLY_REWRITTEN", 1 << 30 if way == "whole" else 0)


def memberships(spark: SparkSession, *rows: tuple[str, str, datetime | None, bool]) -> DataFrame:
    return ACCOUNT_MEMBERSHIPS.frame(
        spark,
        [
            {"user_id": user, "account_id": account, "source": "group", "is_primary": primary, "valid_from": since}
            for user, account, since, primary in rows
        ],
    )


def found(ctx: RunContext, contract: TableContract) -> list[tuple[Any, ...]]:
    rows = ctx.read(contract).select("user_id", "account_id", "is_primary", "valid_from").collect()
    return sorted((r["user_id"], r["account_id"], r["is_primary"], r["valid_from"] is None) for r in rows)


@pytest.mark.parametrize("way", ["copied", "by rows", "whole"])
def test_only_what_lies_within_changes(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    go(monkeypatch, way)
    ctx = run(spark, warehouse_path)
    ctx.append(
        ACCOUNT_MEMBERSHIPS,
        memberships(
            spark, ("a", "x", None, True), ("a", "y", MONDAY, True), ("b", "x", None, True), ("c", "x", None, True)
        ),
    )
    within = spark.createDataFrame([("a",), ("b",), ("d",)], "user_id string")

    # a leaves y and is no longer x's first, b stays as it was, d comes; a key with a null is a key
    wanted = memberships(spark, ("a", "x", None, False), ("b", "x", None, True), ("d", "x", MONDAY, True))
    changed = ctx.replace_within(ACCOUNT_MEMBERSHIPS, wanted, within)

    assert sorted(row["change"] for row in changed.collect()) == ["deleted", "inserted", "updated"]
    assert found(ctx, ACCOUNT_MEMBERSHIPS) == [
        ("a", "x", False, True), ("b", "x", True, True), ("c", "x", True, True), ("d", "x", True, False),
    ]  # fmt: skip


def test_nothing_is_committed_where_nothing_differs_and_a_map_is_compared_too(
    spark: SparkSession, warehouse_path: Path
) -> None:
    def person(n: int) -> DataFrame:
        known = {"user_id": "a", "kind": "known", "n_identifiers": n, "identifiers_by_type": {"email": n, "phone": 1}}
        return DIM_USER.frame(spark, [known | {"account_ids": []}])

    ctx = run(spark, warehouse_path)
    ctx.append(DIM_USER, person(1))
    within = spark.createDataFrame([("a",)], "user_id string")

    assert ctx.replace_within(DIM_USER, person(1), within).isEmpty()
    assert ctx.tables[DIM_USER.name] == 0
    assert not ctx.replace_within(DIM_USER, person(2), within).isEmpty()
    assert ctx.tables[DIM_USER.name] == 1


@pytest.mark.parametrize("way", ["copied", "by rows", "whole"])
def test_rows_take_the_place_of_rows_at_hand(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    go(monkeypatch, way)
    ctx = run(spark, warehouse_path)
    ctx.append(ACCOUNT_MEMBERSHIPS, memberships(spark, ("a", "x", None, True), ("b", "x", None, True)))
    ctx.append(ACCOUNT_MEMBERSHIPS, memberships(spark, ("c", "x", None, True)))
    before = ctx.read_located(ACCOUNT_MEMBERSHIPS).where(F.col("user_id").isin("a", "b"))

    wanted = memberships(spark, ("b", "x", None, False), ("d", "x", None, True))
    changed = ctx.replace_rows(ACCOUNT_MEMBERSHIPS, before, wanted)

    assert sorted(row["change"] for row in changed.collect()) == ["deleted", "inserted", "updated"]
    assert found(ctx, ACCOUNT_MEMBERSHIPS) == [("b", "x", False, True), ("c", "x", True, True), ("d", "x", True, True)]


@pytest.mark.parametrize("way", ["copied", "by rows", "whole"])
def test_a_row_that_differs_in_its_stamp_alone_stands_with_the_one_it_has(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def activity(run_seq: int, **times: datetime) -> DataFrame:
        made = {"quarter": MONDAY, "n_events": 1, "last_at": TUESDAY, "params_id": "p", "identity_run": run_seq}
        return ACTIVITY.frame(spark, [{"user_id": user, "first_at": time} | made for user, time in times.items()])

    def runs(ctx: RunContext) -> dict[str, int]:
        return {row["user_id"]: row["identity_run"] for row in ctx.read(ACTIVITY).collect()}

    go(monkeypatch, way)
    ctx = run(spark, warehouse_path)
    # there is nothing to compare with: all rows are new
    first = ctx.replace_within(ACTIVITY, activity(1, a=MONDAY, b=MONDAY, c=MONDAY), within=None)
    assert [row["change"] for row in first.collect()] == ["inserted"] * 3

    # the whole table anew: one row is the same, one is another, one is gone, one comes
    ctx.replace_within(ACTIVITY, activity(2, a=MONDAY, b=TUESDAY, d=MONDAY), within=None)
    assert runs(ctx) == {"a": 1, "b": 2, "d": 2}
    if way != "by rows":
        # few rows, one file, however many there were
        assert len(ctx.warehouse.file_names(ACTIVITY, ctx.tables[ACTIVITY.name])) == 1

    version = ctx.tables[ACTIVITY.name]
    assert ctx.replace_within(ACTIVITY, activity(3, a=MONDAY, b=TUESDAY, d=MONDAY), within=None).isEmpty()
    assert ctx.tables[ACTIVITY.name] == version


def test_a_table_that_was_written_in_another_shape_is_written_anew(spark: SparkSession, warehouse_path: Path) -> None:
    ctx = run(spark, warehouse_path)
    path = ctx.warehouse.path(ACTIVITY)
    spark.createDataFrame([("a", 1)], "user_id string, n int").write.format("delta").save(path)
    ctx.tables[ACTIVITY.name] = 0
    row = {"user_id": "a", "quarter": MONDAY, "n_events": 1, "first_at": MONDAY, "last_at": MONDAY}
    rows = ACTIVITY.frame(spark, [row | {"params_id": "p", "identity_run": 1}])

    with pytest.raises(ContractError, match="missing"):
        ctx.replace_within(ACTIVITY, rows, spark.createDataFrame([("a",)], "user_id string"))
    ctx.replace_within(ACTIVITY, rows, within=None)

    assert ctx.read(ACTIVITY).count() == 1


@pytest.mark.parametrize("way", ["copied", "by rows"])
def test_what_an_attempt_left_that_was_not_finished_is_taken_away_first(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    go(monkeypatch, way)
    ctx = run(spark, warehouse_path)
    ctx.append(ACCOUNT_MEMBERSHIPS, memberships(spark, ("a", "x", None, True)))
    within = spark.createDataFrame([("a",), ("b",)], "user_id string")
    wanted = memberships(spark, ("a", "x", None, False), ("b", "x", None, True))

    for _ in range(2):
        attempt = run(spark, warehouse_path, tables=dict(ctx.tables))
        attempt.replace_within(ACCOUNT_MEMBERSHIPS, wanted, within)
        assert found(attempt, ACCOUNT_MEMBERSHIPS) == [("a", "x", False, True), ("b", "x", True, True)]


@pytest.mark.parametrize("way", ["copied", "by rows"])
def test_a_required_value_that_is_missing_stops_it(
    spark: SparkSession, warehouse_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    go(monkeypatch, way)
    ctx = run(spark, warehouse_path)
    ctx.append(ACCOUNT_MEMBERSHIPS, memberships(spark, ("a", "x", None, True)))
    nobody = memberships(spark, ("a", "x", None, True)).withColumn("source", F.lit(None).cast("string"))

    with pytest.raises(ContractError, match="null in 1 rows"):
        ctx.replace_within(ACCOUNT_MEMBERSHIPS, nobody, spark.createDataFrame([("a",)], "user_id string"))


def test_a_change_set_is_read_by_the_run_that_wrote_it(spark: SparkSession, warehouse_path: Path) -> None:
    first = run(spark, warehouse_path)
    touched = spark.createDataFrame([(1, "new"), (2, "gone")], "identifier_id bigint, reason string")
    assert first.tell(LINKED_IDENTIFIERS, touched) == 2

    second = run(spark, warehouse_path, tables=dict(first.tables), run_seq=2)
    second.tell(LINKED_IDENTIFIERS, touched.where("identifier_id = 2"))

    assert [row["identifier_id"] for row in second.changes(LINKED_IDENTIFIERS).collect()] == [2]
    assert sorted(row["identifier_id"] for row in first.changes(LINKED_IDENTIFIERS).collect()) == [1, 2]
    assert set(second.read(CHANGES).columns) == set(CHANGES.columns)
