"""How fast, and with how much memory: a first run of oneuser beside a plain Spark script and beside the floor.

    python -m tests.bench.first_runs [--events N ...]

Every job runs in a process of its own on the same generated log, from nothing to its last table: the Spark jobs on the
same master with the same memory, the floor in one process without Spark (see `duckdb_job.py` for what it leaves out).
The logs are kept between runs; the warehouse of a size is replaced. Results are printed and written as JSON, never
asserted: they are of this machine at this moment.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from oneuser.demo.generate import DemoTruth, end_of, generate_demo
from oneuser.demo.settings import demo_config
from tests.bench import table
from tests.bench.delta_files import Stored, stored
from tests.bench.memory import DRIVER_JVM, WORKERS
from tests.bench.oneuser_runs import Run, measure_run, run_of, write_config
from tests.bench.parsing import Parsing, describe_parsing, measure_parsing, read_batches
from tests.bench.processes import ROOT, SCRATCH, TIMEOUT, measure_script, say
from tests.bench.results import BYTES, SECONDS, TIMES, Row, Unfinished, commit_of, publish
from tests.bench.single_thread import SingleThread, describe_single_thread, measure_published_edges

SIZES = (10_000, 1_000_000)
# lines that the parser alone is measured on
PARSED_LINES = 100_000
# what the plain script does too; sessions, attribution and retention it does not
SHARED_STAGES = ("ingest", "graph", "identity")
AROUND = "start and stop"
# goals by the smallest number of events that they hold for: a multiple of the plain script's seconds
_TIMES_PLAIN = {10_000_000: 1.0, 1_000_000: 1.3, 10_000: 1.5}
_SMALL, _SMALL_SECONDS = 10_000, 20.0


@dataclass(frozen=True)
class Job:
    """A yardstick's run: seconds of its process, seconds by step in order, peaks in bytes by role, what it wrote."""

    job: str
    seconds: float
    steps: dict[str, float]
    peaks: dict[str, int]
    stored: Stored


@dataclass(frozen=True)
class Result:
    """All that was measured on one log."""

    events: int
    n_bytes: int
    oneuser: Run
    plain: Job
    floor: Job
    single_thread: SingleThread
    parsing: Parsing


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every size, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="First runs beside a plain script and beside the floor.")
    parser.add_argument("--events", type=int, nargs="+", default=list(SIZES), help="lines of the generated logs")
    parser.add_argument("--timeout", type=int, default=TIMEOUT, help="seconds that one job may take")
    options = parser.parse_args(arguments)
    measured = Unfinished(SCRATCH / "first-runs", commit_of(ROOT))
    results = []
    for events in options.events:
        measure = partial(measure_size, SCRATCH / str(events), events, timeout=options.timeout)
        document = measured.once(str(events), measure)
        results.append(result_of(document))
        print(f"{describe(results[-1])}\n", flush=True)
    publish("first-runs", [row for result in results for row in rows_of(result)], [asdict(one) for one in results])
    measured.finish()
    return 0


def measure_size(folder: Path, events: int, *, timeout: int) -> Result:
    """Run all jobs on a log of so many lines, and the single thread on the edges that come out."""
    truth = demo_log(folder, events)
    files = sorted((folder / "events").glob("day=*/*.jsonl"))
    say(f"{events:,} events: the floor")
    floor = measure_yardstick("floor", "duckdb_job.py", folder, timeout=timeout)
    say(f"{events:,} events: the plain script")
    plain = measure_yardstick("plain", "plain_job.py", folder, timeout=timeout)
    say(f"{events:,} events: oneuser")
    warehouse = folder / "warehouse"
    shutil.rmtree(warehouse, ignore_errors=True)
    write_config(folder / "oneuser.yaml", demo_config(folder, warehouse) | {"product": {}})
    ours = measure_run("oneuser", events, folder / "oneuser.yaml", warehouse, as_of=end_of(truth), timeout=timeout)
    say(f"{events:,} events: a single thread")
    return Result(
        events=events,
        n_bytes=sum(path.stat().st_size for path in files),
        oneuser=ours,
        plain=plain,
        floor=floor,
        single_thread=measure_published_edges(warehouse),
        parsing=measure_parsing(read_batches(files, most=PARSED_LINES)),
    )


def demo_log(folder: Path, events: int) -> DemoTruth:
    """The log of this size, generated unless it is there already."""
    summary = folder / "truth" / "summary.json"
    if not summary.is_file():
        say(f"{events:,} events: making up the log")
        folder.mkdir(parents=True, exist_ok=True)
        return generate_demo(folder, events=events)
    return DemoTruth(**json.loads(summary.read_text(encoding="utf-8")))


