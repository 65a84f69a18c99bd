"""Rows of `publications`, each a claim on the warehouse, and what readers see by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.contracts.control import PUBLICATIONS
from oneuser.storage.table_reader import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from oneuser.runs.records import RunRecord
    from oneuser.storage.table_reader import Row, TableReader


@dataclass(frozen=True)
class Publication:
    """A row of `publications` that is or was visible to readers, and can still be read."""

    fence: int
    run_seq: int
    kind: str
    tables: dict[str, int]
    published_at: datetime


def load_claims(tables: TableReader) -> list[Row]:
    """All rows of `publications`, oldest claim first. Grows with the number of runs."""
    rows = read_rows(tables, PUBLICATIONS, tables.head(PUBLICATIONS))
    return sorted(rows, key=lambda row: int(row["fence"]))


def published(claims: Sequence[Row]) -> list[Publication]:
    """What readers were shown and can still read, oldest first; the last one is what they see now."""
    return [
        Publication(row["fence"], row["run_seq"], row["kind"], dict(row["tables"]), row["published_at"])
        for row in claims
        if row["state"] == "published"
    ]


def current_publication(tables: TableReader) -> Publication | None:
    """What readers see now, null before the first publication."""
    return newest(published(load_claims(tables)))


def newest(publications: Iterable[Publication]) -> Publication | None:
    """The publication that readers follow, null where there is none."""
    return max(publications, key=lambda p: p.fence, default=None)


def newest_completed(publications: Iterable[Publication], runs: Iterable[RunRecord]) -> RunRecord | None:
    """The newest run that was published, whatever a rollback shows now; null before the first publication."""
    by_seq = {run.run_seq: run for run in runs}
    done = [by_seq[p.run_seq] for p in publications if p.kind == "run" and p.run_seq in by_seq]
    return max(done, key=lambda run: run.run_seq, default=None)
