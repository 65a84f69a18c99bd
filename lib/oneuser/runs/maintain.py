"""Maintenance of a warehouse: runs that are no longer kept are withdrawn, and the storage that they need is given back.

In this order, so that whatever a kept run shows can be read at any time, and the same command ends what was cut short:

1. Publications of runs that are not kept are withdrawn: nobody begins to read them any more.
2. Change sets of withdrawn runs are deleted, payload of messages is emptied whose `raw.keep_days` are over, and tables
   of many small files are compacted. Nobody reads these versions yet; where it ends here, whoever writes next goes back
   to those that are published.
3. Files that nothing needs which is kept are removed.
4. The new versions are published as those of the run that readers see.
5. Requests of which somebody was killed who wrote them are removed: nobody else would look at what they hold.
6. Requests that asked for an erasure are completed: see `erasures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING

import structlog

from oneuser.contracts.changes import CHANGES
from oneuser.contracts.raw import EVENTS, PAYLOAD
from oneuser.contracts.registry import TABLES
from oneuser.core.meanwhile import say
from oneuser.core.standing import Standing
from oneuser.privacy.keys import load_keys
from oneuser.runs.boundary import own_errors
from oneuser.runs.claim_rows import load_claims
from oneuser.runs.compactions import MAINTENANCE
from oneuser.runs.erasures import claims_after_erasure, settle
from oneuser.runs.inventory import Inventory
from oneuser.runs.lease import Lease
from oneuser.runs.publication import check_own_commits, mend_published_file, write_published
from oneuser.spark.job_names import jobs_named
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.request_files import RequestFiles
from oneuser.storage.table_folder import list_folder, remove_files
from oneuser.storage.warehouse import CommitHook, Warehouse

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractContextManager

    from pyspark.sql import SparkSession

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.runs.records import RunRecord

_log = structlog.get_logger("oneuser.maintain")


@dataclass(frozen=True)
class TableMaintenance:
    """What became of one table; files are those of its data and of its log.

    `n_versions_withdrawn` is how many versions could be read before and cannot now.
    """

    table: str
    is_compacted: bool
    n_versions_withdrawn: int
    n_files_before: int
    n_files_after: int
    n_bytes_before: int
    n_bytes_after: int


@dataclass(frozen=True)
class MaintenanceResult:
    """What maintenance did, or would do: then what compacting adds and spares, and new checkpoints, count for nothing.

    `notes` tell what is left for another time, and why.
    """

    is_dry_run: bool
    kept_runs: list[int]
    withdrawn_runs: list[int]
    tables: list[TableMaintenance]
    notes: list[str]


def maintain_warehouse(
    spark: SparkSession, config: Config, *, is_dry_run: bool = False, on_commit: CommitHook | None = None
) -> MaintenanceResult:
    """Maintain the configured warehouse, which must be there. A dry run changes nothing and takes no lease.

    `on_commit` is called around every commit, and around the removal of a table's files.

    Raises:
        LockedError: where another process holds the lease.
        EnvironmentProblem: where somebody else writes to a table meanwhile.
    """
    warehouse = Warehouse(spark, config.warehouse, raw_root=config.raw_root, on_commit=on_commit)
    warehouse.create(config.deployment)
    payload_since = config.raw.kept_since(datetime.now(UTC))
    say("listing the files of all tables")
    with own_errors(warehouse.root), jobs_named(spark, "maintenance", group=MAINTENANCE):
        if is_dry_run:
            return _tell(Inventory(warehouse, config, load_claims(warehouse)), payload_since)
        with Lease.acquire(warehouse, config.lease) as lease:
            found = Inventory(warehouse, config, claims_after_erasure(warehouse, lease))
            done = _maintain(found, lease, payload_since)
            RequestFiles(warehouse.files, warehouse.layout).remove_leftovers()
        keys = cache(partial(load_keys, config.keys.identifiers, deployment=config.deployment, may_create=False))
        with Standing(*lease.stands, "tables are maintained; requests wait for their receipts"):
            # no file is left now that only an earlier run needed
            settle(warehouse, purged_with=keys)
        return done


def _tell(found: Inventory, payload_since: datetime | None) -> MaintenanceResult:
    """What maintenance would do."""
    left = {}
    for name, listed in found.folders.items():
        with _step(found.warehouse, "looking at", TABLES[name]):
            version = found.wanted_checkpoint(TABLES[name], listed)
            folder = listed if version is None else listed.with_checkpoint(version)
            gone = found.expendable(TABLES[name], folder)
            left[name] = folder.n_files - gone.n_files, folder.n_bytes - gone.n_bytes
    notes = []
    if payload_since is not None and EVENTS.name in found.changeable:
        n_due = found.warehouse.count_due(EVENTS, PAYLOAD, time="event_time", before=payload_since)
        notes = _told_of_payload(n_due, payload_since, "would be emptied")
    return _result(found, found.worth_compacting(), left, notes, is_dry_run=True)


def _told_of_payload(n_messages: int, since: datetime, what: str) -> list[str]:
    return [f"payload of {n_messages:,} messages of before {since:%Y-%m-%d %H:%M} UTC {what}"] if n_messages else []


def _maintain(found: Inventory, lease: Lease, payload_since: datetime | None) -> MaintenanceResult:
    """Do it, in the order that the module tells."""
    warehouse = found.warehouse
    # a run may have ended between its publication and the file that names it
    mend_published_file(warehouse, found.publications)
    if found.to_withdraw:
        lease.withdraw([one.fence for one in found.to_withdraw], found.rule)
    compacted: list[TableContract] = []
    tables: dict[str, int] = {}
    notes: list[str] = []
    if found.completed is not None:
        compacted = found.worth_compacting()
        tables, notes = _rewrite(found, found.completed, compacted, payload_since, lease.fence)
    left = {name: _clean_up(found, TABLES[name]) for name in found.folders}
    if found.completed is not None and tables != found.completed.tables:
        check_own_commits(warehouse, tables, found.heads, lease.fence)
        # as of the time at which these rows were published: a report of the run stays what it is
        shown = found.publications[-1]
        lease.publish(found.completed.run_seq, tables, kind=MAINTENANCE, published_at=shown.published_at)
        write_published(warehouse, found.completed.run_seq, tables)
    return _result(found, compacted, left, notes)


def _step(warehouse: Warehouse, what: str, contract: TableContract) -> AbstractContextManager[None]:
    """A step of maintenance, said as it begins; its jobs are called by it."""
    say(f"{what} {contract.name}")
    return jobs_named(warehouse.spark, f"maintenance: {what} {contract.name}", group=MAINTENANCE)


def _clean_up(found: Inventory, contract: TableContract) -> tuple[int, int]:
    """Remove what of a table's files nothing needs; returns how many are left, and their bytes."""
    with _step(found.warehouse, "clearing", contract):
        folder = list_folder(found.warehouse, contract)
        version = found.wanted_checkpoint(contract, folder)
        if version is not None:
            found.warehouse.checkpoint(contract, version)
            folder = list_folder(found.warehouse, contract)
        gone = found.expendable(contract, folder)
        remove_files(found.warehouse, contract, gone)
    return folder.n_files - gone.n_files, folder.n_bytes - gone.n_bytes


