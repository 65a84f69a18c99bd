"""A run that kills its own process group at one commit: `python kill_script.py CONFIG "after edges in graph"`.

A commit is named by its table and by where the run is: at its `start`, where it claims the warehouse and restores
tables, in one of its stages, or at its `end`, where it is published.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from oneuser.config import load_config
from oneuser.runs.records import StageRecord
from oneuser.runs.run import RunOptions, run_pipeline
from oneuser.spark.session import SparkSettings, build_session
from oneuser.stages.registry import STAGES

FIRST, SECOND = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)


class CommitPoints:
    """Names the commits of a run as they come, and calls `reached` with each."""

    def __init__(self, reached: Callable[[str], None]) -> None:
        self._reached = reached
        self._place = "start"
        self._at_start: set[str] = set()

    def stage_begins(self, stage: str, number: int, n_stages: int) -> None:  # noqa: ARG002 - the listener's signature
        """A stage starts."""
        self._place = stage

    def stage_ends(self, record: StageRecord) -> None:
        """A stage is done."""
        self._place = "end" if record.stage == STAGES[-1].name else "between"

    def at_commit(self, when: str, table: str) -> None:
        """A commit is about to be made, or has landed."""
        if when == "before" and self._place == "start":
            # where all stages stand from an earlier attempt, none of them has told that it was the last
            if table in self._at_start:
                self._place = "end"
            self._at_start.add(table)
        self._reached(f"{when} {table} in {self._place}")


def options(reached: Callable[[str], None], as_of: datetime = SECOND) -> RunOptions:
    """Options of a run that tells of its commits. Every stage is recorded at once, so that all runs have the same.

    The time is given: a run that is killed before it is on record begins anew, and history says when it was recorded.
    """
    points = CommitPoints(reached)
    return RunOptions(as_of=as_of, on_commit=points.at_commit, listener=points, seconds_at_risk=0.0)


def main() -> None:
    """Run, and die at the wanted point."""
    wanted = sys.argv[2]

    def die(point: str) -> None:
        if point == wanted:
            os.killpg(os.getpgid(0), signal.SIGKILL)

    config = load_config(sys.argv[1])
    spark = build_session(
        SparkSettings(master="local[2]", driver_memory="1g", shuffle_partitions=2, is_little_work=True)
    )
    run_pipeline(spark, config, options(die))


if __name__ == "__main__":
    main()
