"""SIGKILL of the whole process group at commits of a run; the same command again gives the uninterrupted result.

The commits are those that the stages declare and those of the run's own record. A stage that commits to a table which
it does not declare, or to one twice, makes the first test here fail: there is no commit without a kill.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.config import make_config
from oneuser.contracts.changes import CHANGES
from oneuser.contracts.registry import TABLES
from oneuser.demo.generate import generate_demo
from oneuser.demo.settings import demo_config
from oneuser.runs.run import run_pipeline
from oneuser.stages.registry import STAGES
from tests.integration.kill_script import FIRST, SECOND, options
from tests.integration.published import contents, copied, published_versions

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("kill_script.py")
SEED = 20_260_301
PLACES = ["start", *[stage.name for stage in STAGES], "end"]
WHOLE_RUN = {
    "start": ["publications", "runs"],
    **{
        stage.name: [*[table.name for table in stage.writes], *([CHANGES.name] if stage.gives else []), "runs"]
        for stage in STAGES
    },
    "end": ["publications", "runs"],
}
POINTS = [
    f"{when} {table} in {place}" for place in PLACES for table in WHOLE_RUN[place] for when in ("before", "after")
]


def kills_in(place: str) -> list[str]:
    """Kills at every commit of one place, and at every commit by which the next attempt restores what it left."""
    points = []
    for table in WHOLE_RUN[place]:
        points += [f"before {table} in {place}", f"after {table} in {place}"]
        if place not in {"start", "end"} and TABLES[table].zone != "control" and not TABLES[table].replaced:
            points += [f"before {table} in start", f"after {table} in start"]
    return points


@dataclass(frozen=True)
class Calm:
    """Two runs that nobody disturbed: their input, the warehouse after each, and the commits of each."""

    inputs: Path
    first: Path
    second: Path
    commits: tuple[list[str], list[str]]


def settings(inputs: Path, warehouse: Path) -> dict[str, Any]:
    # one secret for all warehouses, so that their people have the same names; the second run does what it touches
    return demo_config(inputs, warehouse) | {
        "keys": {"identifiers": "env:ONEUSER_TEST_SECRET"},
        "incremental": {"above_mb": 0},
    }


def run(spark: SparkSession, inputs: Path, warehouse: Path, as_of: datetime = SECOND) -> list[str]:
    """A run that must be published, or find that it is already; returns its commits."""
    seen: list[str] = []
    result = run_pipeline(spark, make_config(settings(inputs, warehouse)), options(seen.append, as_of))
    assert result.is_published or result.is_nothing_new
    return seen


@pytest.fixture(scope="module")
def calm(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    os.environ["ONEUSER_TEST_SECRET"] = "k1 " + "5e" * 32
    demo, scratch = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("calm")
    generate_demo(demo, events=1_000, days=30, files=4)
    # the first run sees the first half of the days, the second run all of them
    inputs, warehouse = scratch / "inputs", scratch / "warehouse"
    (inputs / "events").mkdir(parents=True)
    days = sorted((demo / "events").glob("day=*"))
    for day in days[: len(days) // 2]:
        shutil.copytree(day, inputs / "events" / day.name)
    commits_1 = run(spark, inputs, warehouse, FIRST)
    first = copied(warehouse, scratch / "first")
    for day in days[len(days) // 2 :]:
        shutil.copytree(day, inputs / "events" / day.name)
    commits_2 = run(spark, inputs, warehouse)
    return Calm(inputs, first, warehouse, (commits_1, commits_2))


def kill(inputs: Path, warehouse: Path, point: str) -> None:
    """The second run, which is killed at a commit."""
    config = warehouse.parent / "oneuser.json"
    config.write_text(json.dumps(settings(inputs, warehouse)))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(config), point],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT}"},
        start_new_session=True,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == -9, f"not killed {point}: {done.stderr.decode()[-2000:]}"


def ends_like_an_undisturbed_run(spark: SparkSession, calm: Calm, warehouse: Path) -> None:
    run(spark, calm.inputs, warehouse)

    assert sorted(published_versions(warehouse)) == sorted(published_versions(calm.second))
    # which attempt has told of what is all that an interruption may change
    ended, undisturbed = (
        {name: contents(root, name, without=("attempt",)) for name in published_versions(calm.second)}
        for root in (warehouse, calm.second)
    )
    assert not [name for name, rows in undisturbed.items() if ended[name] != rows]


def test_a_run_commits_where_it_says_and_nowhere_else(calm: Calm) -> None:
    first, second = calm.commits
    # a table that the demo has no rows for is not made
    made = {*published_versions(calm.second), "publications", "runs"}
    # a first run has nothing to tell of
    telling = {point for point in POINTS if point.split()[1] == CHANGES.name}

    assert sorted(first) == sorted(point for point in POINTS if point.split()[1] in made and point not in telling)
    assert sorted(second) == sorted(set(second))
    assert set(second) <= {*first, *telling}


def shows_the_first_run(calm: Calm, warehouse: Path) -> bool:
    return all(
        contents(warehouse, name) == contents(calm.first, name) for name in ("user_ids", "events_resolved", "retention")
    )


# the claim at the end publishes: from then on readers see the second run
BEFORE_PUBLICATION = [point for point in POINTS if not point.endswith("in end")] + ["before publications in end"]


@pytest.fixture
def other_partitions(spark: SparkSession) -> Iterator[None]:
    """Rows lie and plans change as they do on another cluster."""
    other = {"spark.sql.shuffle.partitions": "7", "spark.sql.adaptive.enabled": "false"}
    before = {key: spark.conf.get(key) for key in other}
    for key, value in other.items():
        spark.conf.set(key, value)
    yield
    for key, value in before.items():
        spark.conf.set(key, value)


@pytest.mark.usefixtures("other_partitions")
@pytest.mark.parametrize("draw", [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)])
def test_a_killed_run_ends_like_an_undisturbed_one_however_it_is_partitioned(
    spark: SparkSession, calm: Calm, tmp_path: Path, draw: int
) -> None:
    warehouse = copied(calm.first, tmp_path)

    points = [point for point in POINTS if point in BEFORE_PUBLICATION and point in calm.commits[1]]
    kill(calm.inputs, warehouse, random.Random(SEED + draw).choice(points))

    assert shows_the_first_run(calm, warehouse)
    ends_like_an_undisturbed_run(spark, calm, warehouse)


@pytest.mark.soak
@pytest.mark.parametrize("place", PLACES)
def test_kills_at_every_commit_one_after_the_other_end_like_an_undisturbed_run(
    spark: SparkSession, calm: Calm, tmp_path: Path, place: str
) -> None:
    warehouse = copied(calm.first, tmp_path)

    tables = {point.split()[1] for point in calm.commits[1]}
    for point in kills_in(place):
        if point.split()[1] not in tables:
            continue
        kill(calm.inputs, warehouse, point)
        if point in BEFORE_PUBLICATION or point.endswith("in start"):
            assert shows_the_first_run(calm, warehouse), point

    ends_like_an_undisturbed_run(spark, calm, warehouse)