def _rewrite(
    found: Inventory,
    completed: RunRecord,
    to_compact: Collection[TableContract],
    payload_since: datetime | None,
    fence: int,
) -> tuple[dict[str, int], list[str]]:
    """Delete change sets of withdrawn runs, empty old payload and compact tables.

    Returns the versions to be published, and what there is to tell.
    """
    warehouse = found.warehouse
    tag = CommitTag(completed.run_seq, 0, fence)
    tables = completed.tables
    notes: list[str] = []
    purges = bool(found.withdrawn) and CHANGES.name in found.changeable
    since = payload_since if EVENTS.name in found.changeable else None
    chosen = [*to_compact, *([CHANGES] if purges else []), *([EVENTS] if since else [])]
    for contract in {one.name: one for one in chosen}.values():
        with _step(warehouse, "rewriting", contract):
            if contract.name in tables and found.heads[contract.name] != tables[contract.name]:
                # left by a run that nobody continues, or by maintenance that was cut short
                warehouse.restore(contract, tables[contract.name], tag)
            if purges and contract is CHANGES:
                runs = warehouse.spark.createDataFrame([(run,) for run in found.withdrawn], "run_seq bigint")
                tables[contract.name] = warehouse.delete_matching(contract, runs, ["run_seq"], tag)
            if since is not None and contract is EVENTS:
                emptied = warehouse.empty(contract, PAYLOAD, time="event_time", before=since, tag=tag)
                tables[contract.name], n_messages = emptied
                notes = _told_of_payload(n_messages, since, "emptied")
            if contract in to_compact:
                version = warehouse.compact(contract, tag)
                _log.info("table compacted", table=contract.name, version=version)
                tables |= {contract.name: version} if contract.zone != "control" else {}
    return tables, notes


def _result(
    found: Inventory,
    compacted: Collection[TableContract],
    left: dict[str, tuple[int, int]],
    notes: list[str],
    *,
    is_dry_run: bool = False,
) -> MaintenanceResult:
    """What became of the tables; `left` has the number of files and of bytes of each, `notes` what else there is."""
    tables = []
    for name, folder in sorted(found.folders.items()):
        withdrawn = {one.tables[name] for one in found.to_withdraw if name in one.tables}
        tables.append(
            TableMaintenance(
                table=name,
                is_compacted=TABLES[name] in compacted,
                n_versions_withdrawn=len(withdrawn - found.pinned(TABLES[name])),
                n_files_before=folder.n_files,
                n_files_after=left[name][0],
                n_bytes_before=folder.n_bytes,
                n_bytes_after=left[name][1],
            )
        )
    runs = sorted({one.run_seq for one in found.to_withdraw})
    return MaintenanceResult(is_dry_run, sorted(found.kept), runs, tables, [*notes, *found.notes])
