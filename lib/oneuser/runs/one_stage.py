"""One stage of a run: done with a context of its own, or taken over from the last completed run."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import structlog

from oneuser.contracts.changes import CHANGES
from oneuser.contracts.privacy import ERASURES
from oneuser.core.version import __version__
from oneuser.runs.fingerprints import (
    IS_INCREMENTAL,
    LAST_FULL,
    RULES,
    can_be_incremental,
    last_full_run,
    stage_fingerprint,
    stage_rules,
    unchanged_stage,
)
from oneuser.runs.new_files import files_of
from oneuser.runs.publication import check_own_commits
from oneuser.runs.records import IS_SMALL, READING_STAGE, StageRecord
from oneuser.runs.required_purposes import PURPOSES, purposes_by_use
from oneuser.runs.run_keys import KEY_CHECKS, load_run_keys
from oneuser.runs.small_stages import is_small
from oneuser.runs.suppressed_forms import FORMS, forms_of, require_recognised
from oneuser.runs.suppressed_places import PLACES, places_on_record, require_met
from oneuser.spark.job_names import jobs_named
from oneuser.spark.small_data import SHUFFLE_PARTITIONS, planned_for_small_data
from oneuser.stages.context import RunContext
from oneuser.stages.forgetting import forget_erased

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from oneuser.config import Config
    from oneuser.core.keyed import Keys
    from oneuser.runs.compactions import Compactions
    from oneuser.runs.records import RunRecord
    from oneuser.stages.declaration import Stage
    from oneuser.storage.commit_tags import CommitTag
    from oneuser.storage.warehouse import Warehouse

_log = structlog.get_logger("oneuser.run")


@dataclass(frozen=True)
class StageRunner:
    """What the stages of one attempt have in common.

    Attributes:
        warehouse: Where the tables are.
        config: What shapes them.
        run: The run, with the stages that are done.
        completed: The last completed run; null before the first publication.
        tag: The tag of its commits.
        start_heads: Newest version of each table when the attempt began.
        compactions: Which versions differ in their files alone.
        is_full: Whether every stage is done, and for everything.
        found: What stages have found out about tables; see `RunContext`.
    """

    warehouse: Warehouse
    config: Config
    run: RunRecord
    completed: RunRecord | None
    tag: CommitTag
    start_heads: Mapping[str, int]
    compactions: Compactions
    is_full: bool = False
    found: dict[tuple[object, ...], pa.Table] = field(default_factory=dict)

    def do(self, stage: Stage, tables: Mapping[str, int]) -> StageRecord:
        """Do a stage, unless all that shapes it is as in the last completed run; `tables` are the versions it sees."""
        fingerprint = stage_fingerprint(stage, self.compactions.originals(tables), self.config, __version__)
        # what a stage has kept may name whom the run has erased, whatever else of it stands
        has_to_run = self.does_everything or self._erases(tables)
        unchanged = None if has_to_run else unchanged_stage(stage, fingerprint, self.completed, self.run)
        return unchanged or self._do(stage, tables, fingerprint)

    def _do(self, stage: Stage, tables: Mapping[str, int], fingerprint: str) -> StageRecord:
        started = time.monotonic()
        if stage.name == READING_STAGE:
            require_recognised(self.warehouse, self.config, self.completed)
            require_met(self.warehouse, self.config, self.completed)
        ctx = self._context(stage, tables)
        small = planned_for_small_data(ctx.spark, given=self._given_settings) if ctx.is_small else nullcontext()
        try:
            with jobs_named(ctx.spark, stage.name, group=f"{self.run.run_seq}-{stage.name}"), small:
                stage.run(ctx)
                if ERASURES not in stage.writes and self._erases(ctx.tables):
                    forget_erased(ctx, stage.writes)
        finally:
            ctx.release()
        writes = [*stage.writes, *([CHANGES] if stage.gives else [])]
        left = {c.name: ctx.tables[c.name] for c in writes if c.name in ctx.tables}
        ctx.details |= {RULES: ctx.rules, IS_INCREMENTAL: ctx.is_incremental, IS_SMALL: ctx.is_small}
        ctx.details[LAST_FULL] = self._last_full(stage) if ctx.is_incremental else self.run.run_seq
        if stage.name == READING_STAGE:
            ctx.details |= {
                KEY_CHECKS: ctx.keys.checks,
                FORMS: forms_of(self.config, self.completed),
                PLACES: places_on_record(self.config, self.completed),
                PURPOSES: purposes_by_use(self.config),
            }
        # before the stage is on record: what is recorded is kept by the next attempt
        check_own_commits(self.warehouse, left, self.start_heads, self.tag.fence)
        seconds = time.monotonic() - started
        ctx.metric("rows_written", float(sum(ctx.written.values())), stage.name)
        return StageRecord(stage.name, self.run.attempt, "done", fingerprint, left, ctx.metrics, ctx.details, seconds)

    def _erases(self, tables: Mapping[str, int]) -> bool:
        """Whether this run has taken requests in."""
        return tables.get(ERASURES.name) != (self.completed.tables if self.completed else {}).get(ERASURES.name)

    @property
    def _given_settings(self) -> set[str]:
        """Settings of the session that the configuration gives."""
        given = self.config.spark
        return {*given.conf, *([SHUFFLE_PARTITIONS] if given.shuffle_partitions else [])}

    @property
    def does_everything(self) -> bool:
        """Whether the run is to do everything, whatever it touches."""
        rules, last_full = self.config.incremental, last_full_run(self.completed)
        return self.is_full or rules.does_everything(self.run.run_seq, last_full=last_full)

    def _last_full(self, stage: Stage) -> int:
        """Number of the run that last did a stage for everything; 0 where that is not told."""
        before = self.completed.stages.get(stage.name) if self.completed else None
        return before.details.get(LAST_FULL, 0) if before else 0

    @cached_property
    def _keys(self) -> Keys:
        """The keys of the attempt, read once: whatever is rotated meanwhile, its stages agree."""
        return load_run_keys(self.warehouse, self.config, self.run, self.completed)

    def _context(self, stage: Stage, tables: Mapping[str, int]) -> RunContext:
        rules = stage_rules(stage, self.config, __version__)
        inputs = files_of(self.run)
        return RunContext(
            spark=self.warehouse.spark,
            config=self.config,
            warehouse=self.warehouse,
            keys=self._keys,
            tag=self.tag,
            as_of=self.run.as_of,
            begun_at=self.run.begun_at,
            inputs=inputs,
            tables=dict(tables),
            base=dict(self.completed.tables) if self.completed else {},
            stage=stage.name,
            rules=rules,
            is_incremental=not self.does_everything and can_be_incremental(stage, rules, self.completed, self.run),
            is_small=is_small(
                self.warehouse, self.config, stage, tables, inputs if stage.name == READING_STAGE else ()
            ),
            takes=frozenset(stage.takes),
            gives=frozenset(stage.gives),
            may_read=stage.may_read,
            may_write=stage.may_write,
            found=self.found,
            log=_log.bind(step=stage.name, run_id=self.run.run_seq),
        )
