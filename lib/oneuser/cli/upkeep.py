"""The verb that looks after a warehouse: maintain."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from oneuser.cli.local_paths import require_folder
from oneuser.cli.verbs import Call, verb

if TYPE_CHECKING:
    from oneuser.runs.maintain import MaintenanceResult

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    examples = [
        "oneuser maintain --dry-run",
        "oneuser maintain",
        "oneuser maintain --set maintenance.keep_publications=30",
    ]
    verb(app, "maintain", examples=examples)(maintain)


def maintain(
    call: Call,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
) -> None:
    """Compact tables, and remove what no kept run needs: table versions, their files, old change sets, old logs.

    `maintenance` in the configuration says which runs are kept. What they show can be read meanwhile and after, by a
    rollback too; an earlier run is gone for good. Never together with a run: the later one ends with exit code 4.
    """
    config = call.config
    require_folder(config.warehouse)
    from oneuser import api

    done = api.maintain(config, dry_run=dry_run)
    call.output.document(asdict(done))
    _show(call, done)


def _show(call: Call, done: MaintenanceResult) -> None:
    columns = ["table", "versions withdrawn", "files before", "after", "size before", "after", ""]
    is_changed = [one for one in done.tables if one.is_compacted or one.n_files_after != one.n_files_before]
    if is_changed:
        rows = [
            [one.table, one.n_versions_withdrawn, one.n_files_before, one.n_files_after, _size(one.n_bytes_before),
             _size(one.n_bytes_after), "compacted" if one.is_compacted else None]
            for one in is_changed
        ]  # fmt: skip
        call.output.table(columns, rows)
    for note in done.notes:
        call.output.text(note, style="yellow")
    files = sum(one.n_files_before for one in done.tables), sum(one.n_files_after for one in done.tables)
    sizes = sum(one.n_bytes_before for one in done.tables), sum(one.n_bytes_after for one in done.tables)
    does = "would leave" if done.is_dry_run else "left"
    call.output.facts({"runs kept": _listed(done.kept_runs), "runs withdrawn": _listed(done.withdrawn_runs)})
    call.output.text(
        f"maintenance {does} {files[1]:,} of {files[0]:,} files, {_size(sizes[1])} of {_size(sizes[0])}", style="bold"
    )


def _listed(runs: list[int]) -> str | None:
    """Numbers of runs, those without a gap between as first-last."""
    spans: list[list[int]] = []
    for run in runs:
        if spans and run == spans[-1][1] + 1:
            spans[-1][1] = run
        else:
            spans.append([run, run])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans) or None


def _size(n_bytes: int) -> str:
    """A number of bytes as people read it."""
    size, unit = float(n_bytes), 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
