"""The stage product in a warehouse: written as declared, emptied where not any more, free where nothing ever was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pyspark.sql import SparkSession

from oneuser.config import make_config
from oneuser.contracts.graph import FILES
from oneuser.contracts.marts import ACTIVITY
from oneuser.contracts.product import LIFECYCLE
from oneuser.spark.small_data import planned_for_small_data
from oneuser.stages.context import RunContext
from oneuser.stages.product.stage import PRODUCT_STAGE
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(days=7)


def context(spark: SparkSession, root: Path, run_seq: int, tables: dict[str, int], **product: Any) -> RunContext:
    config = make_config(
        {
            "deployment": "test",
            "warehouse": str(root),
            "sources": {"web": {"path": "/nowhere", "format": "jsonl", "preset": "segment"}},
            "product": product,
        }
    )
    return RunContext(
        spark=spark, config=config, warehouse=Warehouse(spark, str(root)), keys=None, tag=CommitTag(run_seq, 1, 1),
        as_of=MONDAY, inputs=[], tables=dict(tables), log=structlog.get_logger("test"), stage="product",
        may_read=PRODUCT_STAGE.may_read, may_write=PRODUCT_STAGE.may_write, is_small=True,
    )  # fmt: skip


def did(user: str, weeks: int) -> dict[str, Any]:
    at = MONDAY + weeks * WEEK
    return {
        "user_id": user, "event": "Page Viewed", "quarter": at, "n_events": 1, "first_at": at, "last_at": at,
        "variants": None, "params_id": "p", "identity_run": 1,
    }  # fmt: skip


def test_what_is_declared_is_written_what_is_not_any_more_is_emptied_and_nothing_costs_nothing(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {
        "source": "web", "file": "f", "n_bytes": 1, "modified_at": MONDAY, "n_lines": 1, "digest": 1,
        "last_received_at": MONDAY + 3 * WEEK, "last_event_at": MONDAY, "state": "ingested", "run_seq": 1,
    }  # fmt: skip
    rows = {ACTIVITY: [did("ann", 0), did("ann", 1), did("bob", 0)], FILES: [file]}
    warehouse = Warehouse(spark, str(tmp_path))
    tables = {
        contract.name: warehouse.replace(contract, contract.frame(spark, given), CommitTag(1, 1, 1), are_few=True)[0]
        for contract, given in rows.items()
    }
    with planned_for_small_data(spark):
        weekly = context(spark, tmp_path, 2, tables, lifecycle={"weekly": {"unit": "week"}})
        PRODUCT_STAGE.run(weekly)
        found = {row["interval"].isoformat(): row for row in weekly.read(LIFECYCLE).collect()}
        assert list(weekly.tables) == [*tables, LIFECYCLE.name]
        assert [(day, row["new"], row["active"], row["dormant"]) for day, row in sorted(found.items())] == [
            ("2026-03-02", 2, 2, 0), ("2026-03-09", 0, 1, 1), ("2026-03-16", 0, 0, 1)
        ]  # fmt: skip
        assert {row["identity_run"] for row in found.values()} == {2}

        # the same again is no commit
        again = context(spark, tmp_path, 3, weekly.tables, lifecycle={"weekly": {"unit": "week"}})
        PRODUCT_STAGE.run(again)
        assert again.tables == weekly.tables

        gone = context(spark, tmp_path, 4, weekly.tables)
        PRODUCT_STAGE.run(gone)
        assert gone.tables[LIFECYCLE.name] > weekly.tables[LIFECYCLE.name]
        assert gone.read(LIFECYCLE).isEmpty()

    # where nothing is declared and nothing has been, nothing is looked at
    monkeypatch.setattr(RunContext, "read", lambda *_: pytest.fail("a table is read"))
    nothing = context(spark, tmp_path, 5, tables)
    PRODUCT_STAGE.run(nothing)
    assert nothing.tables == tables
