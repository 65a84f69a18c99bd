"""How a run goes: a bar per stage on a terminal, elsewhere a line when it begins and one when it ends.

The bar counts the tasks of Spark's jobs that are active, as Spark's status tracker tells them.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from types import TracebackType

    from pyspark.sql import SparkSession

    from oneuser.cli.output import Output
    from oneuser.runs.records import StageRecord

_POLL_SECONDS = 0.4


class StageProgress:
    """Listens to a run and shows it. A context: what it draws is gone or finished when it ends."""

    def __init__(self, spark: SparkSession, output: Output) -> None:
        self._tracker = spark.sparkContext.statusTracker()
        self._output = output
        self._is_live = output.err.is_terminal and not (output.quiet or output.as_json)
        self._bars = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=output.err,
            disable=not self._is_live,
        )
        self._bar: TaskID | None = None
        self._place = ""
        self._ended = threading.Event()
        self._poll = threading.Thread(target=self._follow, name="oneuser-progress", daemon=True)

    def __enter__(self) -> Self:
        if self._is_live:
            self._bars.start()
            self._poll.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._is_live:
            self._poll.join(timeout=2 * _POLL_SECONDS)
            self._bars.stop()

    def stage_begins(self, stage: str, number: int, n_stages: int) -> None:
        """A stage starts."""
        self._place = f"{number}/{n_stages}"
        self._bar = self._bars.add_task(f"{self._place} {stage:<12}", total=None, state="")
        if not self._is_live:
            self._output.note(f"{self._place} {stage}")

    def stage_ends(self, record: StageRecord) -> None:
        """A stage is done."""
        if self._bar is not None:
            state = "unchanged" if record.state == "unchanged" else "done"
            self._bars.update(self._bar, total=1, completed=1, state=state)
            self._bar = None
        if not self._is_live:
            self._output.note(f"{self._place} {record.stage:<12} {record.state:<10} {record.seconds:6.1f} s")

    def _follow(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            bar = self._bar
            done, total = self._tasks()
            if bar is not None and total:
                self._bars.update(bar, total=total, completed=done, state=f"{done}/{total} tasks")

    def _tasks(self) -> tuple[int, int]:
        """Done and all tasks of the active jobs. Spark forgets a stage at any moment; what it forgot counts as none."""
        done = total = 0
        for job_id in self._tracker.getActiveJobsIds():
            job = self._tracker.getJobInfo(job_id)
            for stage_id in job.stageIds if job else ():
                stage = self._tracker.getStageInfo(stage_id)
                if stage is not None:
                    done += stage.numCompletedTasks
                    total += stage.numTasks
        return done, total
