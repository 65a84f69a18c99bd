"""How things stand: what readers see, how runs went, who holds the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from oneuser.core.errors import ConfigError
from oneuser.inspection.open_erasures import OpenErasures, read_open_erasures
from oneuser.inspection.outcome import Outcome, outcome_of
from oneuser.runs.claim_rows import load_claims, published
from oneuser.runs.holder import is_gone
from oneuser.runs.readable import as_published, publications_of_runs, withdrawn_runs
from oneuser.runs.records import RunRecord, load_runs
from oneuser.storage.layout import Layout

if TYPE_CHECKING:
    from oneuser.runs.claim_rows import Publication
    from oneuser.storage.table_reader import TableReader

RUN_COLUMNS = (
    ("run_seq", "bigint"), ("state", "string"), ("attempt", "int"), ("as_of", "timestamp"), ("begun_at", "timestamp"),
    ("ended_at", "timestamp"), ("exit_code", "int"), ("message", "string"),
)  # fmt: skip


@dataclass(frozen=True)
class Holder:
    """Who holds the warehouse. `is_gone` where the process has ended on this host: the next run takes over at once."""

    name: str
    expires_at: datetime
    is_gone: bool


@dataclass(frozen=True)
class Status:
    """What readers see, the newest run whatever became of it, and the holder; null where there is none.

    `of_run` is what the run came to that readers see, `in_all` what it did together with all published before it.
    `published_runs` are those that can be read, `erasures` the requests for erasure that are not completed.
    """

    warehouse: str
    deployment: str
    shown: Publication | None
    newest_run: RunRecord | None
    holder: Holder | None
    published_runs: list[int]
    erasures: OpenErasures | None = None
    of_run: Outcome | None = None
    in_all: Outcome | None = None


def find_run(records: list[RunRecord], run_seq: int | None) -> RunRecord:
    """A run by its number, the newest where null.

    Raises:
        ConfigError: where there is no such run.
    """
    if run_seq is None and records:
        return records[-1]
    for record in records:
        if record.run_seq == run_seq:
            return record
    known = ", ".join(str(record.run_seq) for record in records) or "none"
    raise ConfigError.single("run", f"there is no run {run_seq or ''}".rstrip() + f"; runs: {known}")


def read_status(tables: TableReader, deployment: str) -> Status:
    """How things stand now."""
    claims = load_claims(tables)
    shown = published(claims)
    held = [row for row in claims if row["state"] == "leased"]
    holder = None
    if held:
        holder = Holder(held[-1]["holder"], held[-1]["expires_at"], is_gone(held[-1]["holder"]))
    records = as_published(load_runs(tables), claims)
    readable = publications_of_runs(claims)
    once_published = {*readable, *withdrawn_runs(claims)}
    current = shown[-1] if shown else None
    until_now = [
        run.stages for run in records if current and run.run_seq in once_published and run.run_seq <= current.run_seq
    ]
    return Status(
        tables.root, deployment, current, records[-1] if records else None, holder, sorted(readable),
        read_open_erasures(Layout.of(tables.root, None), tables.names, tables.text),
        outcome_of(until_now[-1:]) if until_now else None, outcome_of(until_now) if until_now else None,
    )  # fmt: skip
