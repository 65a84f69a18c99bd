"""How a run ended, as its caller is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from oneuser.core.standing import run_is_published
from oneuser.runs.records import READING_STAGE, UNCHANGED, RunRecord, StageRecord


@dataclass(frozen=True)
class LookedAt:
    """What was found to be as the last run left it: how many files, of how many sources and reference inputs.

    None of none where stages were asked for that the run has done, and that take no files.
    """

    n_files: int
    n_inputs: int


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `is_published` is false where this process did only some of its stages, or changed nothing.

    `base` has the versions of the tables that the run started from, `tables` those that it left. Where
    `is_nothing_new`, both are those that readers see already, since `published_at`. Where nothing was done at all, not
    even a run begun, `looked_at` says what was looked at, and everything else is of the last published run. `finished`
    is the run that was open and had to be finished first.
    """

    run_seq: int
    as_of: datetime
    attempt: int
    is_published: bool
    base: dict[str, int]
    tables: dict[str, int]
    metrics: dict[str, float]
    stages: dict[str, StageRecord]
    seconds: float
    is_nothing_new: bool = False
    looked_at: LookedAt | None = None
    finished: RunResult | None = None
    published_at: datetime | None = None

    @property
    def is_continued(self) -> bool:
        """Whether this process went on with a run that another one had begun, as of its time."""
        return self.attempt > 1 and self.looked_at is None

    @property
    def stands(self) -> list[str]:
        """In words, what readers see by it and by the run that was finished first, whatever is cut short after."""
        of_finished = self.finished.stands if self.finished else []
        return [*of_finished, *([run_is_published(self.run_seq)] if self.is_published else [])]


def result_of_done(completed: RunRecord, looked_at: LookedAt, seconds: float, *, published_at: datetime) -> RunResult:
    """What is told of a run that was done before: all its stages are kept, and nothing was read."""
    kept = {name: replace(stage, state=UNCHANGED, seconds=0.0) for name, stage in completed.stages.items()}
    if READING_STAGE in kept:
        kept[READING_STAGE] = replace(kept[READING_STAGE], metrics={})
    return RunResult(
        completed.run_seq,
        completed.as_of,
        completed.attempt,
        is_published=False,
        base=completed.tables,
        tables=completed.tables,
        metrics={name: value for stage in kept.values() for name, value in stage.metrics.items()},
        stages=kept,
        seconds=seconds,
        is_nothing_new=True,
        looked_at=looked_at,
        published_at=published_at,
    )
