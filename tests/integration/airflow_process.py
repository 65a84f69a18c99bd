"""Airflow in a process of its own environment: `airflow_runs.py` started, and what it has seen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.environments.separate import ROOT, separate_python


@dataclass(frozen=True)
class Seen:
    """What Airflow has seen: structure of each DAG, what became of each run, and all that was logged."""

    dags: dict[str, dict[str, Any]]
    runs: list[dict[str, Any]]
    log: str


def run_dags(scratch: Path, runs: list[dict[str, Any]], *, beside: str = "") -> Seen:
    """Run DAGs of `jobs/airflow`, copied as a person would; `beside` is the text of one more file of DAGs."""
    python = separate_python("airflow")
    dags, told, seen, log = (scratch / name for name in ("dags", "runs.json", "seen.json", "airflow.log"))
    shutil.copytree(ROOT / "jobs" / "airflow", dags)
    (dags / "beside_dag.py").write_text(beside, encoding="utf-8")
    told.write_text(json.dumps(runs), encoding="utf-8")
    # nothing of this process's Python, and nothing of an Airflow that this machine may have
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHON", "ONEUSER"))}
    own = {
        "AIRFLOW_HOME": str(scratch / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [python, ROOT / "tests" / "environments" / "airflow_runs.py", told, seen]
    with log.open("wb") as written:
        ended = subprocess.run(
            command, env=kept | own, cwd=scratch, stdout=written, stderr=written, check=False, timeout=900
        )
    text = log.read_text(encoding="utf-8", errors="replace")
    assert ended.returncode == 0, text[-4000:]
    return Seen(**json.loads(seen.read_text(encoding="utf-8")), log=text)
