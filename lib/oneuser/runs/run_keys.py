"""The keys of a run, checked against what earlier runs have stored by them. Loads no Spark by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.privacy import SUPPRESSIONS
from oneuser.privacy.key_references import describe_reference
from oneuser.privacy.keys import load_keys
from oneuser.privacy.lost_versions import MadeWith, lost_versions, require_nothing_lost
from oneuser.runs.records import READING_STAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.core.keyed import Keys
    from oneuser.privacy.lost_versions import Check
    from oneuser.runs.records import RunRecord
    from oneuser.storage.warehouse import Warehouse

# where the record of the stage that reads input keeps which versions of the secret there were
KEY_CHECKS = "keys"


def recorded_checks(run: RunRecord | None) -> list[Check] | None:
    """The versions that a run knew, oldest first; null where its record does not say."""
    found = run.of_reading(KEY_CHECKS) if run else None
    return None if found is None else [(key_id, check) for key_id, check in found]


def load_run_keys(warehouse: Warehouse, config: Config, run: RunRecord, completed: RunRecord | None) -> Keys:
    """The keys of a run; a first run may make them.

    Counts what is stored by a version only where one is gone, or where the last run's record does not name them.

    Args:
        warehouse: Where the tables are.
        config: What says where the secret is.
        run: The run, with the stages that are done.
        completed: The last completed run; null before the first publication.

    Raises:
        EnvironmentProblem: where there is no secret, or not every version that something is stored by.
    """
    has_read = READING_STAGE in run.stages
    keys = load_keys(
        config.keys.identifiers, deployment=config.deployment, may_create=completed is None and not has_read
    )
    if completed is None and not has_read:
        return keys
    require_all_versions(warehouse, run.tables, config, keys, recorded_checks(run if has_read else completed))
    return keys


def require_all_versions(
    warehouse: Warehouse, tables: Mapping[str, int], config: Config, keys: Keys, before: list[Check] | None
) -> None:
    """Check that all that is stored is recognised.

    Args:
        warehouse: Where the tables are.
        tables: Their versions.
        config: What says where the secret is.
        keys: The keys now.
        before: The versions that the run knew which left the tables; null where its record does not say.

    Raises:
        EnvironmentProblem: saying what is not.
    """
    made_with: Mapping[str, MadeWith] = {}
    if before is None or lost_versions(before, keys):
        made_with = _count(warehouse, tables)
    if before is None:
        # what is stored tells the ids
        unsaid = [(key_id, "") for key_id in sorted(made_with) if key_id not in dict(keys.checks)]
        before = [*keys.checks[:1], *unsaid]
    require_nothing_lost(before, keys, made_with, where=describe_reference(config.keys.identifiers))


def _count(warehouse: Warehouse, tables: Mapping[str, int]) -> dict[str, MadeWith]:
    """What is stored by each version. One job a table."""
    identifiers, suppressions = (
        _by_version(warehouse, contract, tables.get(contract.name)) for contract in (IDENTIFIERS, SUPPRESSIONS)
    )
    return {
        key_id: MadeWith(identifiers.get(key_id, 0), suppressions.get(key_id, 0))
        for key_id in identifiers.keys() | suppressions.keys()
    }


def _by_version(warehouse: Warehouse, contract: TableContract, version: int | None) -> dict[str, int]:
    if version is None:
        return {}
    counted = warehouse.read(contract, version).groupBy("key_id").count()
    # as many as there are versions
    return {row["key_id"]: row["count"] for row in counted.collect()}
