"""One run: claim the warehouse, do what is not done yet, check, publish.

The same command after a crash continues: stages that the run record says are done are kept, tables that are ahead of
them are restored, the rest is done again. Nothing a reader sees changes before the publication's one row.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from oneuser.core.errors import ConfigError, EnvironmentProblem, GateError, LockedError, OneUserError
from oneuser.core.standing import Standing, was_interrupted
from oneuser.runs.boundary import as_own_error, own_errors
from oneuser.runs.claim_rows import newest, newest_completed
from oneuser.runs.compactions import Compactions
from oneuser.runs.erasures import follow_up, settle, withdraw_earlier
from oneuser.runs.gates import GateCheck, check_gates, gated_metrics, require_gates
from oneuser.runs.lease import Lease
from oneuser.runs.one_stage import StageRunner
from oneuser.runs.publication import check_own_commits, mend_published_file, write_published
from oneuser.runs.records import SECONDS_AT_RISK, UNCHANGED, RunLog, RunRecord, StageRecord, load_runs
from oneuser.runs.result import LookedAt, RunResult, result_of_done
from oneuser.runs.resume import restore_tables, resume_or_begin
from oneuser.spark.job_names import jobs_named
from oneuser.stages.declaration import Stage, stages_before
from oneuser.stages.graph.manual_pairs import check_manual_rules
from oneuser.stages.registry import STAGES
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import CommitHook, Warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import SparkSession

    from oneuser.config import Config


class Listener(Protocol):
    """Who wants to know how a run goes, such as a progress bar."""

    def stage_begins(self, stage: str, number: int, n_stages: int) -> None:
        """A stage starts."""

    def stage_ends(self, record: StageRecord) -> None:
        """A stage is done."""


class _OverwrittenError(EnvironmentProblem):
    """A commit of a stage that is done is another's now: nothing goes on from what the run leaves."""


class _Silent:
    def stage_begins(self, stage: str, number: int, n_stages: int) -> None:
        """Nobody listens."""

    def stage_ends(self, record: StageRecord) -> None:
        """Nobody listens."""


@dataclass(frozen=True)
class RunOptions:
    """What a caller may say about one run besides its configuration.

    `stages` names those to do in this process; the run is published by whoever does the last one. `as_of` counts for a
    new run only. A plan is never published, and its gates stop nothing: the run stays open for the one that follows.
    `on_commit` is called around every commit. Stages that took up to `seconds_at_risk` are recorded together. `is_full`
    does every stage for everything, whatever change sets tell; the result is the same. `finishes_open` has an open run
    that is as of another time finished first, all of it, instead of continued in the place of this one.
    """

    stages: Sequence[str] | None = None
    as_of: datetime | None = None
    is_plan: bool = False
    listener: Listener = field(default_factory=_Silent)
    on_commit: CommitHook | None = None
    seconds_at_risk: float = SECONDS_AT_RISK
    is_full: bool = False
    finishes_open: bool = False

    def come_after(self, run: RunRecord | RunResult) -> bool:
        """Whether a run that was found open is to be finished before the caller's own."""
        return self.finishes_open and run.attempt > 1 and run.as_of != self.as_of


def open_for_writing(spark: SparkSession, config: Config, on_commit: CommitHook | None = None) -> Warehouse:
    """The configured warehouse, made on first use."""
    warehouse = Warehouse(spark, config.warehouse, raw_root=config.raw_root, on_commit=on_commit)
    warehouse.create(config.deployment)
    return warehouse


def run_pipeline(spark: SparkSession, config: Config, options: RunOptions | None = None) -> RunResult:
    """Do a run, or what is left of it, and publish it, unless readers see all that it leaves already.

    With `finishes_open` these may be two, each under a lease of its own; what is told of the first is in `finished`.

    Raises:
        ConfigError: where a manual rule cannot be.
        LockedError: where another process holds the lease.
        GateError: where a gate refused publication.
        OneUserError: where a stage failed; nothing is published.
    """
    options = options or RunOptions()
    wanted = _wanted_stages(options.stages)
    check_manual_rules(config)
    warehouse = open_for_writing(spark, config, options.on_commit)
    result = _attempt(warehouse, config, options, wanted)
    if options.come_after(result):
        with Standing(*result.stands):
            return replace(_attempt(warehouse, config, options, wanted), finished=result)
    return result


