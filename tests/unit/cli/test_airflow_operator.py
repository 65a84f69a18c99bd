"""The operator and its DAGs with names in Airflow's place: what is announced, and what a scheduler reads at all."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "jobs" / "airflow"
BEGUN = datetime(2026, 3, 2, 6, tzinfo=UTC)
BEFORE, SINCE = "2026-03-02T05:59:00Z", "2026-03-02T06:10:00Z"
OWN, OLDER = "2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"


class Task:
    """As much of a task of Airflow's as the operator asks for."""

    def __init__(self, **_facts: Any) -> None:
        self.downstream_list: list[Task] = []


class Environment(dict[str, str]):
    """Variables that nobody may read."""

    def __getitem__(self, name: str) -> str:
        raise AssertionError(f"{name} is read")

    def get(self, name: str, _default: object = None) -> Any:
        raise AssertionError(f"{name} is read")


def read(name: str) -> Any:
    """A module as a scheduler reads it."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(autouse=True)
def _airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    sdk, exceptions = ModuleType("airflow.sdk"), ModuleType("airflow.sdk.exceptions")
    vars(sdk).update(Asset=str, AssetAlias=str, BaseOperator=Task, DAG=lambda *_, **__: nullcontext(), chain=print)
    vars(exceptions).update(AirflowException=Exception, AirflowFailException=Exception)
    for module in (ModuleType("airflow"), sdk, exceptions):
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def operator() -> Any:
    """The class of the operator."""
    return read("oneuser_operator").OneUserOperator


def refused(*_given: object, **_more: object) -> Any:
    raise AssertionError("a scheduler reads DAGs all the time: they ask nothing of a disk, a network or a process")


def test_reading_the_dags_asks_nothing_of_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.environ", Environment())
        patch.setattr("builtins.open", refused)
        patch.setattr("socket.socket", refused)
        patch.setattr("subprocess.Popen", refused)
        patch.setitem(sys.modules, "oneuser_operator", read("oneuser_operator"))
        read("oneuser_dag")


@pytest.mark.parametrize(
    ("tries", "clears", "published_at", "as_of", "is_last", "expected"),
    [
        (2, 0, SINCE, OWN, True, True),
        # it has finished an open run first
        (2, 0, SINCE, OLDER, True, True),
        (2, 1, SINCE, OWN, True, True),
        # its last try died behind its publication, and somebody has cleared it
        (5, 1, BEFORE, OWN, True, True),
        (1, 0, SINCE, OWN, True, False),
        # a run of another day, or of an earlier hour
        (2, 0, BEFORE, OWN, True, False),
        (2, 1, BEFORE, OLDER, True, False),
        (2, 0, SINCE, OWN, False, False),
    ],
)
def test_tables_are_announced_that_an_earlier_try_may_have_published_and_no_others(
    operator: Any, *, tries: int, clears: int, published_at: str, as_of: str, is_last: bool, expected: bool
) -> None:
    task = operator(as_of="2026-03-02T00:00:00+00:00")
    task.downstream_list = [Task()] if is_last else [operator(), Task()]
    context = {
        "ti": SimpleNamespace(try_number=tries),
        "dag_run": SimpleNamespace(start_date=BEGUN, clear_number=clears),
    }

    assert task._is_owed({"published_at": published_at, "as_of": as_of}, context) is expected


def test_maintenance_behind_a_run_is_no_part_of_the_run() -> None:
    module = read("oneuser_operator")
    task = module.OneUserOperator(as_of=OWN)
    task.downstream_list = [module.OneUserMaintainOperator()]
    context = {"ti": SimpleNamespace(try_number=2), "dag_run": SimpleNamespace(start_date=BEGUN, clear_number=0)}

    assert task._is_owed({"published_at": SINCE, "as_of": OWN}, context)
