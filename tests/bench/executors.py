"""A first run on a standalone cluster of this machine, with more and more small executors.

    python -m tests.bench.executors [--events N] [--executors N ...]

Every executor has one core and one gigabyte of heap. On a machine of fewer cores than executors the seconds say nothing
of what more machines would do; what each executor holds, spills and moves does, and so does the time of its tasks.
Results are printed and written as JSON, never asserted.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from ruamel.yaml import YAML

from oneuser.demo.generate import end_of
from oneuser.demo.settings import demo_config
from tests.bench import table
from tests.bench.first_runs import demo_log
from tests.bench.memory import MemorySampler
from tests.bench.processes import SCRATCH, say
from tests.bench.results import BYTES, SECONDS, Row, publish
from tests.bench.stage_profile import read_events
from tests.integration.standalone_cluster import cluster, environment, process, submit

EXECUTORS = (1, 2, 4)
EVENTS = 300_000
TIMEOUT = 3600
_HEAP = "1g"
# what the operating system shows: heap, code, buffers, and the Python worker beside it
_WORKER = "3g"


@dataclass(frozen=True)
class Spread:
    """A run on so many executors.

    Attributes:
        n_executors: Executors of one core.
        seconds: The whole command.
        task_seconds: Time of all tasks together.
        gc_seconds: Their garbage collection.
        shuffled_bytes: Written for other tasks to read.
        spilled_bytes: Written to disk since memory was short.
        most_bytes: Peak of the resident set of one worker, with its executor and Python, the largest of all.
        most_shuffled: Bytes that the executor that wrote most for others wrote.
    """

    n_executors: int
    seconds: float
    task_seconds: float
    gc_seconds: float
    shuffled_bytes: int
    spilled_bytes: int
    most_bytes: int
    most_shuffled: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="A first run on more and more executors.")
    parser.add_argument("--events", type=int, default=EVENTS, help="lines of the log")
    parser.add_argument("--executors", type=int, nargs="+", default=list(EXECUTORS), help="how many, one after another")
    options = parser.parse_args(arguments)
    spreads = [measure_spread(options.events, n) for n in options.executors]
    print(describe_spreads(spreads))
    rows = [row for one in spreads for row in rows_of(options.events, one)]
    publish("executors", rows, {str(one.n_executors): asdict(one) for one in spreads})
    return 0


def measure_spread(events: int, n_executors: int) -> Spread:
    """A first run of so many events on a cluster of its own."""
    say(f"{events:,} events on {n_executors} executors")
    folder = SCRATCH / "executors" / str(n_executors)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "log").mkdir(parents=True)
    truth = demo_log(SCRATCH / str(events), events)
    spark = {"master": None, "shuffle_partitions": 2 * n_executors}
    YAML().dump(demo_config(SCRATCH / str(events), folder / "warehouse") | {"spark": spark}, folder / "cluster.yaml")
    conf = {
        "spark.executor.memory": _HEAP,
        "spark.cores.max": str(n_executors),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (folder / "log").as_uri(),
        "spark.eventLog.compress": "false",
    }
    arguments = ["--config", str(folder / "cluster.yaml"), "--as-of", end_of(truth).isoformat(), "--quiet"]
    env = environment(folder)
    with cluster(folder, env, n_workers=n_executors, memory=_WORKER) as (url, workers), ExitStack() as sampled:
        samplers = [sampled.enter_context(MemorySampler(worker.daemon.pid)) for worker in workers]
        started = time.monotonic()
        with process(submit(folder, url, arguments, more_conf=conf), folder / "submit.log", env) as job:
            code = job.wait(TIMEOUT)
        seconds = time.monotonic() - started
    if code:
        sys.exit(f"the run failed with exit code {code}, see {folder / 'submit.log'}")
    tasks = [event for event in read_events(folder / "log") if event["Event"] == "SparkListenerTaskEnd"]
    return _spread(n_executors, seconds, tasks, max(sampler.peaks["total"] for sampler in samplers))


def _spread(n_executors: int, seconds: float, tasks: Sequence[dict[str, Any]], most_bytes: int) -> Spread:
    measured = [(task["Task Info"], task["Task Metrics"]) for task in tasks if task.get("Task Metrics")]
    shuffled: dict[str, int] = {}
    for info, metrics in measured:
        written = metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"]
        shuffled[info["Executor ID"]] = shuffled.get(info["Executor ID"], 0) + written
    return Spread(
        n_executors=n_executors,
        seconds=seconds,
        task_seconds=sum(info["Finish Time"] - info["Launch Time"] for info, _ in measured) / 1000,
        gc_seconds=sum(metrics["JVM GC Time"] for _, metrics in measured) / 1000,
        shuffled_bytes=sum(shuffled.values()),
        spilled_bytes=sum(metrics["Disk Bytes Spilled"] for _, metrics in measured),
        most_bytes=most_bytes,
        most_shuffled=max(shuffled.values(), default=0),
    )


def rows_of(events: int, spread: Spread) -> list[Row]:
    """What is published of a run."""
    what = f"{table.events(events)} events on {spread.n_executors} executors of one core"
    return [
        Row(what, spread.seconds, SECONDS),
        Row(f"{what}, time of tasks", spread.task_seconds, SECONDS),
        Row(f"{what}, bytes spilled", spread.spilled_bytes, BYTES),
    ]


def describe_spreads(spreads: Sequence[Spread]) -> str:
    """The runs as text."""
    rows = [
        [
            str(one.n_executors), table.seconds(one.seconds), table.seconds(one.task_seconds),
            table.seconds(one.gc_seconds), f"{one.shuffled_bytes / 1e6:,.0f}", f"{one.most_shuffled / 1e6:,.0f}",
            f"{one.spilled_bytes / 1e6:,.0f}", f"{one.most_bytes / 2**30:.2f}",
        ]
        for one in spreads
    ]  # fmt: skip
    header = [
        "executors", "seconds", "tasks", "gc", "shuffled MB", "by the one that shuffled most", "spilled MB",
        "worker GiB at most",
    ]  # fmt: skip
    return table.text_table(header, rows)


if __name__ == "__main__":
    sys.exit(main())
