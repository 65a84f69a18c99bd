"""Faults around a run of two small stages: what was shown stays, and the same command again ends as if nothing was."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from oneuser.cli.main import main
from oneuser.config import LeaseRules
from oneuser.core.errors import EnvironmentProblem, LockedError, OneUserError
from oneuser.runs.claim_rows import load_claims
from oneuser.runs.lease import Lease
from oneuser.runs.records import load_runs
from oneuser.storage.warehouse import Warehouse
from tests.integration import two_stages as two
from tests.integration.published import copied
from tests.integration.two_stage_warehouses import (
    after_one_run,
    config_file,
    has_repeated_rows,
    holds,
    root,
    run,
    two_stages_only,
)

__all__ = ["after_one_run", "config_file", "root", "two_stages_only"]  # fixtures


def outsider(spark: SparkSession, root: Path, table: str) -> None:
    """Somebody else appends to a table what is in it already."""
    path = str(next(root.glob(f"*/{table}")))
    rows = spark.createDataFrame(spark.read.format("delta").load(path).limit(1).collect(), schema=None)
    rows.coalesce(1).write.format("delta").mode("append").save(path)


# a commit that landed though nobody was told --------------------------------------------------------------------------


@pytest.mark.soak
def test_a_commit_whose_response_is_lost_is_not_made_twice(spark: SparkSession, root: Path) -> None:
    def lose() -> None:
        raise Py4JNetworkError("Answer from Java side is empty")

    # when every commit of run 2 up to its publication, one attempt after the other, lands without an answer; the first
    # stage is on record after four of them, so that the last one is that of the second stage
    for commit in ("publications 1", "runs 1", "identifier_values 1", "runs 2", "user_redirects 1", "runs 2"):
        with pytest.raises(OneUserError):
            run(spark, root, f"after {commit}", lose)
        assert holds(spark, root, run=1), commit

    # then the same command again leaves what an undisturbed run leaves
    run(spark, root)
    assert holds(spark, root, run=2)
    assert not has_repeated_rows(spark, root)


# two runs at once -----------------------------------------------------------------------------------------------------


def test_a_second_run_exits_at_once_and_the_first_goes_on(
    spark: SparkSession, root: Path, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, float] = {}

    def second() -> None:
        started = time.monotonic()
        found["code"] = main(["run", "--config", str(config_file), "--quiet"])
        found["seconds"] = time.monotonic() - started

    run(spark, root, "after identifier_values 1", second)

    assert found["code"] == 4
    assert found["seconds"] < 15
    assert f"/{os.getpid()}/" in capsys.readouterr().err
    assert holds(spark, root, run=2)
    assert load_runs(Warehouse(spark, str(root)))[-1].attempt == 1


@pytest.mark.parametrize("is_first", [True, False], ids=["in a new warehouse", "in one that has runs"])
def test_of_two_racers_for_the_lease_one_gets_it(
    spark: SparkSession, root: Path, tmp_path: Path, *, is_first: bool
) -> None:
    where = tmp_path / "new" if is_first else root
    line = threading.Barrier(2, timeout=60)
    got: list[Lease | LockedError] = []

    def race() -> None:
        waits = [line.wait]  # before the claim, not before what the winner commits later

        def start_together(when: str, _table: str) -> None:
            if when == "before" and waits:
                waits.pop()()

        try:
            got.append(Lease.acquire(Warehouse(spark, str(where), on_commit=start_together), LeaseRules(ttl_minutes=1)))
        except LockedError as problem:
            got.append(problem)

    racers = [threading.Thread(target=race) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert sorted(type(result).__name__ for result in got) == ["Lease", "LockedError"]
    held = [row for row in load_claims(Warehouse(spark, str(where))) if row["state"] == "leased"]
    leases = [result for result in got if isinstance(result, Lease)]
    assert [row["fence"] for row in held] == [lease.fence for lease in leases]
    leases[0].release()  # or it goes on renewing itself under the tests that follow


# somebody else writes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["identifier_values", pytest.param("user_redirects", marks=pytest.mark.soak)])
def test_a_commit_by_somebody_else_before_ours_stops_the_run(spark: SparkSession, root: Path, table: str) -> None:
    with pytest.raises(EnvironmentProblem, match=f"somebody else wrote to table {table}"):
        run(spark, root, f"before {table} 1", lambda: outsider(spark, root, table))

    assert holds(spark, root, run=1)
    run(spark, root)
    assert holds(spark, root, run=2)


@pytest.mark.parametrize("table", ["identifier_values", pytest.param("user_redirects", marks=pytest.mark.soak)])
def test_a_commit_by_somebody_else_after_ours_is_never_shown(spark: SparkSession, root: Path, table: str) -> None:
    run(spark, root, "before publications 2", lambda: outsider(spark, root, table))
    assert holds(spark, root, run=2)

    # nor by the next run
    run(spark, root)
    assert holds(spark, root, run=3)


# storage fails --------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "oneuser-test", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.soak
def test_a_full_or_read_only_disk_leaves_the_old_publication(
    spark: SparkSession, after_one_run: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copied(after_one_run, disk)
    file = after_one_run.parent / "on-disk.json"
    file.write_text(json.dumps(two.settings(root) | {"sources": two.settings(after_one_run)["sources"]}))
    command = ["run", "--config", str(file), "--quiet"]

    # when it may only be read
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert main(command) == 5
    said = capsys.readouterr().err
    assert str(root) in said
    assert holds(spark, root, run=1)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)

    # when the disk is full
    filling = disk / "full"
    with suppress(OSError), filling.open("wb") as full:
        while True:
            full.write(b"0" * 4096)
    assert main(command) == 5
    said = capsys.readouterr().err
    assert "no space left" in said
    assert str(root) in said
    assert "next" in said
    assert holds(spark, root, run=1)
    filling.unlink()

    # then, with room again, the same command does the run
    assert main(command) == 0
    assert holds(spark, root, run=2)


def test_a_target_that_cannot_be_made_is_an_error_of_the_environment(
    tmp_path: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    file = tmp_path / "oneuser.json"
    file.write_text(json.dumps(two.settings(tmp_path / "warehouse") | {"warehouse": str(tmp_path / "taken" / "it")}))

    assert main(["run", "--config", str(file), "--quiet"]) == 5
    assert str(tmp_path / "taken" / "it") in capsys.readouterr().err
