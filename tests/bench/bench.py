"""How fast, and with how much memory: oneuser beside a plain Spark script and a single thread.

    python -m tests.bench.bench [--events N ...] [--json FILE]

Every job runs in a process of its own on the same generated log, from nothing to its last table, on the same master
with the same memory. The logs are kept between runs; the warehouse of a size is replaced. Metrics are printed and
written as JSON, never asserted: they are of this machine at this moment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from deltalake import DeltaTable
from ruamel.yaml import YAML
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from oneuser.demo.generate import DemoTruth, end_of, generate_demo
from oneuser.demo.settings import demo_config
from tests.bench import table
from tests.bench.memory import DRIVER_JVM, WORKERS, MemorySampler
from tests.bench.parsing import Parsing, describe_parsing, measure_parsing, read_batches

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ROOT / ".bench"
SIZES = (10_000, 1_000_000)
SPARK = {"master": "local[2]", "driver_memory": "3g"}  # as the plain script has it
# lines that the parser alone is measured on
PARSED_LINES = 100_000
# what the plain script does too; sessions, attribution and retention it does not
SHARED_STAGES = ("ingest", "graph", "identity")


@dataclass(frozen=True)
class Measured:
    """One job: wall-clock seconds of its process, seconds by step in order, peaks in bytes by role."""

    job: str
    total_seconds: float
    steps: dict[str, float]
    peaks: dict[str, int]


@dataclass(frozen=True)
class SingleThread:
    """Components of our edges by SciPy in one thread; reading the table is timed apart."""

    n_edges: int
    n_identifiers: int
    n_components: int
    read_seconds: float
    seconds: float


@dataclass(frozen=True)
class Result:
    """All that was measured on one log."""

    events: int
    n_bytes: int
    oneuser: Measured
    plain: Measured
    single_thread: SingleThread
    parsing: Parsing
    ratios: dict[str, float] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every size, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Seconds per stage, rows per second and memory of whole runs.")
    parser.add_argument("--events", type=int, nargs="+", default=list(SIZES), help="lines of the generated logs")
    parser.add_argument("--json", type=Path, default=SCRATCH / "bench.json", help="where the metrics go")
    parser.add_argument("--timeout", type=int, default=7200, help="seconds that one job may take")
    options = parser.parse_args(arguments)
    results = []
    for events in options.events:
        result = measure_size(SCRATCH / str(events), events, timeout=options.timeout)
        print(f"{describe(result)}\n", flush=True)
        results.append(result)
    document = {"machine": machine(), "spark": SPARK, "results": [asdict(result) for result in results]}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"metrics: {options.json}")
    return 0


def measure_size(folder: Path, events: int, *, timeout: int) -> Result:
    """Run both jobs on a log of so many lines, and the single thread on the edges that come out."""
    truth = demo_log(folder, events)
    say(f"{events:,} events: the plain script")
    plain = measure_plain(folder, timeout=timeout)
    say(f"{events:,} events: oneuser")
    ours = measure_oneuser(folder, truth, timeout=timeout)
    say(f"{events:,} events: a single thread")
    files = sorted((folder / "events").glob("day=*/*.jsonl"))
    n_bytes = sum(path.stat().st_size for path in files)
    parsing = measure_parsing(read_batches(files, most=PARSED_LINES))
    return Result(events, n_bytes, ours, plain, single_thread(folder / "warehouse"), parsing, compare(ours, plain))


def demo_log(folder: Path, events: int) -> DemoTruth:
    """The log of this size, generated unless it is there already."""
    summary = folder / "truth" / "summary.json"
    if not summary.is_file():
        say(f"{events:,} events: making up the log")
        folder.mkdir(parents=True, exist_ok=True)
        return generate_demo(folder, events=events)
    return DemoTruth(**json.loads(summary.read_text(encoding="utf-8")))


def measure_plain(folder: Path, *, timeout: int) -> Measured:
    """The yardstick, from an empty output folder."""
    out = folder / "plain"
    shutil.rmtree(out, ignore_errors=True)
    script = ROOT / "tests" / "bench" / "plain_job.py"
    answer, wall, peaks = run_measured(
        [str(script), f"{folder}/events/day=*/*.jsonl", str(out)], folder / "plain.log", timeout
    )
    total = answer.pop("total")
    session = answer.pop("session")
    return Measured("plain", wall, {"start and stop": wall - total + session, **answer}, peaks)


def measure_oneuser(folder: Path, truth: DemoTruth, *, timeout: int) -> Measured:
    """The whole job by its script, into a new warehouse."""
    warehouse = folder / "warehouse"
    shutil.rmtree(warehouse, ignore_errors=True)
    config = folder / "oneuser.yaml"
    YAML().dump(demo_config(folder, warehouse) | {"spark": SPARK}, config)
    command = [str(ROOT / "jobs" / "run.py"), "--config", str(config), "--as-of", end_of(truth).isoformat(), "--json"]
    answer, wall, peaks = run_measured(command, folder / "oneuser.log", timeout)
    stages = {stage["stage"]: float(stage["seconds"]) for stage in answer["stages"]}
    around = {
        "start and stop": wall - answer["seconds"],
        "records, checks, publication": answer["seconds"] - sum(stages.values()),
    }
    return Measured("oneuser", wall, {**stages, **around}, peaks)


def run_measured(command: list[str], log: Path, timeout: int) -> tuple[dict[str, Any], float, dict[str, int]]:
    """Run a script in a new process: the JSON document it prints last, wall-clock seconds, peaks of memory.

    Raises:
        SystemExit: where the script fails or takes too long.
    """
    env = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    started = time.monotonic()
    with (
        log.open("wb") as errors,
        subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=errors, env=env) as process,
        MemorySampler(process.pid) as sampler,
    ):
        try:
            written, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            stop(process.pid)
            sys.exit(f"{command[0]} took more than {timeout} s")
    wall = time.monotonic() - started
    if process.returncode:
        sys.exit(f"{command[0]} failed with exit code {process.returncode}, see {log}")
    # a library may have printed ahead of it
    text = written.decode()
    return json.loads(text[max(text.find("{"), 0) :]), wall, sampler.peaks


def stop(pid: int) -> None:
    """End a process and all below it."""
    root = psutil.Process(pid)
    for process in [*root.children(recursive=True), root]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def single_thread(warehouse: Path) -> SingleThread:
    """Components of the published edges as one thread of SciPy finds them."""
    entry = json.loads((warehouse / "published.json").read_text(encoding="utf-8"))["tables"]["edges"]
    started = time.monotonic()
    edges = DeltaTable(entry["path"], version=entry["version"]).to_pyarrow_table(columns=["src", "dst"])
    src, dst = (edges.column(name).to_numpy() for name in ("src", "dst"))
    read_seconds, started = time.monotonic() - started, time.monotonic()
    n_identifiers, n_components = count_components(src, dst)
    return SingleThread(len(src), n_identifiers, n_components, read_seconds, time.monotonic() - started)


def count_components(src: np.ndarray[Any, Any], dst: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Distinct ends of edges, and components among them."""
    ids, numbers = np.unique(np.concatenate([src, dst]), return_inverse=True)
    if not len(ids):
        return 0, 0
    ones = np.ones(len(src), np.int8)
    graph = coo_array((ones, (numbers[: len(src)], numbers[len(src) :])), shape=(len(ids), len(ids)))
    n_components, _ = connected_components(graph, directed=False)
    return len(ids), int(n_components)


