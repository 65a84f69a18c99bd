"""Finished stages are recorded together, but not so late that a crash costs much, and never after the end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from oneuser.contracts.control import RUNS
from oneuser.runs.records import RunLog, RunRecord, StageRecord, fold_rows, load_runs
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def warehouse(spark: SparkSession, warehouse_path: Path) -> Warehouse:
    return Warehouse(spark, str(warehouse_path))


@pytest.fixture
def log(warehouse: Warehouse) -> RunLog:
    run = RunRecord(1, NOW, "shape", "0.1", inputs=[], base={})
    begun = RunLog(warehouse, run, CommitTag(run_seq=1, attempt=1, fence=1), seconds_at_risk=10.0)
    begun.begun(NOW, kept_stages=[])
    return begun


def done(stage: str, seconds: float) -> StageRecord:
    return StageRecord(stage, 1, "done", "read", {"edges": 0}, {"edges": 2.0}, {}, seconds)


def recorded(warehouse: Warehouse) -> list[str]:
    (run,) = load_runs(warehouse)
    return list(run.stages)


def test_stages_wait_until_enough_work_is_at_risk(warehouse: Warehouse, log: RunLog) -> None:
    log.stage(NOW, done("ingest", 6.0))
    before = recorded(warehouse)
    log.stage(NOW, done("graph", 5.0))

    assert (before, recorded(warehouse)) == ([], ["ingest", "graph"])


def test_the_end_records_what_still_waits(warehouse: Warehouse, log: RunLog) -> None:
    log.stage(NOW, done("ingest", 1.0))
    log.ended(NOW, state="failed", exit_code=1, message="no", seconds=2.0)

    (run,) = load_runs(warehouse)

    assert (list(run.stages), run.state, run.stages["ingest"].metrics) == (["ingest"], "failed", {"edges": 2.0})


def test_a_run_that_goes_on_has_the_time_it_began_with(warehouse: Warehouse, log: RunLog) -> None:
    (run,) = load_runs(warehouse)

    assert run.as_of == NOW
    assert run.as_of.utcoffset() == NOW.utcoffset()


def test_a_record_whose_response_is_lost_is_not_written_twice(spark: SparkSession, warehouse_path: Path) -> None:
    lost = [True, False, True]

    def lose(when: str, table: str) -> None:
        if when == "after" and lost.pop(0):
            raise ConnectionError

    warehouse = Warehouse(spark, str(warehouse_path), on_commit=lose)
    log = RunLog(warehouse, RunRecord(1, NOW, "shape", "0.1", inputs=[], base={}), CommitTag(1, 1, 1))

    # when the beginning lands without an answer, and so does the end
    with pytest.raises(ConnectionError):
        log.begun(NOW, kept_stages=[])
    log.stage(NOW, done("ingest", 60.0))
    with pytest.raises(ConnectionError):
        log.ended(NOW, state="failed", exit_code=1, message=None, seconds=2.0)
    log.flush()

    rows = warehouse.read(RUNS, warehouse.head(RUNS)).select("record").collect()
    assert sorted(row["record"] for row in rows) == ["begun", "ended", "stage"]


def test_rows_that_stand_twice_add_up_to_the_same_runs(warehouse: Warehouse, log: RunLog) -> None:
    log.stage(NOW, done("ingest", 1.0))
    log.ended(NOW, state="failed", exit_code=1, message="no", seconds=2.0)
    again = RunRecord(1, NOW, "shape", "0.1", inputs=[], base={}, attempt=2)
    resumed = RunLog(warehouse, again, CommitTag(run_seq=1, attempt=2, fence=2))
    resumed.begun(NOW, kept_stages=["ingest"])
    resumed.stage(NOW, done("graph", 1.0))
    resumed.flush()
    rows = warehouse.read(RUNS, warehouse.head(RUNS)).collect()

    (run,) = fold_rows(rows)

    assert (run.attempt, list(run.stages)) == (2, ["ingest", "graph"])
    assert fold_rows([*rows, *rows]) == [run]
