"""One run: claim the warehouse, do what is not done yet, check, publish.

The same command after a crash continues: stages that the run record says are done are kept, tables that are ahead of
them are restored, the rest is done again. Nothing a reader sees changes before the publication's one row.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from oneuser.config import config_hash
from oneuser.contracts.registry import TABLES
from oneuser.core.errors import ConfigError, GateError, LockedError, OneUserError
from oneuser.core.version import __version__
from oneuser.privacy.keys import load_keys
from oneuser.runs.boundary import own_errors
from oneuser.runs.fingerprints import stage_fingerprint, unchanged_stage
from oneuser.runs.gates import GateCheck, check_gates, require_gates
from oneuser.runs.lease import Lease
from oneuser.runs.new_files import plan_inputs
from oneuser.runs.publication import check_own_commits, mend_published_file, newest_completed, write_published
from oneuser.runs.records import SECONDS_AT_RISK, RunLog, RunRecord, StageRecord, load_runs
from oneuser.stages.context import RunContext
from oneuser.stages.declaration import Stage, stages_before
from oneuser.stages.graph.manual_pairs import check_manual_rules
from oneuser.stages.registry import STAGES
from oneuser.storage.input_listing import InputFile
from oneuser.storage.warehouse import CommitHook, CommitTag, Warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from pyspark.sql import SparkSession

    from oneuser.config import Config

_log = structlog.get_logger("oneuser.run")


class Listener(Protocol):
    """Who wants to know how a run goes, such as a progress bar."""

    def stage_begins(self, stage: str, number: int, n_stages: int) -> None:
        """A stage starts."""

    def stage_ends(self, record: StageRecord) -> None:
        """A stage is done."""


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
    `on_commit` is called around every commit. Stages that took up to `seconds_at_risk` are recorded together.
    """

    stages: Sequence[str] | None = None
    as_of: datetime | None = None
    is_plan: bool = False
    listener: Listener = field(default_factory=_Silent)
    on_commit: CommitHook | None = None
    seconds_at_risk: float = SECONDS_AT_RISK


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `is_published` is false where this process did only some of its stages.

    `base` has the versions of the tables that the run started from, `tables` those that it left.
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


def open_for_writing(spark: SparkSession, config: Config, on_commit: CommitHook | None = None) -> Warehouse:
    """The configured warehouse, made on first use."""
    warehouse = Warehouse(spark, config.warehouse, raw_root=config.raw_root, on_commit=on_commit)
    warehouse.create(config.deployment)
    return warehouse


