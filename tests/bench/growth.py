"""How the time of a first run grows with the number of events: the exponent, and memory.

    python -m tests.bench.growth [--events N ...] [--reuse same|any|anew]

First runs of life-like logs of several sizes, each in a process of its own. An exponent of 1 is a time in proportion
to the events. First runs are kept, and are those of `bench-days` and `bench-long-day` too: what is interrupted goes on
with the next size.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from tests.bench import table
from tests.bench.daily_warehouse import REUSE, SAME
from tests.bench.days import DAYS, history_of
from tests.bench.memory import DRIVER_JVM, WORKERS
from tests.bench.oneuser_runs import Run
from tests.bench.processes import TIMEOUT
from tests.bench.results import BYTES, EXPONENT, SECONDS, TIMES, Row, publish

SIZES = (1_000_000, 3_000_000, 10_000_000)
# from this size on
_GOAL, _GOAL_FROM = 1.05, 1_000_000
# stages that take less than this share of the time say nothing about growth
_NOTEWORTHY = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every size, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="How first runs grow with the number of events.")
    parser.add_argument(
        "--events", type=int, nargs="+", default=list(SIZES), help="lines of the logs, two sizes or more"
    )
    parser.add_argument("--reuse", choices=REUSE, default=SAME, help="whose first run need not be done again")
    parser.add_argument("--timeout", type=int, default=3 * TIMEOUT, help="seconds that one run may take")
    options = parser.parse_args(arguments)
    sizes = sorted(set(options.events))
    if len(sizes) < 2:
        parser.error("growth is between two sizes or more")
    runs = {}
    for events in sizes:
        warehouse = history_of(events, events // DAYS, timeout=options.timeout)
        runs[events] = warehouse.first_run(DAYS, reuse=options.reuse)
    publish("growth", rows_of(runs), {events: asdict(run) for events, run in runs.items()})
    return 0


def rows_of(runs: Mapping[int, Run]) -> list[Row]:
    """What is published of first runs by their number of events."""
    least, most = min(runs), max(runs)
    what = f"first run, {table.events(least)} to {table.events(most)} events"
    seconds = {events: run.seconds for events, run in runs.items()}
    peaks = {events: run.peaks["total"] for events, run in runs.items()}
    rows = [
        Row(
            what,
            exponent(seconds),
            EXPONENT,
            "1 is in proportion",
            _GOAL if least >= _GOAL_FROM else None,
            fastest_growing(runs),
        ),
        Row(f"{what}, memory", peaks[most] / peaks[least], TIMES, f"events {most / least:g} ×"),
    ]
    for events, run in runs.items():
        of_size = f"first run of {table.events(events)} events"
        rows += [
            Row(of_size, run.seconds, SECONDS, "", None, run.slowest),
            Row(f"{of_size}, memory of the JVM", run.peaks.get(DRIVER_JVM, 0), BYTES),
            Row(f"{of_size}, memory of the workers", run.peaks.get(WORKERS, 0), BYTES),
        ]
    return rows


def exponent(values: Mapping[int, float]) -> float:
    """The power of the number of events that values follow: least squares on logarithms."""
    logs = np.log([[events, value] for events, value in values.items()])
    slope, _ = np.polyfit(logs[:, 0], logs[:, 1], 1)
    return float(slope)


def fastest_growing(runs: Mapping[int, Run]) -> str:
    """The two stages of note whose time grows fastest, with their exponents."""
    longest = runs[max(runs)]
    stages = [name for name, value in longest.stages.items() if value > _NOTEWORTHY * longest.stage_seconds]
    grown = {name: exponent({events: run.stages[name] for events, run in runs.items()}) for name in stages}
    return ", ".join(f"{name} {grown[name]:.2f}" for name in sorted(grown, key=lambda name: -grown[name])[:2])


if __name__ == "__main__":
    sys.exit(main())
