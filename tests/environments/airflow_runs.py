"""Runs of DAGs by Airflow itself, without a scheduler and a web server. To be started with Airflow's own Python.

`airflow_runs.py RUNS SEEN` reads a list of runs and leaves what became of each; both are JSON. A run is

    dag          which DAG
    environment  what is in the worker's environment meanwhile
    has_date     whether it is for a date, as scheduled ones are; else as somebody starts it by hand
    kill         a file at whose appearance the task's process gets the signal by which Airflow ends it; or null
    kill_after   seconds after which what does not end is killed
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.models.asset import AssetDagRunQueue, AssetEvent, AssetModel
from airflow.models.xcom import XComModel
from airflow.sdk import DAG, timezone
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from sqlalchemy import delete, select


def main(runs: Path, seen: Path) -> None:
    """Do all runs, one after the other, in a database of their own."""
    initdb()
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    bag = BundleDagBag(folder, bundle_path=folder, bundle_name="dags-folder")
    assert not bag.import_errors, bag.import_errors
    found = {
        "dags": {name: shape(dag) for name, dag in bag.dags.items()},
        "runs": [run(bag.dags[one["dag"]], one) for one in json.loads(runs.read_text("utf-8"))],
    }
    seen.write_text(json.dumps(found, indent=2, default=str), "utf-8")


def shape(dag: DAG) -> dict[str, Any]:
    """What a scheduler would go by, read off a DAG as its file declares it."""
    return {
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "tasks": {
            task.task_id: {
                "before": sorted(task.downstream_task_ids),
                "minutes_of_retries": task.retries * task.retry_delay / timedelta(minutes=1),
            }
            for task in dag.topological_sort()
        },
    }


def run(dag: DAG, told: dict[str, Any]) -> dict[str, Any]:
    """One run; retries do not wait."""
    import oneuser_operator  # on the path since DAGs were read

    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    with (
        mock.patch.dict(os.environ, told["environment"]),
        mock.patch.object(oneuser_operator, "KILL_AFTER_SECONDS", told["kill_after"]),
        killed_at(told["kill"]),
    ):
        ended = dag.test(logical_date=timezone.utcnow() if told["has_date"] else None)
    with create_session() as session:
        events = session.execute(
            select(AssetModel.uri, AssetEvent.extra, AssetEvent.source_task_id)
            .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
            .where(AssetEvent.source_run_id == ended.run_id)
        )
        facts = {
            "state": ended.state,
            "data_interval_end": ended.data_interval_end and ended.data_interval_end.isoformat(),
            "run_after": ended.run_after.isoformat(),
            "tasks": {
                task.task_id: {"state": task.state, "tries": task.try_number}
                for task in ended.get_task_instances(session=session)
            },
            "events": [event._asdict() for event in events],
            "results": dict(
                session.execute(
                    select(XComModel.task_id, XComModel.value).where(XComModel.run_id == ended.run_id)
                ).all()
            ),
            "followed_by": session.scalars(select(AssetDagRunQueue.target_dag_id)).all(),
        }
        session.execute(delete(AssetDagRunQueue))
    return facts


@contextmanager
def killed_at(file: str | None) -> Iterator[None]:
    """Let this process, which the task runs in, get the signal once a file is there."""

    def wait() -> None:
        while not Path(str(file)).exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    waiting = threading.Thread(target=wait, daemon=True)
    if file:
        waiting.start()
    yield


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
