"""Which run an attempt belongs to, and the tables that it starts from."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from oneuser.config import config_hash
from oneuser.contracts.registry import TABLES
from oneuser.core.version import __version__
from oneuser.runs.new_files import files_of, find_lost, plan_inputs
from oneuser.runs.records import READING_STAGE, RunRecord

if TYPE_CHECKING:
    from oneuser.config import Config
    from oneuser.storage.commit_tags import CommitTag
    from oneuser.storage.warehouse import Warehouse

_log = structlog.get_logger("oneuser.run")


def resume_or_begin(
    warehouse: Warehouse,
    config: Config,
    runs: list[RunRecord],
    completed: RunRecord | None,
    *,
    as_of: datetime,
    is_plan: bool,
) -> RunRecord:
    """The open run of this configuration, one attempt on; else a new one. A plan continues none of other input.

    A run that has not read its input yet, and of which a file is gone or grew since it was listed, can never be done:
    it is given up for a new one.

    Args:
        warehouse: Where it runs.
        config: What shapes it.
        runs: All runs on record, oldest first.
        completed: The last that was published, which a new one starts from; null before the first publication.
        as_of: The own time of a new run.
        is_plan: Whether it is a plan.
    """
    shape = config_hash(config)
    last = runs[-1] if runs and runs[-1] is not completed else None
    is_open = last is not None and last.is_open and (last.config_hash, last.code_version) == (shape, __version__)
    if last is not None and is_open and not is_plan:
        lost = [] if READING_STAGE in last.stages else find_lost(warehouse, config, files_of(last))
        if not lost:
            last.attempt += 1
            return last
        _log.warning("run given up: a file is gone or has another size", run_id=last.run_seq, file=lost[0].path)
    base = completed.tables if completed else {}
    inputs = [asdict(file) for file in plan_inputs(warehouse, config, base)]
    if last is not None and is_open and last.inputs == inputs:
        last.attempt += 1
        return last
    run_seq = 1 + max((run.run_seq for run in runs), default=0)
    return RunRecord(run_seq, as_of, shape, __version__, inputs, dict(base))


def restore_tables(warehouse: Warehouse, run: RunRecord, tag: CommitTag) -> dict[str, int]:
    """Bring tables that only grow back to what the run starts from: nobody has published what is beyond.

    To be called when the attempt is on record, before which nothing may be taken away. Returns the newest version of
    every table that there is then.
    """
    heads: dict[str, int] = {}
    for contract in TABLES.values():
        head = warehouse.head(contract)
        target = run.tables.get(contract.name)
        if not contract.replaced and contract.zone != "control" and head is not None and head != target:
            _log.info("table restored", table=contract.name, found=head, version=target)
            warehouse.restore(contract, target, tag)
            head = warehouse.head(contract)
        if head is not None:
            heads[contract.name] = head
    return heads
