"""A whole Airflow on this machine, scheduler and all, as `airflow standalone` starts it; and what its database says."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.environments.separate import separate_python
from tests.integration.airflow_process import own_environment

# what Airflow looks at seldom, for a test's sake looked at often
_IMPATIENT = {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5", "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5"}

# the first means the scheduler and its like alone; without the second, attempts cannot report and fail
_READY = ("Airflow is ready", "Uvicorn running")


@dataclass(frozen=True)
class Airflow:
    """One that runs, with its database and its logs below a folder of its own."""

    home: Path
    environment: dict[str, str]

    def do(self, *command: str) -> None:
        """A command of Airflow's own, which ends well."""
        ended = subprocess.run(
            ["airflow", *command], env=self.environment, cwd=self.home, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr[-4000:]

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What its database answers."""
        with closing(sqlite3.connect(f"file:{self.home / 'airflow.db'}?mode=ro", uri=True, timeout=30)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def ended(self, dag: str) -> list[str]:
        """States of the runs of a DAG that are over."""
        over = f"SELECT state FROM dag_run WHERE dag_id = '{dag}' AND state IN ('success', 'failed')"
        return [row["state"] for row in self.rows(over)]

    def tries(self, dag: str) -> dict[str, int]:
        """How often each task of a DAG was tried."""
        tasks = self.rows(f"SELECT task_id, try_number FROM task_instance WHERE dag_id = '{dag}'")
        return {row["task_id"]: row["try_number"] for row in tasks}

    def log(self, dag: str, *, attempt: int) -> str:
        """What the only task of a DAG has logged in one attempt."""
        files = (self.home / "logs").glob(f"dag_id={dag}/*/*/attempt={attempt}.log")
        return "\n".join(file.read_text(encoding="utf-8") for file in files)

    def said(self) -> str:
        """What all its parts have said."""
        return (self.home / "standalone.log").read_text(encoding="utf-8")

    def wait(self, for_what: Callable[[], Any], *, seconds: float) -> Any:
        """What is there in the end.

        Raises:
            AssertionError: where it does not come in time, with the end of what Airflow has said.
        """
        ends = time.monotonic() + seconds
        while not (found := for_what()):
            assert time.monotonic() < ends, self.said()[-8000:]
            time.sleep(0.2)
        return found


@contextmanager
def standalone(home: Path, dags: Path, worker: dict[str, str]) -> Iterator[Airflow]:
    """Airflow at work with a folder of DAGs, all paused; the environment of its workers has what is given.

    Skips where its environment is missing.
    """
    programs = separate_python("airflow").parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home.mkdir()
    environment = own_environment(home, dags) | _IMPATIENT | worker
    environment |= {
        "PATH": f"{programs}:{environment['PATH']}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
    }
    with (home / "standalone.log").open("wb") as said:
        process = subprocess.Popen(
            ["airflow", "standalone"], env=environment, cwd=home, stdout=said, stderr=said, start_new_session=True
        )
    airflow = Airflow(home, environment)
    try:
        airflow.wait(lambda: all(sign in airflow.said() for sign in _READY), seconds=180)
        yield airflow
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # whatever a part of it has left
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
