"""The DAGs under Airflow itself, in its own environment, with a stub in oneuser's place that ends as it is told."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from oneuser.config import load_config
from oneuser.stages.registry import STAGES
from tests.environments.separate import ROOT
from tests.integration.airflow_process import Seen, run_dags

STUB = ROOT / "tests" / "environments" / "oneuser_stub.py"
CONFIG = "/etc/oneuser.yaml"
NAMES = [stage.name for stage in STAGES]
ASSET = "x-oneuser://acme/published"
# somebody's DAG that is to follow new tables
READER = f"""
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset

with DAG("reader", schedule=[Asset({ASSET!r})]):
    EmptyOperator(task_id="read")
"""


def answer(run: int, *, published: bool = True, finished: dict[str, Any] | None = None) -> dict[str, Any]:
    """What `run --json` says at its end, as far as it matters here."""
    return {
        "deployment": "acme", "run": run, "as_of": f"2026-03-0{run}T00:00:00Z", "is_continued": False,
        "published": published, "nothing_new": not published, "tables": {"events": run}, "finished": finished,
    }  # fmt: skip


ONE = answer(1)
NOT_YET = answer(1, published=False)
# what an earlier try has published, as far as this one can tell, and what was there before
SINCE = NOT_YET | {"published_at": "2999-01-01T00:00:00Z"}
BEFORE = NOT_YET | {"published_at": "2026-01-01T00:00:00Z"}
EVENT = {key: ONE[key] for key in ("run", "as_of", "tables")}


@dataclass(frozen=True)
class Scenario:
    """A run of a DAG, and how one call of oneuser after the other ends in it: see `oneuser_stub.py`."""

    ends: list[Any]
    dag: str = "oneuser"
    has_date: bool = True
    command: Path = STUB


SCENARIOS = {
    "published": Scenario([ONE]),
    "by hand": Scenario([ONE], has_date=False),
    "nothing new": Scenario([NOT_YET]),
    "the open one": Scenario([answer(2, published=False, finished=ONE)]),
    "locked, then free": Scenario([4, 4, 5, ONE]),
    "failed, then nothing new": Scenario([5, SINCE]),
    "locked, then nothing new": Scenario([4, BEFORE]),
    "killed, then free": Scenario(["kill", ONE]),
    "locked for good": Scenario([4, 5, 4, 4]),
    "failed": Scenario([1]),
    "misconfigured": Scenario([2]),
    "refused": Scenario([3]),
    "another program": Scenario([{}]),
    "interrupted": Scenario(["wait"]),
    "deaf": Scenario(["deaf"]),
    "nowhere": Scenario([], command=Path("/nowhere/oneuser")),
    "maintained": Scenario([{"kept_runs": [1, 2], "withdrawn_runs": [], "tables": []}], dag="oneuser_maintain"),
    "stages": Scenario([4, SINCE, *[NOT_YET] * (len(STAGES) - 2), ONE], dag="oneuser_stages"),
    "a stage fails": Scenario([NOT_YET, 1], dag="oneuser_stages"),
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def airflow(scratch: Path) -> Seen:
    """All scenarios, one after the other, in one process of Airflow."""
    runs = []
    for name, scenario in SCENARIOS.items():
        folder = scratch / name
        folder.mkdir()
        (folder / "ends.json").write_text(json.dumps(scenario.ends), encoding="utf-8")
        runs.append(
            {
                "dag": scenario.dag,
                "environment": {
                    "ONEUSER_COMMAND": str(scenario.command), "ONEUSER_CONFIG": CONFIG, "ONEUSER_STUB": str(folder),
                },
                "has_date": scenario.has_date,
                "kill": str(folder / "waiting") if scenario.ends in (["wait"], ["deaf"]) else None,
                "kill_after": 2,
            }
        )  # fmt: skip
    return run_dags(scratch, runs, beside=READER)


@pytest.fixture
def runs(airflow: Seen) -> dict[str, dict[str, Any]]:
    """What became of each scenario."""
    return dict(zip(SCENARIOS, airflow.runs, strict=True))


def calls(scratch: Path, scenario: str) -> list[list[str]]:
    """The arguments of each call of oneuser."""
    lines = (scratch / scenario / "calls.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


# structure ------------------------------------------------------------------------------------------------------------


def test_the_stages_are_a_chain_in_the_order_of_the_registry(airflow: Seen) -> None:
    tasks = airflow.dags["oneuser_stages"]["tasks"]

    assert list(tasks) == NAMES
    assert [task["before"] for task in tasks.values()] == [*([name] for name in NAMES[1:]), []]
    assert list(airflow.dags["oneuser"]["tasks"]) == ["run"]


@pytest.mark.parametrize("dag", ["oneuser", "oneuser_stages", "oneuser_maintain"])
def test_one_run_at_a_time_and_none_for_the_past(airflow: Seen, dag: str) -> None:
    assert (airflow.dags[dag]["max_active_runs"], airflow.dags[dag]["catchup"]) == (1, False)


@pytest.mark.parametrize("dag", ["oneuser", "oneuser_stages", "oneuser_maintain"])
@pytest.mark.parametrize("file", ["conf/local.yaml", "conf/cluster.yaml"])
def test_the_last_retry_comes_when_a_lost_lease_is_over(airflow: Seen, dag: str, file: str) -> None:
    ttl = load_config(ROOT / file).lease.ttl_minutes

    assert all(task["minutes_of_retries"] > ttl for task in airflow.dags[dag]["tasks"].values())


# exit codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "state", "tries"),
    [
        ("published", "success", 1),
        ("nothing new", "success", 1),
        ("locked, then free", "success", 4),
        ("killed, then free", "success", 2),
        ("locked for good", "failed", 4),
        ("failed", "failed", 1),
        ("misconfigured", "failed", 1),
        ("refused", "failed", 1),
        ("nowhere", "failed", 1),
        ("another program", "failed", 1),
    ],
)
def test_what_passes_is_tried_again_and_what_does_not_is_not(
    runs: dict[str, dict[str, Any]], scenario: str, state: str, tries: int
) -> None:
    assert runs[scenario]["state"] == state
    assert runs[scenario]["tasks"] == {"run": {"state": state, "tries": tries}}


def test_nothing_is_done_after_a_stage_that_failed(runs: dict[str, dict[str, Any]], scratch: Path) -> None:
    states = {name: task["state"] for name, task in runs["a stage fails"]["tasks"].items()}

    assert states == {"ingest": "success", "graph": "failed"} | dict.fromkeys(NAMES[2:], "upstream_failed")
    assert len(calls(scratch, "a stage fails")) == 2


def test_the_log_says_what_oneuser_says_and_why_it_failed(airflow: Seen) -> None:
    assert "call 1 is under way" in airflow.log
    assert "exit code 3, a gate stopped publication; what leads to 3; try something else" in airflow.log
    assert "exit code 0, and no answer in JSON" in airflow.log
    assert "/nowhere/oneuser cannot be started (No such file or directory)" in airflow.log


# how oneuser is called ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scenario", "when"), [("published", "data_interval_end"), ("by hand", "run_after")])
def test_a_run_is_as_of_the_end_of_its_interval_or_of_now(
    runs: dict[str, dict[str, Any]], scratch: Path, scenario: str, when: str
) -> None:
    as_of = runs[scenario][when]

    assert calls(scratch, scenario) == [["run", "--json", "-v", "--as-of", as_of, "--config", CONFIG, "--finish-open"]]
    assert (runs[scenario]["data_interval_end"] is None) == (scenario == "by hand")


def test_the_first_stage_of_a_chain_finishes_what_is_open_and_no_other(
    runs: dict[str, dict[str, Any]], scratch: Path
) -> None:
    start = ["run", "--json", "-v", "--as-of", runs["stages"]["data_interval_end"], "--config", CONFIG, "--stages"]

    # its first try found the warehouse locked
    first = [*start, NAMES[0], "--finish-open"]
    assert calls(scratch, "stages") == [first, first, *([*start, name] for name in NAMES[1:])]


def test_maintenance_is_a_task_that_makes_no_event(runs: dict[str, dict[str, Any]], scratch: Path) -> None:
    done = runs["maintained"]

    assert calls(scratch, "maintained") == [["maintain", "--json", "-v", "--config", CONFIG]]
    assert (done["state"], done["events"], done["followed_by"]) == ("success", [], [])
    assert done["results"]["maintain"] == {"kept_runs": [1, 2], "withdrawn_runs": []}


# publications ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "task"),
    [
        ("published", "run"),
        ("locked, then free", "run"),
        ("killed, then free", "run"),
        # the first try may have published before it failed
        ("failed, then nothing new", "run"),
        ("the open one", "run"),
        ("stages", NAMES[-1]),
    ],
)
def test_a_publication_is_one_event_that_others_follow(
    runs: dict[str, dict[str, Any]], scenario: str, task: str
) -> None:
    assert runs[scenario]["events"] == [{"uri": ASSET, "extra": EVENT, "source_task_id": task}]
    assert runs[scenario]["followed_by"] == ["reader"]


@pytest.mark.parametrize(
    "scenario",
    ["nothing new", "locked, then nothing new", "locked for good", "refused", "interrupted", "a stage fails"],
)
def test_where_nothing_is_published_there_is_no_event(runs: dict[str, dict[str, Any]], scenario: str) -> None:
    assert (runs[scenario]["events"], runs[scenario]["followed_by"]) == ([], [])


def test_later_tasks_can_read_what_a_run_was(runs: dict[str, dict[str, Any]]) -> None:
    told = EVENT | {"is_continued": False, "published": True, "nothing_new": False}

    assert runs["published"]["results"]["run"] == told


# being ended ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "code"), [("interrupted", "exit code 130, interrupted"), ("deaf", "exit code -9, killed")]
)
def test_a_task_that_is_ended_leaves_no_process(
    airflow: Seen, runs: dict[str, dict[str, Any]], scratch: Path, scenario: str, code: str
) -> None:
    assert runs[scenario]["tasks"] == {"run": {"state": "failed", "tries": 1}}
    assert code in airflow.log
    group = int((scratch / scenario / "waiting").read_text(encoding="utf-8"))
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
