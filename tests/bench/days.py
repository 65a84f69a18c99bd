"""What a day costs after a history: a first run of all but the end of a log, then a day of it, then nothing new.

    python -m tests.bench.days [--events N ...] [--share 0.01] [--json FILE]

Each run is a process of its own, as a scheduler starts it. The day is as many lines after those of the first run as
their share says. Seconds of a day are a multiple of the first run's, which did everything else: printed and
written as JSON, never asserted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

from ruamel.yaml import YAML

from oneuser.demo.generate import end_of
from oneuser.demo.settings import demo_config
from tests.bench import table
from tests.bench.bench import ROOT, SCRATCH, SPARK, demo_log, machine, run_measured, say
from tests.bench.memory import DRIVER_JVM, WORKERS


@dataclass(frozen=True)
class Run:
    """One run: its lines, wall-clock seconds, seconds by stage, peaks in bytes by role, rows written and files."""

    name: str
    n_lines: int
    total_seconds: float
    stages: dict[str, float]
    peaks: dict[str, int]
    n_files: int
    n_bytes: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every size, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Seconds of a day after a history.")
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000], help="lines of the logs")
    parser.add_argument("--share", type=float, default=0.01, help="lines of the day, of those before it")
    parser.add_argument("--json", type=Path, default=SCRATCH / "days.json", help="where the metrics go")
    parser.add_argument("--timeout", type=int, default=7200, help="seconds that one run may take")
    options = parser.parse_args(arguments)
    results = {}
    for events in options.events:
        runs = measure_days(SCRATCH / str(events), events, share=options.share, timeout=options.timeout)
        print(f"{describe(events, runs)}\n", flush=True)
        results[events] = [asdict(run) for run in runs]
    document = {"machine": machine(), "spark": SPARK, "results": results}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"metrics: {options.json}")
    return 0


def measure_days(folder: Path, events: int, *, share: float, timeout: int) -> list[Run]:
    """The first run, the day, a run with nothing new, and the day once more for everything."""
    truth = demo_log(folder, events)
    daily = folder / "daily"
    shutil.rmtree(daily, ignore_errors=True)
    (daily / "events").mkdir(parents=True)
    # a folder holds all that arrived from its day until the next folder's; the last one, what arrives after the end
    *before, held = sorted((folder / "events").glob("day=*"))[:-1]
    n_before = sum(count_lines(day) for day in before)
    for day in before:
        shutil.copytree(day, daily / "events" / day.name)
    new = first_lines(held, most=round(n_before * share))
    config = daily / "oneuser.yaml"
    YAML().dump(demo_config(daily, daily / "warehouse") | {"spark": SPARK}, config)
    as_of = end_of(truth).isoformat()
    runs = []
    for name, n in (("first run", n_before), ("the day", len(new)), ("nothing new", 0)):
        if name == "the day":
            (daily / "events" / held.name).mkdir()
            (daily / "events" / held.name / "part-0.jsonl").write_bytes(b"".join(new))
        say(f"{events:,} events: {name}, {n:,} lines")
        runs.append(measure_run(name, n, config, as_of, daily, timeout=timeout))
    say(f"{events:,} events: everything again")
    runs.append(measure_run("everything again", 0, config, as_of, daily, timeout=timeout, more=["--full"]))
    return runs


def first_lines(day: Path, *, most: int) -> list[bytes]:
    """The first lines of a day's files, with their ends."""
    lines = chain.from_iterable(path.open("rb") for path in sorted(day.glob("*.jsonl")))
    return list(islice(lines, most))


def count_lines(day: Path) -> int:
    """Lines of the files of a day."""
    return sum(path.read_bytes().count(b"\n") for path in day.glob("*.jsonl"))


def measure_run(
    name: str, n_lines: int, config: Path, as_of: str, daily: Path, *, timeout: int, more: Sequence[str] = ()
) -> Run:
    """One run by its script."""
    command = [str(ROOT / "jobs" / "run.py"), "--config", str(config), "--as-of", as_of, "--json", *more]
    answer, wall, peaks = run_measured(command, daily / f"{name.replace(' ', '-')}.log", timeout)
    stages = {stage["stage"]: float(stage["seconds"]) for stage in answer["stages"]}
    files = [path for path in (daily / "warehouse").rglob("*.parquet") if "_delta_log" not in path.parts]
    return Run(name, n_lines, wall, stages, peaks, len(files), sum(path.stat().st_size for path in files))


def describe(events: int, runs: Sequence[Run]) -> str:
    """The runs as text."""
    first = runs[0]
    stages = list(first.stages)
    in_stages = sum(first.stages.values())
    rows = [
        [
            run.name, f"{run.n_lines:,}", table.seconds(run.total_seconds),
            f"{run.total_seconds / first.total_seconds:.1%}", f"{sum(run.stages.values()) / in_stages:.1%}",
            *[table.seconds(run.stages.get(stage, 0.0)) for stage in stages],
            *[table.memory(run.peaks.get(role)) for role in (DRIVER_JVM, WORKERS)],
            f"{run.n_files:,}", table.memory(run.n_bytes),
        ]
        for run in runs
    ]  # fmt: skip
    header = [
        "run", "lines", "seconds", "of first", "stages of first", *stages, "JVM GiB", "workers GiB", "files", "GiB",
    ]  # fmt: skip
    return f"== {events:,} events, a day after its history ==\n\n{table.text_table(header, rows)}"


if __name__ == "__main__":
    sys.exit(main())
