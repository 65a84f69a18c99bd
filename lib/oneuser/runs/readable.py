"""Which runs can be read: by rollback, by `as_of`, and by whoever has not yet moved on from an earlier publication."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from itertools import pairwise
from typing import TYPE_CHECKING

from oneuser.core.errors import ConfigError
from oneuser.runs.claim_rows import Publication, published

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from oneuser.runs.records import RunRecord
    from oneuser.storage.table_reader import Row


def kept_runs(publications: Sequence[Publication], *, n_newest: int, since: datetime) -> set[int]:
    """Runs that maintenance keeps readable: the newest ones, that which readers see, and those they have seen of late.

    Args:
        publications: What readers were shown, oldest first.
        n_newest: How many runs stay whatever their age.
        since: A run stays that was shown at this time or later, however many came after it.
    """
    newest = sorted({one.run_seq for one in publications if one.kind == "run"})[-n_newest:]
    # what is shown stays so until something else is
    of_late = {
        before.run_seq for before, after in pairwise(publications) if after.published_at.astimezone(UTC) >= since
    }
    return {*newest, *of_late, *(one.run_seq for one in publications[-1:])}


def publications_of_runs(claims: list[Row]) -> dict[int, Publication]:
    """By its number, what each run that can be read shows, in the files that maintenance has left last."""
    return {one.run_seq: one for one in published(claims) if one.kind != "rollback"}


def withdrawn_runs(claims: list[Row]) -> dict[int, str]:
    """Runs that were published and can no longer be read, with the reason. Grows with the number of runs."""
    readable = publications_of_runs(claims)
    gone = [row for row in claims if row["state"] == "withdrawn" and row["run_seq"] not in readable]
    return {row["run_seq"]: row["reason"] or "" for row in gone}


def as_published(runs: Sequence[RunRecord], claims: list[Row]) -> list[RunRecord]:
    """Runs with those `published` that readers were shown, whatever their last rows say.

    A process may die, or be cut short, between its publication and the row that tells of it.
    """
    shown = {*publications_of_runs(claims), *withdrawn_runs(claims)}
    return [replace(run, state="published") if run.run_seq in shown else run for run in runs]


def require_published(claims: list[Row], run_seq: int, *, key: str) -> None:
    """Refuse a run that never was published; `key` is the option or argument that names it.

    Raises:
        ConfigError: naming those that were and can be read.
    """
    readable = publications_of_runs(claims)
    if run_seq not in readable and run_seq not in withdrawn_runs(claims):
        raise ConfigError.single(
            key,
            f"run {run_seq} was never published; published runs: {_listed(readable)}",
            next_step="`oneuser runs list` shows what became of each run",
        )


def require_readable(claims: list[Row], run_seq: int, *, key: str) -> Publication:
    """What a run shows; `key` is the option or argument that names it.

    Raises:
        ConfigError: where the run was never published, or can no longer be read; naming those that can.
    """
    require_published(claims, run_seq, key=key)
    readable = publications_of_runs(claims)
    if run_seq not in readable:
        raise ConfigError.single(
            key,
            f"run {run_seq} can no longer be read: {withdrawn_runs(claims)[run_seq]}; "
            f"runs that can: {_listed(readable)}",
            next_step="choose one of these; `maintenance` in the configuration says how many stay from now on",
        )
    return readable[run_seq]


def _listed(runs: dict[int, Publication]) -> str:
    return ", ".join(map(str, sorted(runs))) or "none"
