"""Airflow's own scheduler and oneuser itself: attempts that are killed, one more, who follows it, and a refusal.

First all stages as one task; then, once another day has arrived, a task for each stage.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from oneuser.demo.generate import generate_demo
from oneuser.demo.settings import demo_config
from oneuser.stages.registry import STAGES
from tests.environments.separate import ROOT
from tests.integration.airflow_process import write_program
from tests.integration.airflow_scheduler import Airflow, standalone

pytestmark = pytest.mark.soak

N_EVENTS = 1_000
KILLED_STAGE = "identity"
LAST_DAY = "day=2026-05-24"
# as a person would write them beside ours: a DAG on new tables, and one of another warehouse
BESIDE = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset
from oneuser_operator import OneUserOperator

with DAG("reader", schedule=[Asset("x-oneuser://demo/published")]):
    EmptyOperator(task_id="read")
with DAG("misconfigured", schedule=None, default_args={{"retries": 3}}):
    OneUserOperator(task_id="run", config={config!r}, finish_open=True)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo with its configuration, and one with a key that nobody knows."""
    home = tmp_path_factory.mktemp("scheduled")
    generate_demo(home / "demo", events=N_EVENTS)
    (home / "demo" / "events" / LAST_DAY).rename(home / LAST_DAY)
    good = demo_config(home / "demo", home / "warehouse")
    good["spark"] = {"master": "local[2]", "driver_memory": "1g", "shuffle_partitions": 2}
    # JSON is YAML
    (home / "good.yaml").write_text(json.dumps(good), encoding="utf-8")
    (home / "bad.yaml").write_text(json.dumps(good | {"identiti": {}}), encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def airflow(home: Path) -> Iterator[Airflow]:
    """Airflow after a scheduled run of `oneuser` and one of `oneuser_stages`, whose first attempts were killed.

    And one of each of the others.
    """
    dags = home / "dags"
    shutil.copytree(ROOT / "jobs" / "airflow", dags)
    ours = dags / "oneuser_dag.py"
    text = ours.read_text(encoding="utf-8")
    assert "timedelta(minutes=6)" in text
    ours.write_text(text.replace("timedelta(minutes=6)", "timedelta(seconds=2)"), encoding="utf-8")
    (dags / "beside_dag.py").write_text(BESIDE.format(config=str(home / "bad.yaml")), encoding="utf-8")
    worker = {"ONEUSER_COMMAND": write_program(home / "oneuser"), "ONEUSER_CONFIG": str(home / "good.yaml")}
    with standalone(home / "airflow", dags, worker) as airflow:
        airflow.wait(lambda: len(airflow.rows("SELECT dag_id FROM dag")) == 4, seconds=120)
        for dag in ("oneuser", "reader", "misconfigured"):
            airflow.do("dags", "unpause", dag, "--yes")
        airflow.do("dags", "trigger", "misconfigured")
        kill_what_runs(airflow, home, "oneuser", "run", once=home / "warehouse" / "tables" / "files" / "_delta_log")
        airflow.wait(lambda: airflow.ended("oneuser") and airflow.ended("misconfigured"), seconds=240)
        airflow.wait(lambda: airflow.ended("reader"), seconds=60)
        (home / LAST_DAY).rename(home / "demo" / "events" / LAST_DAY)
        airflow.do("dags", "unpause", "oneuser_stages", "--yes")
        kill_what_runs(airflow, home, "oneuser_stages", KILLED_STAGE)
        airflow.wait(lambda: airflow.ended("oneuser_stages"), seconds=600)
        airflow.wait(lambda: len(airflow.ended("reader")) == 2, seconds=60)
        yield airflow


def kill_what_runs(airflow: Airflow, home: Path, dag: str, task: str, *, once: Path | None = None) -> None:
    """End the attempt once it is at work as a kernel does that is short of memory: task and oneuser, without a word."""
    if once is not None:
        airflow.wait(once.exists, seconds=120)
    at_work = f"SELECT pid FROM task_instance WHERE dag_id = '{dag}' AND task_id = '{task}' AND pid IS NOT NULL"
    (pid,) = airflow.wait(lambda: airflow.rows(at_work), seconds=300)
    (run,) = airflow.wait(lambda: runs_below(pid["pid"], home), seconds=60)
    for process in (psutil.Process(pid["pid"]), run):
        process.kill()
    os.killpg(run.pid, signal.SIGKILL)  # and its Java


def runs_below(pid: int, home: Path) -> list[psutil.Process]:
    """What is at work for a task, once it is oneuser."""
    below = psutil.Process(pid).children(recursive=True)
    return [one for one in below if is_run_of(one.cmdline(), home) and one.pid == os.getpgid(one.pid)]


def is_run_of(command: list[str], home: Path) -> bool:
    return "oneuser.cli.main" in command and str(home / "good.yaml") in command


def event(airflow: Airflow, *, run: int) -> dict[str, Any]:
    rows = airflow.rows("SELECT a.uri, e.extra FROM asset_event e JOIN asset a ON a.id = e.asset_id")
    (found,) = [row for one in rows if (row := one | {"extra": json.loads(one["extra"])})["extra"]["run"] == run]
    return found


def test_an_attempt_that_is_killed_is_tried_again_and_goes_on_where_it_was(airflow: Airflow, home: Path) -> None:
    assert (airflow.ended("oneuser"), airflow.tries("oneuser")) == (["success"], {"run": 2})
    assert "Process terminated by signal" in airflow.log("oneuser", attempt=1)
    # not begun anew: what the first attempt had left half done is taken back, in the same run
    assert "table restored" in airflow.log("oneuser", attempt=2)


def test_what_is_published_is_an_event_on_which_another_dag_is_run(airflow: Airflow, home: Path) -> None:
    published = json.loads((home / "warehouse" / "published.json").read_text(encoding="utf-8"))
    first, last = event(airflow, run=1), event(airflow, run=2)

    assert {first["uri"], last["uri"]} == {"x-oneuser://demo/published"}
    assert published["run"] == 2
    assert (
        last["extra"]["tables"].items() >= {name: one["version"] for name, one in published["tables"].items()}.items()
    )
    assert airflow.ended("reader") == ["success", "success"]


def test_a_stage_that_is_killed_is_tried_again_by_itself_and_its_chain_publishes_once(airflow: Airflow) -> None:
    once = dict.fromkeys((stage.name for stage in STAGES), 1)

    assert airflow.ended("oneuser_stages") == ["success"]
    assert airflow.tries("oneuser_stages") == once | {KILLED_STAGE: 2}


def test_a_mistake_in_the_configuration_is_tried_once(airflow: Airflow) -> None:
    assert (airflow.ended("misconfigured"), airflow.tries("misconfigured")) == (["failed"], {"run": 1})
    log = airflow.log("misconfigured", attempt=1)
    assert "exit code 2, usage or configuration" in log
    assert "identity" in log