def _attempt(warehouse: Warehouse, config: Config, options: RunOptions, wanted: list[Stage]) -> RunResult:
    """Do these stages of the run that is open, or of a new one; all stages of one that is to be finished first."""
    with jobs_named(warehouse.spark, "run", group="run"), Lease.acquire(warehouse, config.lease) as lease:
        attempt = _Attempt(warehouse, config, options, lease)
        return attempt.do(list(STAGES) if options.come_after(attempt.run) else wanted)


def _wanted_stages(names: Sequence[str] | None) -> list[Stage]:
    known = [stage.name for stage in STAGES]
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise ConfigError.single("--stages", f"{', '.join(unknown)} is no stage; stages are {', '.join(known)}")
    return [stage for stage in STAGES if names is None or stage.name in names]


class _Attempt:
    """One process's part in a run, under one lease."""

    def __init__(self, warehouse: Warehouse, config: Config, options: RunOptions, lease: Lease) -> None:
        self.warehouse = warehouse
        self.config = config
        self.options = options
        self.lease = lease
        self.started = time.monotonic()
        self.compactions = Compactions.of(lease.claims)
        runs = [self.compactions.renewed(run) for run in load_runs(warehouse)]
        self.completed = newest_completed(lease.earlier, runs)
        self.newest = runs[-1] if runs else None
        mend_published_file(warehouse, lease.earlier)
        self.run = resume_or_begin(
            warehouse, config, runs, self.completed, as_of=options.as_of or _now(), is_plan=options.is_plan
        )
        self.tag = CommitTag(self.run.run_seq, self.run.attempt, lease.fence)
        self.job_tag = f"oneuser-{self.run.run_seq}-{lease.fence}"
        self.record = RunLog(warehouse, self.run, self.tag, seconds_at_risk=options.seconds_at_risk)
        self.tables = self.run.tables
        self.start_heads: dict[str, int] = {}
        self.is_published = False
        self.is_ended = False

    def do(self, wanted: list[Stage]) -> RunResult:
        done, shown = self._done_before(wanted), newest(self.lease.earlier)
        if done is not None and shown is not None:
            withdraw_earlier(self.lease, self.completed)
            settle(self.warehouse)
            seconds = time.monotonic() - self.started
            return result_of_done(done, LookedAt(0, 0), seconds, published_at=shown.published_at)
        self._require_order(wanted)
        now = _now()
        self.record.begun(now, kept_stages=self.run.stages)
        # of a run that goes on, its first attempt's
        self.run.begun_at = self.run.begun_at or now
        withdraw_earlier(self.lease, self.completed)
        self.start_heads = restore_tables(self.warehouse, self.run, self.tag)
        spark_context = self.warehouse.spark.sparkContext
        spark_context.addJobTag(self.job_tag)
        try:
            with own_errors(self.warehouse.root):
                self._stages(wanted)
                self.record.flush()
                is_complete = all(stage.name in self.run.stages for stage in STAGES)
                is_nothing_new = is_complete and not self.options.is_plan and self._changes_nothing()
                is_published = is_complete and not self.options.is_plan and not is_nothing_new
                if is_published:
                    self._publish()
                elif is_nothing_new:
                    self._ended(UNCHANGED, 0, None)
                    # of a run that was cut short behind its publication
                    settle(self.warehouse)
        except (GateError, _OverwrittenError) as refusal:
            self._ended("refused", refusal.exit_code, refusal)
            raise
        except (OneUserError, KeyboardInterrupt) as problem:
            if was_interrupted(problem):
                # of a shared context, only what is ours
                spark_context.cancelJobsWithTag(self.job_tag)
                self._ended("interrupted", 130, None)
            else:
                failure = as_own_error(problem)
                self._ended("failed", failure.exit_code, failure)
            raise
        finally:
            spark_context.removeJobTag(self.job_tag)
        if self.options.is_plan:
            would_stop = any(not gate.holds for gate in self._gates())
            self._ended("planned", GateError.exit_code if would_stop else 0, None)
        return RunResult(
            self.run.run_seq,
            self.run.as_of,
            self.run.attempt,
            is_published,
            dict(self.run.base),
            dict(self.tables),
            self.run.metrics,
            self.run.stages,
            time.monotonic() - self.started,
            is_nothing_new=is_nothing_new,
            published_at=shown.published_at if is_nothing_new and shown is not None else None,
        )

    def _done_before(self, wanted: list[Stage]) -> RunRecord | None:
        """The newest run, where another process has ended it well and these stages of it are asked for once more.

        A scheduler's last task may die behind the publication, and its next try finds no run that is open. Only what
        no new run could begin with is meant so, and only as of the same time.
        """
        done, shown = self.newest, newest(self.lease.earlier)
        if done is None or shown is None or self.options.is_full or self.options.is_plan or not self._missing(wanted):
            return None
        has_ended_well = done is self.completed or done.state == UNCHANGED
        is_same = (done.as_of, done.config_hash, done.code_version) == (
            self.options.as_of, self.run.config_hash, self.run.code_version,
        )  # fmt: skip
        is_seen = shown.tables == done.tables
        has_all = all(stage.name in done.stages for stage in wanted)
        return done if has_ended_well and is_same and is_seen and has_all else None

    def _missing(self, wanted: list[Stage]) -> tuple[str, list[str]] | None:
        """The first stage that cannot be done, with those that have to be done before it; null where all can."""
        there = set(self.run.stages)
        for stage in wanted:
            missing = [one.name for one in stages_before(stage, STAGES) if one.name not in there]
            if missing and stage.name not in there:
                return stage.name, missing
            there.add(stage.name)
        return None

    def _require_order(self, wanted: list[Stage]) -> None:
        """Refuse stages before those whose tables they read, when nothing of the attempt is on record yet.

        Raises:
            OneUserError: naming the stage, and those that are missing.
        """
        found = self._missing(wanted)
        if found is not None:
            stage, missing = found
            raise OneUserError(
                found=f"stage {stage} before {', '.join(missing)}",
                expected="a stage after those whose tables it reads",
                where=f"run {self.run.run_seq}",
                next_step=f"do {missing[0]} first, or `oneuser run`",
            )

    # stages -------------------------------------------------------------------------------------------------------

    def _stages(self, wanted: list[Stage]) -> None:
        runner = StageRunner(
            self.warehouse,
            self.config,
            self.run,
            self.completed,
            self.tag,
            self.start_heads,
            self.compactions,
            is_full=self.options.is_full,
        )
        for number, stage in enumerate(STAGES, start=1):
            if stage not in wanted or stage.name in self.run.stages:
                continue
            self._check_gates()
            self.options.listener.stage_begins(stage.name, number, len(STAGES))
            done = runner.do(stage, self.tables)
            self.record.stage(_now(), done)
            self.run.stages[stage.name] = done
            self.tables |= done.tables
            self.options.listener.stage_ends(done)
        self._check_gates()

    def _check_gates(self) -> None:
        """Ask before anything is built on people."""
        if not self.options.is_plan:
            require_gates(self._gates())

    def _gates(self) -> list[GateCheck]:
        """The gates over people: also over those that stand, since the bounds may be others now."""
        people = self.run.stages.get("identity")
        return check_gates(self.config.gates, gated_metrics(people)) if people else []

    # the end ------------------------------------------------------------------------------------------------------

    def _changes_nothing(self) -> bool:
        """Whether each stage was kept as the last published run left it, and readers see just that.

        What a run has done again is published even where its tables stand: the next one compares with its record.
        """
        shown = newest(self.lease.earlier)
        is_kept = all(self.run.stages[stage.name].state == UNCHANGED for stage in STAGES if stage.reads)
        return is_kept and shown is not None and shown.tables == self.tables

    def _publish(self) -> None:
        if not all(self.warehouse.has_exclusive_commits(zone) for zone in self.warehouse.layout.zones):
            self._require_commits_left_alone()
        with jobs_named(self.warehouse.spark, "publish", group=f"{self.run.run_seq}-publish"):
            self.lease.publish(self.run.run_seq, self.tables)
            self.is_published = True
            write_published(self.warehouse, self.run.run_seq, self.tables)
            self._ended("published", 0, None)
            follow_up(self.warehouse, self.run, self.config.lease)

    def _require_commits_left_alone(self) -> None:
        """A process that has lost its lease may have put a commit of its own over one of ours since a stage ended."""
        try:
            check_own_commits(self.warehouse, self.tables, self.start_heads, self.tag.fence)
        except EnvironmentProblem as problem:
            raise _OverwrittenError(**vars(problem)) from problem

    def _ended(self, state: str, exit_code: int, problem: Exception | None) -> None:
        message = str(problem) if problem else None
        seconds = time.monotonic() - self.started
        if isinstance(problem, LockedError) and not self.is_published:
            return  # the run belongs to whoever took it over
        if self.is_ended:
            return  # what follows a publication does not take it back
        state = "published" if self.is_published else state
        self.record.ended(_now(), state=state, exit_code=exit_code, message=message, seconds=seconds)
        self.is_ended = True


def _now() -> datetime:
    return datetime.now(UTC)
