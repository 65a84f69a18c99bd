"""SIGKILL of the whole process group at commits of a run; the same command again gives the uninterrupted result."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.cli.demo import demo_config, generate_demo
from oneuser.core.config import make_config
from oneuser.pipeline.run import RunOptions, run_pipeline
from tests.integration.crash_script import AS_OF
from tests.integration.published import contents, published_versions

SCRIPT = Path(__file__).with_name("crash_script.py")
LIB = Path(__file__).resolve().parents[2] / "lib"
SEED = 20_260_301


def settings(folder: Path, warehouse: Path) -> dict[str, Any]:
    values = demo_config(folder, warehouse)
    # one secret for all warehouses, so that their people have the same names
    return values | {"keys": {"identifiers": "env:ONEUSER_TEST_SECRET"}}


@pytest.fixture(scope="module")
def uninterrupted(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """The demo's folder, the warehouse of a run that nobody disturbed, and the number of its commit points."""
    os.environ["ONEUSER_TEST_SECRET"] = "k1 " + "5e" * 32
    folder = tmp_path_factory.mktemp("demo")
    generate_demo(folder, events=1_000, days=30)
    warehouse = tmp_path_factory.mktemp("calm") / "warehouse"
    points: list[str] = []
    # every stage is recorded at once, so that all runs have the same commits
    options = RunOptions(
        as_of=AS_OF, on_commit=lambda when, table: points.append(f"{when} {table}"), seconds_at_risk=0.0
    )
    run_pipeline(spark, make_config(settings(folder, warehouse)), options)
    return folder, warehouse, len(points)


def crash(folder: Path, warehouse: Path, point: int) -> None:
    config = warehouse.parent / "oneuser.json"
    config.write_text(json.dumps(settings(folder, warehouse)))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(config), str(point)],
        env=os.environ | {"PYTHONPATH": str(LIB)},
        start_new_session=True,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == -9, done.stderr.decode()[-2000:]


def holds_after_crash(spark: SparkSession, calm: tuple[Path, Path, int], scratch: Path, point: int) -> None:
    folder, undisturbed, _ = calm
    warehouse = scratch / f"at-{point}" / "warehouse"
    warehouse.parent.mkdir()
    crash(folder, warehouse, point)

    # a run that was killed before it was on record begins anew, at the same time
    result = run_pipeline(spark, make_config(settings(folder, warehouse)), RunOptions(as_of=AS_OF))

    assert result.is_published
    assert sorted(published_versions(warehouse)) == sorted(published_versions(undisturbed))
    for name in published_versions(undisturbed):
        assert contents(warehouse, name) == contents(undisturbed, name), f"table {name} after a kill at point {point}"


@pytest.mark.parametrize("draw", [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)])
def test_a_killed_run_ends_like_an_undisturbed_one(
    spark: SparkSession, uninterrupted: tuple[Path, Path, int], tmp_path: Path, draw: int
) -> None:
    point = random.Random(SEED + draw).randint(3, uninterrupted[2])
    holds_after_crash(spark, uninterrupted, tmp_path, point)


@pytest.mark.soak
def test_a_kill_at_every_commit_point_ends_like_an_undisturbed_run(
    spark: SparkSession, uninterrupted: tuple[Path, Path, int], tmp_path: Path
) -> None:
    for point in range(1, uninterrupted[2] + 1):
        holds_after_crash(spark, uninterrupted, tmp_path, point)