def compare(ours: Measured, plain: Measured) -> dict[str, float]:
    """Ours as a multiple of the plain script's seconds: of everything, and of the steps that both do."""
    shared = sum(ours.steps.get(stage, 0.0) for stage in SHARED_STAGES)
    theirs = sum(value for step, value in plain.steps.items() if step != "start and stop")
    return {
        "whole job": ours.total_seconds / plain.total_seconds,
        "shared steps": shared / theirs if theirs else 0.0,
    }


def describe(result: Result) -> str:
    """The measurements of one log as text."""
    steps, jobs = [], []
    for job in (result.oneuser, result.plain):
        for step, value in job.steps.items():
            share = f"{value / job.total_seconds:.0%}"
            steps.append([f"{job.job}: {step}", table.seconds(value), table.rate(result.events, value), share])
        jobs.append(
            [
                job.job, table.seconds(job.total_seconds), table.rate(result.events, job.total_seconds),
                *[table.memory(job.peaks.get(role)) for role in (DRIVER_JVM, WORKERS, "total")],
            ]
        )  # fmt: skip
    alone, graph = result.single_thread, result.oneuser.steps.get("graph", 0.0)
    ratios = (
        f"oneuser / plain: {result.ratios['whole job']:.2f} whole job; {result.ratios['shared steps']:.2f} "
        f"{', '.join(SHARED_STAGES)} against all steps of the plain script"
    )
    single = (
        f"single thread: {alone.n_components:,} components of {alone.n_edges:,} edges in {alone.seconds:.3f} s, "
        f"reading them {alone.read_seconds:.3f} s; our stage graph, which also makes the edges: "
        f"{table.seconds(graph)} s"
    )
    memory = "memory: peak of resident sets; pages that processes share count once for each"
    parts = [
        f"== {result.events:,} events, {result.n_bytes / 1e6:,.1f} MB ==",
        table.text_table(["step", "seconds", "rows/s", "of total"], steps),
        table.text_table(["job", "seconds", "rows/s", "JVM GiB", "workers GiB", "all GiB"], jobs),
        "\n".join([ratios, single, describe_parsing(result.parsing), memory]),
    ]
    return "\n\n".join(parts)


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def say(line: str) -> None:
    """Progress, beside the answer."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