def run_pipeline(spark: SparkSession, config: Config, options: RunOptions | None = None) -> RunResult:
    """Do a run, or what is left of it, and publish it.

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
    lease = Lease.acquire(warehouse, ttl=timedelta(minutes=config.lease.ttl_minutes))
    try:
        return _Attempt(warehouse, config, options, lease).do(wanted)
    finally:
        lease.release()


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
        runs = load_runs(warehouse)
        self.completed = newest_completed(lease.earlier, runs)
        mend_published_file(warehouse, lease.earlier)
        self.run, self.is_new = self._this_run(runs)
        self.tag = CommitTag(self.run.run_seq, self.run.attempt, lease.fence)
        self.record = RunLog(warehouse, self.run, self.tag, seconds_at_risk=options.seconds_at_risk)
        self.tables = self.run.tables
        self.start_heads: dict[str, int] = {}
        self.found: dict[tuple[object, ...], pa.Table] = {}

    def do(self, wanted: list[Stage]) -> RunResult:
        self.record.begun(_now(), kept_stages=self.run.stages)
        self._restore()
        try:
            with own_errors(self.warehouse.root):
                self._stages(wanted)
                self.record.flush()
                is_complete = all(stage.name in self.run.stages for stage in STAGES)
                is_published = is_complete and not self.options.is_plan
                if is_published:
                    self._publish()
        except GateError as refusal:
            self._ended("refused", refusal.exit_code, refusal)
            raise
        except OneUserError as problem:
            self._ended("failed", problem.exit_code, problem)
            raise
        except KeyboardInterrupt:
            self.warehouse.spark.sparkContext.cancelAllJobs()
            self._ended("interrupted", 130, None)
            raise
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
        )

    # beginning ----------------------------------------------------------------------------------------------------

    def _this_run(self, runs: list[RunRecord]) -> tuple[RunRecord, bool]:
        """The open run of this configuration, to be continued; else a new one. A plan continues none of other input."""
        shape = config_hash(self.config)
        last = runs[-1] if runs and runs[-1] is not self.completed else None
        is_open = last is not None and last.is_open and (last.config_hash, last.code_version) == (shape, __version__)
        if last is not None and is_open and not self.options.is_plan:
            last.attempt += 1
            return last, False
        base = self.completed.tables if self.completed else {}
        inputs = [asdict(file) for file in plan_inputs(self.warehouse, self.config, base)]
        if last is not None and is_open and last.inputs == inputs:
            last.attempt += 1
            return last, False
        as_of = self.options.as_of or _now()
        run_seq = 1 + max((run.run_seq for run in runs), default=0)
        return RunRecord(run_seq, as_of, shape, __version__, inputs, dict(base)), True

    def _restore(self) -> None:
        """Bring tables that only grow back to what this run starts from: nobody has published what is beyond.

        The attempt is on record before anything is taken away.
        """
        for contract in TABLES.values():
            head = self.warehouse.head(contract)
            target = self.tables.get(contract.name)
            if not contract.replaced and contract.zone != "control" and head is not None and head != target:
                _log.info("table restored", table=contract.name, found=head, version=target)
                self.warehouse.restore(contract, target, self.tag)
                head = self.warehouse.head(contract)
            if head is not None:
                self.start_heads[contract.name] = head

    # stages -------------------------------------------------------------------------------------------------------

    def _stages(self, wanted: list[Stage]) -> None:
        for number, stage in enumerate(STAGES, start=1):
            if stage not in wanted or stage.name in self.run.stages:
                continue
            missing = [one.name for one in stages_before(stage, STAGES) if one.name not in self.run.stages]
            if missing:
                raise OneUserError(
                    found=f"stage {stage.name} before {', '.join(missing)}",
                    expected="a stage after those whose tables it reads",
                    where=f"run {self.run.run_seq}",
                    next_step=f"do {missing[0]} first, or `oneuser run`",
                )
            self._check_gates()
            self.options.listener.stage_begins(stage.name, number, len(STAGES))
            fingerprint = stage_fingerprint(stage, self.tables, self.config, __version__)
            done = unchanged_stage(stage, fingerprint, self.completed, self.run) or self._done(stage, fingerprint)
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
        """The gates over people; none where the stage was not done again, since it merged nobody."""
        people = self.run.stages.get("identity")
        return check_gates(self.config.gates, people.metrics) if people and people.state == "done" else []

    def _done(self, stage: Stage, fingerprint: str) -> StageRecord:
        started = time.monotonic()
        spark = self.warehouse.spark
        ctx = self._context(stage)
        spark.sparkContext.setJobGroup(f"oneuser-{self.run.run_seq}-{stage.name}", f"oneuser {stage.name}", True)
        try:
            stage.run(ctx)
        finally:
            ctx.release()
        left = {c.name: ctx.tables[c.name] for c in stage.writes if c.name in ctx.tables}
        # before the stage is on record: what is recorded is kept by the next attempt
        check_own_commits(self.warehouse, left, self.start_heads, self.lease.fence)
        seconds = time.monotonic() - started
        ctx.metric("rows_written", float(sum(ctx.written.values())), stage.name)
        return StageRecord(stage.name, self.run.attempt, "done", fingerprint, left, ctx.metrics, ctx.details, seconds)

    def _context(self, stage: Stage) -> RunContext:
        is_first_run = self.completed is None
        keys = load_keys(self.config.keys.identifiers, deployment=self.config.deployment, may_create=is_first_run)
        return RunContext(
            spark=self.warehouse.spark,
            config=self.config,
            warehouse=self.warehouse,
            keys=keys,
            tag=self.tag,
            as_of=self.run.as_of,
            inputs=[InputFile(**file) for file in self.run.inputs],
            tables=dict(self.tables),
            stage=stage.name,
            may_read=stage.may_read,
            may_write=stage.may_write,
            found=self.found,
            log=_log.bind(step=stage.name, run_id=self.run.run_seq),
        )

    # the end ------------------------------------------------------------------------------------------------------

    def _publish(self) -> None:
        self.lease.publish(self.run.run_seq, self.tables)
        write_published(self.warehouse, self.run.run_seq, self.tables)
        self._ended("published", 0, None)

    def _ended(self, state: str, exit_code: int, problem: Exception | None) -> None:
        message = str(problem) if problem else None
        seconds = time.monotonic() - self.started
        if isinstance(problem, LockedError):
            return  # the run belongs to whoever took it over
        self.record.ended(_now(), state=state, exit_code=exit_code, message=message, seconds=seconds)


def _now() -> datetime:
    return datetime.now(UTC)
