"""What must hold before a publication, and `published.json`, which says it to readers without Spark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from oneuser.contracts.registry import TABLES
from oneuser.core.errors import EnvironmentProblem
from oneuser.runs.claim_rows import newest
from oneuser.storage.layout import PUBLISHED_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.runs.claim_rows import Publication
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


def mend_published_file(warehouse: Warehouse, publications: Iterable[Publication]) -> None:
    """Bring `published.json` up to the newest publication, in case a process died between the two."""
    shown = newest(publications)
    if shown is not None:
        write_published(warehouse, shown.run_seq, shown.tables)
