"""Publication and what readers follow: the newest published row, and `published.json` beside the tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from oneuser.contracts.registry import TABLES
from oneuser.core.errors import EnvironmentProblem
from oneuser.runs.lease import Lease, Publication, load_claims, published
from oneuser.runs.readable import require_readable
from oneuser.storage.layout import PUBLISHED_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from oneuser.runs.records import RunRecord
    from oneuser.storage.layout import Layout
    from oneuser.storage.warehouse import Warehouse


def check_own_commits(
    warehouse: Warehouse, tables: Mapping[str, int], start_heads: Mapping[str, int], fence: int
) -> None:
    """Every commit to these tables since this attempt began, up to what it leaves, must be its own.

    No lock stops another writer from committing to a Delta table; this does stop the result from being shown.

    Raises:
        EnvironmentProblem: naming the table and version that somebody else wrote.
    """
    for name, version in tables.items():
        start = start_heads.get(name, -1)
        for commit in warehouse.commits(TABLES[name], after=start, up_to=version):
            if commit.tag is None or commit.tag.fence != fence:
                raise EnvironmentProblem(
                    found=f"version {commit.version} of table {name} was not written by this run",
                    expected="one writer, the run that holds the lease",
                    where=warehouse.path(TABLES[name]),
                    next_step="stop the other writer, then run the same command again; nothing was published",
                )


def published_text(layout: Layout, run_seq: int, tables: Mapping[str, int]) -> str:
    """What `published.json` says to readers without Spark: path and version of every published table."""
    listing = {
        "run": run_seq,
        "tables": {
            name: {"path": layout.path(TABLES[name]), "version": version, "zone": TABLES[name].zone}
            for name, version in sorted(tables.items())
        },
    }
    return json.dumps(listing, indent=2) + "\n"


def write_published(warehouse: Warehouse, run_seq: int, tables: Mapping[str, int]) -> None:
    """Replace `published.json`."""
    text = published_text(warehouse.layout, run_seq, tables)
    warehouse.files.write_text(f"{warehouse.root}/{PUBLISHED_FILE}", text)


def current_publication(warehouse: Warehouse) -> Publication | None:
    """What readers see now, null before the first publication."""
    return newest(published(load_claims(warehouse)))


def newest(publications: Iterable[Publication]) -> Publication | None:
    """The publication that readers follow, null where there is none."""
    return max(publications, key=lambda p: p.fence, default=None)


def newest_completed(publications: Iterable[Publication], runs: Iterable[RunRecord]) -> RunRecord | None:
    """The newest run that was published, whatever a rollback shows now; null before the first publication."""
    by_seq = {run.run_seq: run for run in runs}
    done = [by_seq[p.run_seq] for p in publications if p.kind == "run" and p.run_seq in by_seq]
    return max(done, key=lambda run: run.run_seq, default=None)


def mend_published_file(warehouse: Warehouse, publications: Iterable[Publication]) -> None:
    """Bring `published.json` up to the newest publication, in case a process died between the two."""
    shown = newest(publications)
    if shown is not None:
        write_published(warehouse, shown.run_seq, shown.tables)


def roll_back(warehouse: Warehouse, *, to_run: int, reason: str | None, ttl: timedelta) -> Publication:
    """Show an earlier publication again. Changes what readers see and nothing else: later runs go on where they were.

    Raises:
        ConfigError: where that run was never published, or can no longer be read.
        LockedError: while a run is under way.
    """
    require_readable(load_claims(warehouse), to_run, key="--to")
    lease = Lease.acquire(warehouse, ttl=ttl)
    try:
        # maintenance may have come in between
        target = require_readable(lease.claims, to_run, key="--to")
        at = lease.publish(to_run, target.tables, kind="rollback", reason=reason)
    finally:
        lease.release()
    write_published(warehouse, to_run, target.tables)
    return Publication(lease.fence, to_run, "rollback", target.tables, at)
