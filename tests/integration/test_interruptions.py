"""Readers while a run publishes, and runs that are killed or interrupted in the middle, of two small stages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from oneuser import open_warehouse
from oneuser.runs.claim_rows import load_claims
from oneuser.runs.records import load_runs
from oneuser.storage.warehouse import Warehouse
from tests.integration import two_stages as two
from tests.integration.two_stage_warehouses import (
    after_one_run,
    config_file,
    holds,
    root,
    run,
    shown_to_spark,
    shown_without_spark,
    two_stages_only,
)

__all__ = ["after_one_run", "config_file", "root", "two_stages_only"]  # fixtures

ROOT = Path(__file__).resolve().parents[2]


def test_a_reader_on_the_old_publication_is_not_disturbed_by_the_next(spark: SparkSession, root: Path) -> None:
    reader = open_warehouse(root, spark=spark)
    rows = reader.table("user_redirects")
    seen: list[int] = []

    # given a reader whose question is answered while the next run publishes, and again when all is done
    run(spark, root, "before publications 2", lambda: seen.append(rows.count()))

    assert seen == [2]
    assert rows.count() == reader.table("user_redirects").count() == 2
    assert reader.refresh().table("user_redirects").count() == 4


def start(config_file: Path, *arguments: str, slow: Path | None = None) -> subprocess.Popen[bytes]:
    """A run in a process group of its own, as a terminal would start it."""
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT}"} | ({two.SLOW: str(slow)} if slow else {})
    command = [sys.executable, str(Path(two.__file__)), str(config_file), *arguments]
    return subprocess.Popen(command, env=env, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.soak
def test_a_kill_between_publication_and_its_file_is_mended_by_the_next_run(
    spark: SparkSession, root: Path, config_file: Path
) -> None:
    process = start(config_file, "after publications 2")
    _, said = process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL, said.decode()[-2000:]

    # then readers with Spark see the new run, those without still the old one: both whole
    assert shown_to_spark(spark, root)[0] == [1, 1, 2, 2]
    assert shown_without_spark(root)[0] == [1, 1]

    # and the next run brings the file up to date before it writes anything
    seen: list[list[int]] = []
    run(spark, root, "before runs 1", lambda: seen.append(shown_without_spark(root)[0]))
    assert seen == [[1, 1, 2, 2]]
    assert holds(spark, root, run=3)


@pytest.mark.soak
def test_an_interrupted_run_gives_the_lease_back_and_goes_on_when_asked(
    spark: SparkSession, root: Path, config_file: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "under-way"
    process = start(config_file, slow=slow)
    deadline = time.monotonic() + 600
    while not slow.exists():
        assert process.poll() is None, process.communicate()[1].decode()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.1)

    # when somebody presses Ctrl-C in the middle of a job: the whole process group hears of it
    os.killpg(process.pid, signal.SIGINT)
    interrupted = time.monotonic()
    _, said = process.communicate(timeout=300)

    assert process.returncode == 130, said.decode()[-2000:]
    # the job that was under way would have taken minutes more
    assert time.monotonic() - interrupted < 200
    assert said.decode().splitlines()[-1] == "interrupted: nothing was published"
    assert "Traceback" not in said.decode()
    # what Java says of Spark's own options is nothing for somebody at a terminal
    assert "incubator modules" not in said.decode()
    warehouse = Warehouse(spark, str(root))
    assert load_claims(warehouse)[-1]["state"] == "released"
    last = load_runs(warehouse)[-1]
    assert (last.run_seq, last.state, last.exit_code) == (2, "interrupted", 130)
    assert holds(spark, root, run=1)

    run(spark, root)
    assert holds(spark, root, run=2)
    assert load_runs(warehouse)[-1].attempt == 2
