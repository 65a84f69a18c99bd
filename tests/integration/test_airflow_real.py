"""The DAG `oneuser` with oneuser itself on 30 events: refused, ended by Airflow, tried again, and with nothing new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.airflow_process import Seen, run_dags, write_program

pytestmark = pytest.mark.soak

N_EVENTS = 30


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two configurations: `good.yaml`, and `bad.yaml`, of whose lines too many are damaged."""
    home = tmp_path_factory.mktemp("airflow-real")
    good = [
        {
            "messageId": f"m{n}", "type": "track", "event": "Viewed", "anonymousId": f"a{n % 7}", "userId": f"u{n % 5}",
            "timestamp": f"2026-03-01T10:{n:02}:00Z",
        }
        for n in range(N_EVENTS)
    ]  # fmt: skip
    lines = [json.dumps(line) for line in good]
    for name, text in {"good": lines, "bad": [*lines, *["damaged"] * N_EVENTS]}.items():
        (home / f"{name}.jsonl").write_text("\n".join(text) + "\n", encoding="utf-8")
        (home / f"{name}.yaml").write_text(
            f"deployment: {name}\nwarehouse: {home}/{name}\n"
            f"sources: {{web: {{path: {home}/{name}.jsonl, format: jsonl, preset: segment}}}}\n"
            "spark: {master: 'local[2]', driver_memory: 1g, shuffle_partitions: 2}\n",
            encoding="utf-8",
        )
    return home


@pytest.fixture(scope="module")
def airflow(home: Path) -> Seen:
    """Four runs, one after the other."""
    under_way = home / "good" / "tables" / "files" / "_delta_log"

    def told(config: str, command: str, *, kill: Path | None = None) -> dict[str, Any]:
        return {
            "dag": "oneuser",
            "environment": {"ONEUSER_COMMAND": command, "ONEUSER_CONFIG": str(home / f"{config}.yaml")},
            "has_date": True,
            "kill": str(kill) if kill else None,
            "kill_after": 60,
        }

    plain = write_program(home / "oneuser")
    # Java is found only when it is called again
    at_first = f"mkdir '{home}/called' 2>/dev/null && export JAVA_HOME='{home}/nowhere'"
    without_java = write_program(home / "oneuser-without-java", at_first)
    runs = [
        told("bad", plain),
        told("good", plain, kill=under_way),
        told("good", without_java),
        told("good", plain),
    ]
    return run_dags(home, runs)


def test_a_gate_is_no_reason_to_try_again(airflow: Seen) -> None:
    refused = airflow.runs[0]

    assert (refused["tasks"], refused["events"]) == ({"run": {"state": "failed", "tries": 1}}, [])
    assert "exit code 3, a gate stopped publication; " in airflow.log


def test_a_run_that_is_ended_gives_the_lease_back(airflow: Seen, home: Path) -> None:
    from deltalake import DeltaTable

    assert (airflow.runs[1]["tasks"], airflow.runs[1]["events"]) == ({"run": {"state": "failed", "tries": 1}}, [])
    assert "exit code 130, interrupted" in airflow.log
    claims = DeltaTable(home / "good" / "control" / "publications").to_pyarrow_table().sort_by("fence")
    assert claims.column("state").to_pylist()[0] == "released"


def test_the_next_one_is_tried_again_and_finishes_it_first(airflow: Seen, home: Path) -> None:
    ended, retried = airflow.runs[1:3]
    published = json.loads((home / "good" / "published.json").read_text(encoding="utf-8"))

    assert retried["tasks"] == {"run": {"state": "success", "tries": 2}}
    assert "exit code 5, environment or storage; " in airflow.log
    # what the one that was ended had begun is published as of its time; for its own there is nothing left
    (event,) = retried["events"]
    assert event["uri"] == "x-oneuser://good/published"
    assert (event["extra"]["run"], published["run"]) == (1, 1)
    assert event["extra"]["as_of"] == ended["data_interval_end"].replace("+00:00", "Z")
    assert (
        event["extra"]["tables"].items()
        >= {name: table["version"] for name, table in published["tables"].items()}.items()
    )
    assert (retried["results"]["run"]["run"], retried["results"]["run"]["nothing_new"]) == (2, True)


def test_a_run_that_finds_nothing_new_is_a_success_and_no_event(airflow: Seen) -> None:
    last = airflow.runs[3]

    assert (last["tasks"], last["events"]) == ({"run": {"state": "success", "tries": 1}}, [])
    assert last["results"]["run"]["nothing_new"]
