"""Whole runs connect edges, aliases and carry-over by one choice of engine, and it makes no difference to anybody."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from oneuser.config import make_config
from oneuser.contracts.control import RUNS
from oneuser.demo.generate import generate_demo
from oneuser.demo.settings import demo_config
from oneuser.runs.run import RunOptions, run_pipeline
from tests.integration.identity_only import identity_only
from tests.integration.published import contents, copied

__all__ = ["identity_only"]  # fixture

FIRST, SECOND = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)
OF_PEOPLE = ("components", "user_ids", "identifier_map", "lineage", "user_redirects", "events_resolved")
SecondRun = Callable[[dict[str, Any], str], Path]


@pytest.fixture(scope="module")
def second_run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SecondRun:
    """Makes the second run of a warehouse whose first run saw half of the days: rules of the graph, where to → root."""
    scratch = tmp_path_factory.mktemp("runs")
    generate_demo(scratch / "demo", events=1_000, days=30, files=4)
    days = sorted((scratch / "demo" / "events").glob("day=*"))
    # one secret for all warehouses, so that their people have the same names
    os.environ["ONEUSER_TEST_SECRET"] = "k1 " + "5e" * 32

    def run(warehouse: Path, as_of: datetime, graph: dict[str, Any]) -> None:
        values = demo_config(scratch / "inputs", warehouse)
        values |= {"keys": {"identifiers": "env:ONEUSER_TEST_SECRET"}, "graph": graph}
        assert run_pipeline(spark, make_config(values), RunOptions(as_of=as_of)).is_published

    def see(some: list[Path]) -> None:
        for day in some:
            shutil.copytree(day, scratch / "inputs" / "events" / day.name)

    (scratch / "inputs" / "events").mkdir(parents=True)
    see(days[: len(days) // 2])
    run(scratch / "warehouse", FIRST, {})
    see(days[len(days) // 2 :])

    def second(graph: dict[str, Any], name: str) -> Path:
        root = copied(scratch / "warehouse", scratch / name)
        run(root, SECOND, graph)
        return root

    return second


@pytest.fixture(scope="module")
def by_default(second_run: SecondRun) -> Path:
    return second_run({}, "by-default")


def said_of_engines(warehouse: Path) -> dict[str, str]:
    """What the record of the last run says of its engines."""
    rows = DeltaTable(warehouse / RUNS.zone / RUNS.name).to_pyarrow_table().to_pylist()
    stages = [
        json.loads(row["details"]) for row in rows if row["run_seq"] == 2 and row["stage"] in {"graph", "identity"}
    ]
    return {key: text for details in stages for key, text in details.items() if "engine" in key}


def test_a_small_run_is_connected_in_one_task_and_counts_nothing_for_it(by_default: Path) -> None:
    said = said_of_engines(by_default)

    assert {said[key] for key in ("engine", "alias_engine", "carry_over_engine")} == {"one_task"}
    assert "edges fit one task" in said["engine_reason"]
    assert said["alias_engine_reason"].startswith("fewer than")
    assert said["carry_over_engine_reason"].startswith("fewer than")


@pytest.mark.parametrize(
    ("engine", "graph"),
    [
        # where there are no GraphFrames, the next test does the same
        pytest.param(
            "contraction", {"engine": "contraction", "one_task_max_edges": 1}, marks=pytest.mark.soak
        ),
        pytest.param(
            "graphframes", {"engine": "graphframes", "one_task_max_edges": 1}, marks=pytest.mark.graphframes
        ),
    ],
)  # fmt: skip
def test_every_engine_carries_the_same_ids_over(
    second_run: SecondRun, by_default: Path, engine: str, graph: dict[str, Any]
) -> None:
    warehouse = second_run(graph, engine)

    said = said_of_engines(warehouse)
    assert {said[key] for key in ("engine", "alias_engine", "carry_over_engine")} == {engine}, said
    assert [name for name in OF_PEOPLE if contents(warehouse, name) != contents(by_default, name)] == []
    assert not (warehouse / "raw" / ".checkpoints").exists()


def test_more_than_one_task_takes_is_not_connected_in_one_task(second_run: SecondRun, by_default: Path) -> None:
    warehouse = second_run({"one_task_max_edges": 1}, "too-many")

    said = said_of_engines(warehouse)
    assert said["carry_over_engine"] in {"contraction", "graphframes"}
    assert "more than one task takes" in said["carry_over_engine_reason"]
    assert [name for name in OF_PEOPLE if contents(warehouse, name) != contents(by_default, name)] == []
