"""Airflow in a process of its own environment: `airflow_runs.py` started, and what it has seen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oneuser.spark.jars import find_jars
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
    command = [python, ROOT / "tests" / "environments" / "airflow_runs.py", told, seen]
    with log.open("wb") as written:
        ended = subprocess.run(
            command,
            env=own_environment(scratch / "airflow", dags),
            cwd=scratch,
            stdout=written,
            stderr=written,
            check=False,
            timeout=900,
        )
    text = log.read_text(encoding="utf-8", errors="replace")
    assert ended.returncode == 0, text[-4000:]
    return Seen(**json.loads(seen.read_text(encoding="utf-8")), log=text)


def own_environment(home: Path, dags: Path) -> dict[str, str]:
    """The environment of an Airflow: nothing of this process's Python, nothing of an Airflow that this machine has."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHON", "ONEUSER"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def write_program(script: Path, *more: str) -> str:
    """The program as a worker would have it; `more` are lines of shell before it starts."""
    jars = find_jars()
    lines = [
        "#!/bin/sh",
        f"export PYTHONPATH='{ROOT / 'lib'}' ONEUSER_JARS='{jars[0].parent if jars else ''}'",
        *more,
        f"exec '{sys.executable}' -m oneuser.cli.main \"$@\"",
    ]
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    script.chmod(0o755)
    return str(script)
