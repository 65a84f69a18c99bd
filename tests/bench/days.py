"""What a day costs after a history: a first run, then one day more, then nothing new, then everything again.

    python -m tests.bench.days [--events N ...] [--day N] [--reuse same|any|anew] [--name NAME]

Each run is a process of its own, as a scheduler starts it, on a log in which people come and go as in life (see
`daily_log.py`). A day is a hundredth of the history, or of so many lines. Results are printed and written as JSON,
never asserted. What is interrupted goes on after the first run, which is kept.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise

from tests.bench import table
from tests.bench.daily_log import DailyLog
from tests.bench.daily_warehouse import REUSE, SAME, DailyWarehouse
from tests.bench.memory import DRIVER_JVM, WORKERS
from tests.bench.oneuser_runs import Run
from tests.bench.processes import ROOT, SCRATCH, TIMEOUT
from tests.bench.results import COUNT, SECONDS, SHARE, TIMES, Row, commit_of, publish

SIZES = (100_000, 1_000_000)
DAYS = 100
FIRST, DAY, NOTHING, FULL = "first run", "a day", "nothing new", "everything again"
# the history from which on a day has a goal
_LONG = 10_000_000

# lines before the day, lines of the day
Size = tuple[int, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every size, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="What a day costs after a history.")
    parser.add_argument("--events", type=int, nargs="+", default=list(SIZES), help="lines before the day")
    parser.add_argument("--day", type=int, help=f"lines of the day; by default one part in {DAYS} of those before")
    parser.add_argument("--reuse", choices=REUSE, default=SAME, help="whose first run need not be done again")
    parser.add_argument("--name", default="days", help="what the results are called")
    parser.add_argument("--timeout", type=int, default=TIMEOUT, help="seconds that one run may take")
    options = parser.parse_args(arguments)
    measured: dict[Size, list[Run]] = {}
    for events in options.events:
        lines = options.day or events // DAYS
        warehouse = history_of(events, lines, timeout=options.timeout)
        measured[events, lines] = measure_day(warehouse, events // lines, reuse=options.reuse)
        print(f"{describe_runs(events, measured[events, lines])}\n", flush=True)
    rows = [row for size, runs in measured.items() for row in rows_of(size, runs)]
    details = {f"{before}+{lines}": [asdict(run) for run in runs] for (before, lines), runs in measured.items()}
    publish(options.name, [*rows, *growth_rows(measured)], details)
    return 0


def history_of(events: int, lines: int, *, timeout: int) -> DailyWarehouse:
    """Where a history of so many events lies, in days of so many lines."""
    folder = SCRATCH / "histories" / f"{events}-by-{lines}"
    return DailyWarehouse(folder, DailyLog(lines), commit_of(ROOT), timeout)


def measure_day(warehouse: DailyWarehouse, n_days: int, *, reuse: str) -> list[Run]:
    """The first run of so many days, a day more, a run with nothing new, and a run that does everything again."""
    first = warehouse.first_run(n_days, reuse=reuse)
    warehouse.arrive(n_days)
    return [
        first,
        warehouse.run(DAY, n_days, n_lines=warehouse.log.events),
        warehouse.run(NOTHING, n_days, n_lines=0),
        warehouse.run(FULL, n_days, n_lines=0, more=["--full"]),
    ]


def rows_of(size: Size, runs: Sequence[Run]) -> list[Row]:
    """What is published of the runs after one history."""
    first, day, nothing, full = runs
    before, lines = size
    what = f"a day of {table.events(lines)} after {table.events(before)} events"
    idle = f"nothing new after {table.events(before)} events"
    goal = 0.05 if before >= _LONG and lines * DAYS <= before else None
    return [
        Row(what, day.seconds / full.seconds, SHARE, "the full run", goal, day.slowest),
        Row(f"{what}, in stages", day.stage_seconds / full.stage_seconds, SHARE, "the full run, in stages"),
        Row(what, day.seconds / first.seconds, SHARE, "the first run"),
        Row(f"{what}, as a process", day.seconds, SECONDS),
        Row(f"{what}, rows written", day.written.rows / first.written.rows, SHARE, "the first run"),
        Row(f"{what}, bytes written", day.written.bytes / first.written.bytes, SHARE, "the first run"),
        Row(f"{what}, data files written", day.written.files, COUNT, f"{first.written.files:,} by the first run"),
        Row(f"{what}, all files", day.stored.files, COUNT, f"{first.stored.files:,} after the first run"),
        Row(f"{what}, all bytes", day.stored.bytes / first.stored.bytes, TIMES, "after the first run"),
        Row(idle, nothing.seconds, SECONDS, "the whole process", 3.0, nothing.slowest),
        Row(f"{idle}, commits outside control/", nothing.written.commits_outside_control, COUNT, "", 0.0),
        Row(f"{idle}, publications", float(nothing.is_published), COUNT, "", 0.0),
    ]


def growth_rows(measured: Mapping[Size, Sequence[Run]]) -> list[Row]:
    """The same day after a shorter and a longer history. Without two such there is none.

    What grows from one to the other is taken as growing with the length of the history alone: the share is an upper
    bound, since identifiers and people grow too.
    """
    by_lines = defaultdict(list)
    for (before, lines), runs in measured.items():
        by_lines[lines].append((before, runs[1]))
    rows = []
    for lines, of_day in by_lines.items():
        for (shorter, day), (longer, same) in pairwise(sorted(of_day, key=lambda one: one[0])):
            what = f"a day of {table.events(lines)} after {table.events(longer)} events"
            beside = f"after {table.events(shorter)} events"
            if day.n_identifiers and same.n_identifiers:
                grown = same.n_identifiers / day.n_identifiers
                rows.append(Row(what, same.seconds / day.seconds, TIMES, f"{beside}; identifiers {grown:.2f} ×", grown))
            part = (same.seconds - day.seconds) * longer / (longer - shorter) / same.seconds
            rows.append(Row(f"{what}, the part that grows with the history", part, SHARE, beside, 0.1))
    return rows


def describe_runs(events: int, runs: Sequence[Run]) -> str:
    """The runs after one history as text."""
    first = runs[0]
    stages = list(first.stages)
    rows = [
        [
            run.name, f"{run.n_lines:,}", table.seconds(run.seconds), table.seconds(run.run_seconds),
            *[table.seconds(run.stages.get(stage, 0.0)) for stage in stages],
            *[table.memory(run.peaks.get(role)) for role in (DRIVER_JVM, WORKERS)],
            f"{run.written.commits:,}", f"{run.written.files:,}", f"{run.written.rows:,}",
            f"{run.stored.files:,}", table.memory(run.stored.bytes),
        ]
        for run in runs
    ]  # fmt: skip
    header = [
        "run", "lines", "seconds", "without start", *stages, "JVM GiB", "workers GiB", "commits", "files written",
        "rows written", "files", "GiB",
    ]  # fmt: skip
    return f"== {events:,} events and a day after them ==\n\n{table.text_table(header, rows)}"


if __name__ == "__main__":
    sys.exit(main())
