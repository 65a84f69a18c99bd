"""A run that is open swallows the next interval of a scheduler, unless it is told to finish that one first."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.config import make_config
from oneuser.core.errors import EnvironmentProblem, OneUserError
from oneuser.runs import run as run_module
from oneuser.runs.one_stage import StageRunner
from oneuser.runs.records import load_runs
from oneuser.runs.run import RunOptions, run_pipeline
from oneuser.stages.context import RunContext
from oneuser.storage.warehouse import Warehouse
from tests.integration import two_stages as two
from tests.integration.two_stage_warehouses import after_one_run, holds, root, shown_to_spark, two_stages_only

__all__ = ["after_one_run", "root", "two_stages_only"]  # fixtures

MONDAY, TUESDAY = two.MONDAY, two.MONDAY + timedelta(days=1)


class JobNames:
    """What jobs are called at each commit to a table, and the groups of stages that had any by then."""

    def __init__(self, spark: SparkSession) -> None:
        self._context = spark.sparkContext
        self.before = self.name()
        self.names: defaultdict[str, set[str | None]] = defaultdict(set)
        self.jobs_of_stages: set[str | None] = set()

    def name(self) -> str | None:
        return self._context.getLocalProperty("spark.job.description")

    def __call__(self, when: str, table: str) -> None:
        self.names[table].add(self.name())
        group = self._context.getLocalProperty("spark.jobGroup.id")
        is_of_stage = table in {"identifier_values", "user_redirects"}
        if when == "after" and is_of_stage and self._context.statusTracker().getJobIdsForGroup(group):
            self.jobs_of_stages.add(group)


def test_the_whole_command_finishes_an_open_run_and_then_does_its_own(spark: SparkSession, root: Path) -> None:
    # given Monday's run, of which one stage is done
    assert not run_pipeline(spark, two.config(root), RunOptions(stages=["gather"], as_of=MONDAY)).is_published

    noted = JobNames(spark)
    result = run_pipeline(spark, two.config(root), RunOptions(as_of=TUESDAY, finishes_open=True, on_commit=noted))

    assert result.finished is not None
    assert (result.finished.run_seq, result.finished.as_of, result.finished.is_published) == (2, MONDAY, True)
    assert (result.run_seq, result.as_of, result.is_published, result.is_continued) == (3, TUESDAY, True, False)
    assert holds(spark, root, run=3)
    # and Spark's UI reads like the pipeline
    assert noted.jobs_of_stages == {"oneuser-2-show", "oneuser-3-gather", "oneuser-3-show"}
    assert noted.names == {
        "identifier_values": {"oneuser gather"},
        "user_redirects": {"oneuser show"},
        "publications": {"oneuser publications: leased", "oneuser publications: published"},
        "runs": {"oneuser run", "oneuser publish"},
    }
    assert noted.name() == noted.before


def test_the_first_of_a_chain_of_tasks_finishes_an_open_run_but_its_own(spark: SparkSession, root: Path) -> None:
    first = RunOptions(stages=["gather"], as_of=TUESDAY, finishes_open=True)
    run_pipeline(spark, two.config(root), RunOptions(stages=["gather"], as_of=MONDAY))

    begun = run_pipeline(spark, two.config(root), first)
    assert begun.finished is not None
    assert begun.finished.is_published
    assert (begun.run_seq, begun.is_published, set(begun.stages)) == (3, False, {"gather"})

    # when the task is tried again: the open run is the one that it began itself
    again = run_pipeline(spark, two.config(root), first)
    assert (again.run_seq, again.is_continued, again.finished) == (3, True, None)

    last = run_pipeline(spark, two.config(root), RunOptions(stages=["show"], as_of=TUESDAY))
    assert (last.run_seq, last.as_of, last.is_published) == (3, TUESDAY, True)
    assert [(run.as_of, run.state) for run in load_runs(Warehouse(spark, str(root)))[1:]] == [
        (MONDAY, "published"), (TUESDAY, "published"),
    ]  # fmt: skip
    assert holds(spark, root, run=3)


def test_each_attempt_believes_times_up_to_when_the_first_one_began(
    spark: SparkSession, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts: list[RunContext] = []
    make = StageRunner._context

    def noted(runner: StageRunner, *given: Any) -> RunContext:
        contexts.append(make(runner, *given))
        return contexts[-1]

    monkeypatch.setattr(StageRunner, "_context", noted)
    run_pipeline(spark, two.config(root), RunOptions(stages=["gather"], as_of=MONDAY))
    run_pipeline(spark, two.config(root), RunOptions(as_of=MONDAY))

    begun_at = load_runs(Warehouse(spark, str(root)))[-1].begun_at
    assert [(ctx.attempt, ctx.begun_at) for ctx in contexts] == [(1, begun_at), (2, begun_at)]
    assert begun_at is not None
    assert begun_at > MONDAY


def test_who_is_not_told_so_goes_on_with_the_open_run_as_of_its_time(spark: SparkSession, root: Path) -> None:
    run_pipeline(spark, two.config(root), RunOptions(stages=["gather"], as_of=MONDAY))

    result = run_pipeline(spark, two.config(root), RunOptions(as_of=TUESDAY))

    assert (result.run_seq, result.as_of, result.is_continued, result.finished) == (2, MONDAY, True, None)
    assert holds(spark, root, run=2)


@pytest.mark.parametrize("change", ["gone", "grown", "read"])
def test_an_open_run_whose_input_is_not_there_as_it_was_is_given_up_unless_it_was_read(
    spark: SparkSession, root: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    if change == "read":
        monkeypatch.setattr("oneuser.runs.resume.READING_STAGE", "gather")
    (root.parent / "in").mkdir()
    (root.parent / "in" / "1.jsonl").touch()
    sources = {"web": two.settings(root)["sources"]["web"] | {"path": f"{root.parent}/in/*.jsonl"}}
    config = make_config(two.settings(root) | {"sources": sources})
    run_pipeline(spark, config, RunOptions(stages=["gather"], as_of=MONDAY))
    (root.parent / "in" / "2.jsonl").touch()
    if change == "grown":
        (root.parent / "in" / "1.jsonl").write_text("{}")
    else:
        (root.parent / "in" / "1.jsonl").unlink()

    result = run_pipeline(spark, config, RunOptions(as_of=TUESDAY))

    assert (result.run_seq, result.is_published) == ((2, True) if change == "read" else (3, True))
    shown, _ = shown_to_spark(spark, root)
    assert shown == sorted(2 * [1, result.run_seq])


def test_a_task_that_died_behind_the_publication_is_done_when_it_is_tried_again(
    spark: SparkSession, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = RunOptions(stages=["show"], as_of=TUESDAY)
    run_pipeline(spark, two.config(root), RunOptions(stages=["gather"], as_of=TUESDAY))
    with monkeypatch.context() as dying:
        dying.setattr(run_module, "write_published", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(EnvironmentProblem):
            run_pipeline(spark, two.config(root), last)

    again = run_pipeline(spark, two.config(root), last)

    assert (again.run_seq, again.as_of, again.is_nothing_new) == (2, TUESDAY, True)
    assert [(run.run_seq, run.state) for run in load_runs(Warehouse(spark, str(root)))] == [
        (1, "published"), (2, "published"),
    ]  # fmt: skip
    assert holds(spark, root, run=2)
    # what no run has done is refused, and leaves no run that is open
    with pytest.raises(OneUserError, match="stage show before gather"):
        run_pipeline(spark, two.config(root), RunOptions(stages=["show"], as_of=TUESDAY + timedelta(days=1)))
    assert len(load_runs(Warehouse(spark, str(root)))) == 2
