"""A hundred daily runs, one after the other: does the last one cost what the second did?

    python -m tests.bench.hundred_days [--events N] [--days N] [--maintain-every N] [--reuse same|any|anew]

A day's lines arrive, a run follows in a process of its own, as a scheduler starts it, and every few runs `oneuser
maintain`, which keeps the newest publications and no others: a day of the log passes in minutes. Each day is kept as
soon as it is over, and the same command goes on where it was interrupted, unless the code is another by then. A run
that goes on from an interrupted attempt counts for nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import oneuser
from tests.bench import table
from tests.bench.daily_log import DailyLog
from tests.bench.daily_warehouse import ANEW, ANY, REUSE, SAME, DailyWarehouse
from tests.bench.delta_files import Stored, stored
from tests.bench.oneuser_runs import Run, run_of
from tests.bench.processes import ROOT, SCRATCH, TIMEOUT, Measured, measure_script, say
from tests.bench.results import TIMES, Row, commit_of, publish

EVENTS, DAYS = 50_000, 100
MAINTAIN_EVERY = 10
_GOAL = 1.3
# the middle one of so many days stands for the second day, and for the last
_NEIGHBOURS = 5
_FEWEST = 2


@dataclass(frozen=True)
class Day:
    """A day's run, from 1; seconds of maintenance after it, null where there was none; what lay there in the end."""

    day: int
    run: Run
    maintain_seconds: float | None
    stored: Stored


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the days that are left, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Daily runs, one after the other.")
    parser.add_argument("--events", type=int, default=EVENTS, help="lines of a day")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--maintain-every", type=int, default=MAINTAIN_EVERY, help="runs; 0 for never")
    parser.add_argument("--reuse", choices=REUSE, default=SAME, help="whose days need not be done again")
    parser.add_argument("--timeout", type=int, default=TIMEOUT, help="seconds that one run may take")
    options = parser.parse_args(arguments)
    if options.days < _FEWEST:
        parser.error(f"expected {_FEWEST} days or more")
    warehouse = DailyWarehouse(
        SCRATCH / "hundred-days" / str(options.events), DailyLog(options.events), commit_of(ROOT), options.timeout
    )
    days = days_before(warehouse, reuse=options.reuse)
    if not days:
        warehouse.clear()
    every = options.maintain_every if has_maintain() else 0
    for number in range(len(days) + 1, options.days + 1):
        days.append(do_day(warehouse, number, is_maintained=every > 0 and number % every == 0))
        keep(warehouse, days[-1])
    days = days[: options.days]
    print(f"{describe(days)}\n", flush=True)
    publish("hundred-days", rows_of(options.events, days), [asdict(day) for day in days])
    return 0


def has_maintain() -> bool:
    """Whether this version can be told to maintain a warehouse; says so where it cannot."""
    is_there = "maintain" in oneuser.__all__
    if not is_there:
        say("NOT MAINTAINED: this version of oneuser has no `maintain`; files and bytes are what runs leave")
    return is_there


def do_day(warehouse: DailyWarehouse, number: int, *, is_maintained: bool) -> Day:
    """A day's lines, its run, and maintenance where it is due."""
    warehouse.arrive(number - 1)
    run = warehouse.run(f"day {number}", number - 1, n_lines=warehouse.log.events)
    if not is_maintained:
        return Day(number, run, None, run.stored)
    return Day(number, run, maintain(warehouse).seconds, stored(warehouse.warehouse))


def maintain(warehouse: DailyWarehouse) -> Measured:
    """Maintain the warehouse in a process of its own."""
    say(f"{warehouse.folder.name}: maintain")
    command = ["-m", "oneuser.cli.main", "maintain", "--config", str(warehouse.config), "--json"]
    command += ["--set", "maintenance.keep_days=0"]
    return measure_script(command, warehouse.folder / "maintain.log", timeout=warehouse.timeout)


def kept_days(warehouse: DailyWarehouse) -> Path:
    """Where days are kept, a line each."""
    return warehouse.folder / "days.jsonl"


def keep(warehouse: DailyWarehouse, day: Day) -> None:
    """Remember a day that is over."""
    with kept_days(warehouse).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"commit": warehouse.commit, **asdict(day)}) + "\n")


def days_before(warehouse: DailyWarehouse, *, reuse: str) -> list[Day]:
    """Days that are over and count for this commit, which means all of them or none."""
    path = kept_days(warehouse)
    if not path.is_file() or reuse == ANEW:
        return []
    documents = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    commits = {document.pop("commit") for document in documents}
    if reuse != ANY and (warehouse.commit is None or commits != {warehouse.commit}):
        return []
    say(f"{warehouse.folder.name}: {len(documents)} days are over")
    return [
        Day(**document | {"run": run_of(document["run"]), "stored": Stored(**document["stored"])})
        for document in documents
    ]


def rows_of(events: int, days: Sequence[Day]) -> list[Row]:
    """What is published. Storage may grow as the events do; too few days have no goals."""
    last, half = days[-1], days[len(days) // 2 - 1]
    second, latest = days[1 : 1 + _NEIGHBOURS], days[-_NEIGHBOURS:]
    is_long = len(days) > 2 * _NEIGHBOURS
    what = f"day {last.day} of {table.events(events)} events"
    grown = last.day / half.day
    beside = f"after day {half.day}; events {grown:.2f} ×"
    whole, in_stages = (middle_of(latest, part) / middle_of(second, part) for part in ("seconds", "stage_seconds"))
    files, n_bytes = last.stored.files / half.stored.files, last.stored.bytes / half.stored.bytes
    return [
        Row(what, whole, TIMES, "day 2", _GOAL if is_long else None, last.run.slowest),
        Row(f"{what}, in stages", in_stages, TIMES, "day 2, in stages"),
        Row(f"{what}, all files", files, TIMES, beside, grown if is_long else None),
        Row(f"{what}, all bytes", n_bytes, TIMES, beside, grown if is_long else None),
    ]


def middle_of(days: Sequence[Day], what: str) -> float:
    """The median of what runs took, those left out that went on from an interrupted attempt."""
    whole = [float(getattr(day.run, what)) for day in days if not day.run.is_continued]
    return statistics.median(whole) if whole else float("nan")


def describe(days: Sequence[Day]) -> str:
    """Every tenth day, and those around maintenance, as text."""
    stages = list(days[0].run.stages)
    shown = [day for day in days if day.day <= _FEWEST or day.day % 10 == 0 or day is days[-1]]
    rows = [
        [
            f"day {day.day}", table.seconds(day.run.seconds),
            *[table.seconds(day.run.stages.get(stage, 0.0)) for stage in stages],
            "-" if day.maintain_seconds is None else table.seconds(day.maintain_seconds),
            f"{day.run.stored.files:,}", table.memory(day.run.stored.bytes),
            f"{day.stored.files:,}", table.memory(day.stored.bytes),
        ]
        for day in shown
    ]  # fmt: skip
    header = ["run", "seconds", *stages, "maintain", "files", "GiB", "files in the end", "GiB in the end"]
    return table.text_table(header, rows)


if __name__ == "__main__":
    sys.exit(main())
