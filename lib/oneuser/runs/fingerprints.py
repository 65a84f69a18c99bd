"""What shapes a stage's tables, as a hash: where it is that of the last completed run, the stage is not done again."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from oneuser.config import section_hash
from oneuser.runs.records import StageRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.config import Config
    from oneuser.runs.records import RunRecord
    from oneuser.stages.declaration import Stage


def stage_fingerprint(stage: Stage, tables: Mapping[str, int], config: Config, code_version: str) -> str:
    """Hash of all that shapes what the stage leaves: versions read, configuration, code."""
    facts = {
        "reads": {contract.name: tables.get(contract.name) for contract in stage.reads},
        "config": section_hash(config, *stage.sections) if stage.sections else "",
        "code": code_version,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


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
    if any(run.tables.get(name) != version for name, version in before.tables.items()):
        return None
    return StageRecord(
        stage.name, run.attempt, "unchanged", before.fingerprint, before.tables, before.metrics, before.details, 0.0
    )
