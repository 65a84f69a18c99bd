"""What shapes a stage's tables, as a hash: where it is that of the last completed run, the stage is not done again.

Where only tables differ, and change sets tell what of them, the stage is done again for what was touched alone.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from oneuser.config import section_hash
from oneuser.contracts.changes import CHANGES
from oneuser.runs.records import UNCHANGED, StageRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneuser.config import Config
    from oneuser.runs.records import RunRecord
    from oneuser.stages.declaration import Stage


# where the record of a stage keeps its rules, and whether it was done for what was touched alone
RULES, IS_INCREMENTAL = "rules", "is_incremental"
# and the run that last did it for everything
LAST_FULL = "last_full"


def stage_fingerprint(stage: Stage, tables: Mapping[str, int], config: Config, code_version: str) -> str:
    """Hash of all that shapes what the stage leaves: versions read, configuration, code.

    `tables` has each version as the first one with its rows, so that fewer files for the same rows change nothing.
    """
    return _hash(
        {
            "reads": {contract.name: tables.get(contract.name) for contract in stage.reads},
            "rules": stage_rules(stage, config, code_version),
            "fresh": _sections(config, stage.fresh_sections),
        }
    )


def stage_rules(stage: Stage, config: Config, code_version: str) -> str:
    """Hash of what shapes what the stage keeps from run to run, whatever tables it reads: configuration, code."""
    shape = {"config": _sections(config, stage.sections), "facts": stage.facts(config), "code": code_version}
    return _hash(shape)


def _sections(config: Config, sections: Sequence[str]) -> str:
    return section_hash(config, *sections) if sections else ""


def _hash(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def can_be_incremental(stage: Stage, rules: str, completed: RunRecord | None, run: RunRecord) -> bool:
    """Whether change sets of this run tell all that has changed for a stage since the last completed run.

    Its rules must be the same, its own tables those that it left then, and every other table that it reads as it was,
    or told of by a change set that it takes, from a stage that knew what it changed.

    Args:
        stage: The stage.
        rules: Its rules in this run.
        completed: The last completed run; null before the first publication.
        run: This run, with the stages that are done.
    """
    if completed is None:
        return False
    if not stage.reads:
        # it takes what is new from outside, and tells of it
        return True
    before = completed.stages.get(stage.name)
    if before is None or before.details.get(RULES) != rules or not stage.takes:
        return False
    if any(run.tables.get(name) != version for name, version in _own_tables(before).items()):
        return False
    writers = {name: record for record in run.stages.values() for name in record.tables}
    told = {contract.name for contracts in stage.takes.values() for contract in contracts}
    for contract in stage.reads:
        if run.tables.get(contract.name) == completed.tables.get(contract.name):
            continue
        writer = writers.get(contract.name)
        if contract.name not in told or writer is None or not writer.details.get(IS_INCREMENTAL):
            return False
    return True


def unchanged_stage(stage: Stage, fingerprint: str, completed: RunRecord | None, run: RunRecord) -> StageRecord | None:
    """The last completed run's record of the stage, where doing it again would give the same.

    Args:
        stage: The stage; one without reads always runs.
        fingerprint: What shapes it in this run.
        completed: The last completed run; null before the first publication.
        run: This run.
    """
    before = completed.stages.get(stage.name) if completed else None
    if not stage.reads or before is None or before.fingerprint != fingerprint:
        return None
    own = _own_tables(before)
    if any(run.tables.get(name) != version for name, version in own.items()):
        return None
    return StageRecord(stage.name, run.attempt, UNCHANGED, before.fingerprint, own, before.metrics, before.details, 0.0)


def last_full_run(completed: RunRecord | None) -> int:
    """Number of the run since which every stage was done for everything once, as the last completed run tells.

    A run that was refused or given up on has no part in it, so that it takes nobody's turn. 0 where nothing is told.
    """
    stages = completed.stages.values() if completed else ()
    return min((record.details.get(LAST_FULL, 0) for record in stages), default=0)


def _own_tables(record: StageRecord) -> dict[str, int]:
    """Versions of the tables that a stage alone writes. What it told of then, others have added to since."""
    return {name: version for name, version in record.tables.items() if name != CHANGES.name}
