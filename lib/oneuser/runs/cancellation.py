"""Requests that are taken back before a run has begun with them; afterwards what they erased cannot be had back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from pyspark.sql import functions as F

from oneuser.contracts import privacy as kinds
from oneuser.contracts.privacy import ERASURES
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.runs.lease import Lease
from oneuser.storage.request_files import RequestFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.config import LeaseRules
    from oneuser.storage.warehouse import Warehouse

_log = structlog.get_logger("oneuser.privacy")
CANCELLED = "cancelled"


def cancel(warehouse: Warehouse, request_ids: Sequence[str], rules: LeaseRules) -> None:
    """Take requests back: what they name is removed from the raw zone, and no run takes them in.

    Holds the lease, so that no run begins with one meanwhile. One that is cancelled already stays so. Cut short between
    the two steps, a request is pending and asks for nothing; the same call finishes it, and it can be made again.

    Raises:
        ConfigError: naming every request that there never was, or that a run has begun with; none is cancelled then.
        LockedError: while a run is under way.
    """
    files = RequestFiles(warehouse.files, warehouse.layout)
    known = set(files.known())
    told = {name: files.status(name) if name in known else None for name in request_ids}
    _refuse({name: problem for name, facts in told.items() if (problem := _problem(facts))})
    waiting = {name: facts for name, facts in told.items() if facts is not None and facts["state"] != CANCELLED}
    if not waiting:
        return
    with Lease.acquire(warehouse, rules):
        # a run that stopped has perhaps said so nowhere else
        head = warehouse.head(ERASURES)
        rows = None if head is None else warehouse.read(ERASURES, head).where(F.col("kind") == kinds.REQUEST)
        taken = set() if rows is None else {row["request_id"] for row in rows.select("request_id").collect()}
        begun = "an unfinished run has begun with it: `oneuser run` goes on, and what it erases cannot be had back"
        _refuse(dict.fromkeys(sorted(waiting.keys() & taken), begun))
        for name, facts in waiting.items():
            files.unseal(name)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            files.write_status(name, facts | {"state": CANCELLED, "cancelled_at": at})
            _log.info("request cancelled", request_id=name)


def _problem(facts: dict[str, Any] | None) -> str | None:
    """Why a request cannot be cancelled, by its status alone; null where it can."""
    if facts is None:
        return "there is no such request"
    if facts["state"] in ("pending", CANCELLED):
        return None
    run, state = facts.get("run"), facts["state"].replace("_", " ")
    if facts["action"] == "erase":
        return (
            f"it is {state}: run {run} has erased what it names, and that cannot be had back. `oneuser privacy "
            "unsuppress` takes in again what comes from now on, under a new User ID"
        )
    return f"it is {state}: run {run} has taken it in; ask for the opposite by another request"


def _refuse(problems: dict[str, str]) -> None:
    if problems:
        found = [ConfigProblem(f"request {name!r}", why, code="config.usage") for name, why in problems.items()]
        raise ConfigError(found, next_step="`oneuser privacy status` shows all requests: nothing was cancelled")
