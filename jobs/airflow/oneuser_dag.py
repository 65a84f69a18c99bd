"""oneuser on a schedule: as one task, or as one task for each stage. Let Airflow run one of the two, never both.

And maintenance beside either: without it nothing old ever goes, and no erasure is completed.

Nothing is read here but this file: the worker's environment says where oneuser and its configuration are.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, chain
from oneuser_operator import OneUserMaintainOperator, OneUserOperator

# in the order in which they read each other
STAGES = ("ingest", "graph", "identity", "consent", "sessions", "attribution", "retention", "product")

SCHEDULE = "@daily"
# weekly is well within the month in which erasures are due; at another hour than runs, which would keep it waiting
MAINTAIN_SCHEDULE = "0 12 * * 0"
SETTINGS: dict[str, Any] = {
    "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "catchup": False,  # a run takes all files that are new, of however many days
    "max_active_runs": 1,  # a second one would find the warehouse locked
    # together longer than `lease.ttl_minutes`: who died with the lease is taken over from by the last retry
    "default_args": {"retries": 3, "retry_delay": timedelta(minutes=6)},
    "tags": ["oneuser"],
}

with DAG("oneuser", schedule=SCHEDULE, description="All stages in one process", **SETTINGS):
    OneUserOperator(task_id="run", finish_open=True)

with DAG("oneuser_stages", schedule=SCHEDULE, description="A process for each stage, which takes longer", **SETTINGS):
    chain(*(OneUserOperator(task_id=stage, stages=[stage], finish_open=stage == STAGES[0]) for stage in STAGES))

with DAG(
    "oneuser_maintain", schedule=MAINTAIN_SCHEDULE, description="Old files go, erasures are completed", **SETTINGS
):
    OneUserMaintainOperator(task_id="maintain")
