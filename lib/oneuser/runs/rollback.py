"""Rollback: readers are shown an earlier run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.runs.claim_rows import Publication, load_claims
from oneuser.runs.erasures import claims_after_erasure
from oneuser.runs.lease import Lease
from oneuser.runs.publication import write_published
from oneuser.runs.readable import require_readable

if TYPE_CHECKING:
    from oneuser.config import LeaseRules
    from oneuser.storage.warehouse import Warehouse


def roll_back(warehouse: Warehouse, *, to_run: int, reason: str | None, rules: LeaseRules) -> Publication:
    """Show an earlier publication again. Changes what readers see and nothing else: later runs go on where they were.

    Raises:
        ConfigError: where that run was never published, or can no longer be read.
        LockedError: while a run is under way.
    """
    require_readable(load_claims(warehouse), to_run, key="--to")
    with Lease.acquire(warehouse, rules) as lease:
        # maintenance may have come in between, or an erasure that was cut short
        target = require_readable(claims_after_erasure(warehouse, lease), to_run, key="--to")
        at = lease.publish(to_run, target.tables, kind="rollback", reason=reason)
        write_published(warehouse, to_run, target.tables)
    return Publication(lease.fence, to_run, "rollback", target.tables, at)