def measure_yardstick(name: str, script: str, folder: Path, *, timeout: int) -> Job:
    """Another job on the same log, into an empty folder. It prints seconds by step, and their total."""
    out = folder / name
    shutil.rmtree(out, ignore_errors=True)
    command = [str(ROOT / "tests" / "bench" / script), f"{folder}/events/day=*/*.jsonl", str(out)]
    measured = measure_script(command, folder / f"{name}.log", timeout=timeout)
    steps = {step: float(value) for step, value in measured.answer.items()}
    around = measured.seconds - steps.pop("total") + steps.pop("session", 0.0)
    return Job(name, measured.seconds, {AROUND: around, **steps}, measured.peaks, stored(out))


def result_of(document: dict[str, Any]) -> Result:
    """A result as it was kept."""
    jobs = {name: Job(**document[name] | {"stored": Stored(**document[name]["stored"])}) for name in ("plain", "floor")}
    return Result(
        **document
        | jobs
        | {
            "oneuser": run_of(document["oneuser"]),
            "single_thread": SingleThread(**document["single_thread"]),
            "parsing": Parsing(**document["parsing"]),
        }
    )


def rows_of(result: Result) -> list[Row]:
    """What is published of one log."""
    ours, plain, floor = result.oneuser, result.plain, result.floor
    what = f"first run of {table.events(result.events)} events"
    goal = next((goal for size, goal in _TIMES_PLAIN.items() if result.events >= size), None)
    shared = sum(ours.stages.get(stage, 0.0) for stage in SHARED_STAGES)
    theirs = sum(value for step, value in plain.steps.items() if step != AROUND)
    in_stages = _SMALL_SECONDS if result.events == _SMALL else None
    return [
        Row(what, ours.seconds / plain.seconds, TIMES, "the plain script", goal, ours.slowest),
        Row(f"{what}, {', '.join(SHARED_STAGES)}", shared / theirs, TIMES, "all steps of the plain script"),
        Row(what, ours.seconds / floor.seconds, TIMES, "the floor: DuckDB and SciPy"),
        Row(f"{what}, in stages", ours.stage_seconds, SECONDS, f"{ours.seconds:.0f} s as a process", in_stages),
        Row(f"{what}, memory of the JVM", ours.peaks.get(DRIVER_JVM, 0), BYTES, _memory(plain, DRIVER_JVM)),
        Row(f"{what}, memory of the workers", ours.peaks.get(WORKERS, 0), BYTES, _memory(plain, WORKERS)),
        Row(f"{what}, bytes of tables", ours.stored.bytes / plain.stored.bytes, TIMES, "tables of the plain script"),
    ]


def _memory(plain: Job, role: str) -> str:
    return f"{table.memory(plain.peaks.get(role))} of the plain script"


def describe(result: Result) -> str:
    """The measurements of one log as text."""
    ours = result.oneuser
    of_run = {
        **ours.stages,
        AROUND: ours.seconds - ours.run_seconds,
        "records, checks, publication": ours.run_seconds - ours.stage_seconds,
    }
    jobs = [Job("oneuser", ours.seconds, of_run, ours.peaks, ours.stored), result.plain, result.floor]
    steps = [
        [f"{job.job}: {step}", table.seconds(value), table.rate(result.events, value), f"{value / job.seconds:.0%}"]
        for job in jobs
        for step, value in job.steps.items()
    ]
    whole = [
        [
            job.job, table.seconds(job.seconds), table.rate(result.events, job.seconds),
            *[table.memory(job.peaks.get(role)) for role in (DRIVER_JVM, WORKERS, "total")],
            table.memory(job.stored.bytes),
        ]
        for job in jobs
    ]  # fmt: skip
    parts = [
        f"== {result.events:,} events, {result.n_bytes / 1e6:,.1f} MB ==",
        table.text_table(["step", "seconds", "rows/s", "of total"], steps),
        table.text_table(["job", "seconds", "rows/s", "JVM GiB", "workers GiB", "all GiB", "tables GiB"], whole),
        "\n".join(
            [
                "floor: DuckDB and SciPy in one process; no history, no persistent IDs, no quarantine, no checks",
                describe_single_thread(result.single_thread, graph_seconds=ours.stages.get("graph", 0.0)),
                describe_parsing(result.parsing),
                "memory: peak of resident sets; pages that processes share count once for each",
            ]
        ),
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
