"""Where the time of one run goes, stage by stage, from Spark's own event log.

    python -m tests.bench.stage_profile [--events N] [--config FILE] [--json FILE] [--looks N] [-- --full]

A row is a stage of the run: its seconds; the time in which no task ran (planning, compiling, committing, waiting for
Python); Spark's jobs and stages; seconds of tasks, their processor time in the JVM, its garbage collection; bytes that
went through shuffles. Seconds of tasks run side by side: on two cores they add up to twice the seconds at most.
With `--looks`, every scan of a table that gave so many rows is listed too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from oneuser.demo.generate import end_of
from oneuser.demo.settings import demo_config
from tests.bench import table
from tests.bench.first_runs import demo_log
from tests.bench.looks import describe_looks, find_looks
from tests.bench.oneuser_runs import SPARK
from tests.bench.processes import ROOT, SCRATCH, measure_script, say
from tests.bench.results import machine

_GROUP = "spark.jobGroup.id"


@dataclass
class Profile:
    """What one stage of a run has cost; seconds but for the counts and bytes."""

    stage: str
    n_jobs: int = 0
    n_spark_stages: int = 0
    tasks: float = 0.0
    cpu: float = 0.0
    gc: float = 0.0
    shuffled_bytes: int = 0
    seconds: float = 0.0
    idle: float = 0.0
    intervals: list[tuple[float, float]] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once with the event log on, print the profile, write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Where the time of one run goes.")
    parser.add_argument("--events", type=int, default=1_000_000, help="lines of the log")
    parser.add_argument("--config", type=Path, help="profile the next run of this one, instead of a first run")
    parser.add_argument("--json", type=Path, default=SCRATCH / "profile.json", help="where the metrics go")
    parser.add_argument("--looks", type=int, help="list scans of tables that gave so many rows or more")
    parser.add_argument("more", nargs="*", help="arguments of jobs/run.py, after --")
    options = parser.parse_args(arguments)
    profiles, wall = measure_profile(options.events, options.config, options.more)
    print(describe(profiles, wall))
    if options.looks is not None:
        events = read_events(SCRATCH / str(options.events) / "event-log")
        print(f"\n{describe_looks(find_looks(events), least_rows=options.looks)}")
    rows = [{name: value for name, value in asdict(one).items() if name != "intervals"} for one in profiles]
    document = {"machine": machine(), "spark": SPARK, "total_seconds": wall, "profile": rows}
    options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def measure_profile(events: int, config: Path | None, more: Sequence[str]) -> tuple[list[Profile], float]:
    """The profile of one run, and the seconds of its process."""
    folder = SCRATCH / str(events)
    log = folder / "event-log"
    shutil.rmtree(log, ignore_errors=True)
    log.mkdir(parents=True)
    conf = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": log.as_uri(),
        "spark.eventLog.compress": "false",
        # whole paths of tables in descriptions of scans
        "spark.sql.maxMetadataStringLength": "1000",
    }
    arguments = list(more)
    if config is None:
        warehouse = folder / "profiled"
        shutil.rmtree(warehouse, ignore_errors=True)
        arguments += ["--as-of", end_of(demo_log(folder, events)).isoformat()]
        settings = demo_config(folder, warehouse)
    else:
        settings = YAML(typ="safe").load(config)
    profiled = folder / "profile.yaml"
    YAML().dump({**settings, "spark": {**SPARK, **settings.get("spark", {}), "conf": conf}}, profiled)
    say("a run with Spark's event log")
    command = [str(ROOT / "jobs" / "run.py"), "--config", str(profiled), "--json", *arguments]
    measured = measure_script(command, folder / "profile.log")
    seconds = {stage["stage"]: float(stage["seconds"]) for stage in measured.answer["stages"]}
    return profile_stages(read_events(log), seconds), measured.seconds


def read_events(folder: Path) -> Iterator[dict[str, Any]]:
    """Events of a log, in order."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and "appstatus" not in path.name):
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def profile_stages(events: Iterable[dict[str, Any]], seconds: dict[str, float]) -> list[Profile]:
    """One profile for each stage of the run that took any time, and one, `around`, for all other jobs."""
    found = {stage: Profile(stage, seconds=value) for stage, value in seconds.items()} | {"around": Profile("around")}
    stage_of: dict[int, Profile] = {}
    for event in events:
        match event["Event"]:
            case "SparkListenerJobStart":
                group = (event.get("Properties") or {}).get(_GROUP, "")
                profile = found.get(group.rpartition("-")[2], found["around"])
                profile.n_jobs += 1
                stage_of |= dict.fromkeys(event["Stage IDs"], profile)
            case "SparkListenerStageCompleted":
                stage_of[event["Stage Info"]["Stage ID"]].n_spark_stages += 1
            case "SparkListenerTaskEnd" if event.get("Task Metrics"):
                add_task(stage_of[event["Stage ID"]], event["Task Info"], event["Task Metrics"])
    for profile in found.values():
        profile.idle = max(profile.seconds - covered(profile.intervals), 0.0)
    return list(found.values())


def add_task(profile: Profile, info: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Count one task."""
    started, ended = info["Launch Time"] / 1000, info["Finish Time"] / 1000
    profile.intervals.append((started, ended))
    profile.tasks += ended - started
    profile.cpu += metrics["Executor CPU Time"] / 1e9
    profile.gc += metrics["JVM GC Time"] / 1000
    profile.shuffled_bytes += metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"]


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of what intervals cover together."""
    total, reached = 0.0, float("-inf")
    for started, ended in sorted(intervals):
        total += max(ended - max(started, reached), 0.0)
        reached = max(reached, ended)
    return total


def describe(profiles: Sequence[Profile], wall: float) -> str:
    """The profile as text."""
    rows = [
        [
            one.stage, table.seconds(one.seconds), table.seconds(one.idle), str(one.n_jobs), str(one.n_spark_stages),
            table.seconds(one.tasks), table.seconds(one.cpu), table.seconds(one.gc), f"{one.shuffled_bytes / 1e6:,.0f}",
        ]
        for one in profiles
    ]  # fmt: skip
    header = ["stage", "seconds", "idle", "jobs", "Spark stages", "tasks", "JVM cpu", "gc", "shuffled MB"]
    return f"{table.text_table(header, rows)}\n\nthe whole process: {table.seconds(wall)} s"


if __name__ == "__main__":
    sys.exit(main())
