"""The versions of the key of a warehouse: what each is used for, and a new one. Loads no Spark unless it has to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from oneuser.api.configured import read_config
from oneuser.api.questions import open_tables
from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.privacy import SUPPRESSIONS
from oneuser.core.errors import LockedError
from oneuser.privacy.key_references import split_reference
from oneuser.privacy.keys import load_versions, make_keys
from oneuser.privacy.lost_versions import lost_versions
from oneuser.privacy.rotation import Rotation, rotate
from oneuser.runs.boundary import own_errors
from oneuser.runs.claim_rows import current_publication, load_claims
from oneuser.runs.holder import is_gone
from oneuser.runs.records import load_runs
from oneuser.runs.run_keys import recorded_checks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path
    from typing import Any

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.storage.table_reader import TableReader


@dataclass(frozen=True)
class KeyUse:
    """A version of the key, and what is stored by it.

    Attributes:
        key_id: Its id.
        created: When it was made; null where its line does not say.
        is_first: Whether it makes the keys of messages and new User IDs, which are never rotated.
        is_newest: Whether identifiers that are seen first are keyed with it.
        is_missing: Whether it is not in the secret, or another one there than the last run knew: runs are refused while
            anything is stored by it.
        n_identifiers: Published identifiers that were first seen under it.
        n_suppressions: Suppressions that are recognised by it.
    """

    key_id: str
    created: date | None
    is_first: bool
    is_newest: bool
    is_missing: bool
    n_identifiers: int
    n_suppressions: int


def list_keys(config: Config | Mapping[str, Any] | str | Path) -> list[KeyUse]:
    """The versions of the key, oldest first, then those that are missing. Passes over one column of the identifiers.

    Raises:
        EnvironmentProblem: where there is no key at all.
    """
    loaded = read_config(config)
    with own_errors(loaded.warehouse):
        versions = load_versions(loaded.keys.identifiers)
        tables, _ = open_tables(loaded.warehouse, config=loaded)
        identifiers, suppressions = (_by_version(tables, contract) for contract in (IDENTIFIERS, SUPPRESSIONS))
        runs = reversed(load_runs(tables)) if tables.exists() else ()
        known = next((checks for run in runs if (checks := recorded_checks(run)) is not None), [])
    created = {version.key_id: version.created for version in versions}
    missing = sorted((identifiers | suppressions).keys() - created.keys())
    lost = {*missing, *lost_versions(known, make_keys(versions, deployment=loaded.deployment))}
    return [
        KeyUse(
            key_id,
            created.get(key_id),
            is_first=key_id == versions[0].key_id,
            is_newest=key_id == versions[-1].key_id,
            is_missing=key_id in lost,
            n_identifiers=identifiers[key_id],
            n_suppressions=suppressions[key_id],
        )
        for key_id in (*created, *missing)
    ]


def rotate_keys(config: Config | Mapping[str, Any] | str | Path, *, dry_run: bool = False) -> Rotation:
    """Make a new version of the key, with which identifiers are keyed that are seen first from the next run on.

    No User ID, no order and no published row changes. A key file is replaced at once; where the secret is in a variable
    or a program prints it, `Rotation.line` is to be added to it as the last line.

    Args:
        config: A configuration, or where it is.
        dry_run: Whether to tell what would be done, and to change nothing.

    Raises:
        EnvironmentProblem: where there is no key yet, or it cannot be written.
        LockedError: where a run is under way that reads the key file, or another rotation.
    """
    loaded = read_config(config)
    reference = loaded.keys.identifiers
    with own_errors(loaded.warehouse):
        if split_reference(reference)[0] == "file":
            _require_no_run(loaded)
        return rotate(reference, today=datetime.now(UTC).date(), is_dry_run=dry_run)


def _require_no_run(config: Config) -> None:
    """A run reads the key once; while one goes on, in several processes maybe, it stays as it is."""
    tables, _ = open_tables(config.warehouse, config=config)
    for row in load_claims(tables) if tables.exists() else ():
        if row["state"] == "leased" and row["expires_at"] > datetime.now(UTC) and not is_gone(row["holder"]):
            raise LockedError(holder=row["holder"], run_seq=row["run_seq"], expires_at=row["expires_at"])


def _by_version(tables: TableReader, contract: TableContract) -> Counter[str]:
    """Published rows of a table by version of the key."""
    shown = current_publication(tables) if tables.exists() else None
    found: Counter[str] = Counter()
    for batch in tables.batches(contract, shown.tables.get(contract.name) if shown else None, columns=["key_id"]):
        counted = pc.value_counts(batch.column("key_id"))
        found += Counter(dict(zip(*(part.to_pylist() for part in counted.flatten()), strict=True)))
    return found
