"""A run of oneuser by its script, as a scheduler starts it, and what became of the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.bench.delta_files import Stored, Written, commits_of, stored, written_by
from tests.bench.processes import ROOT, TIMEOUT, measure_script

SPARK = {"master": "local[2]", "driver_memory": "3g"}  # as the plain script has it


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        name: What it was for.
        n_lines: New lines.
        seconds: Wall-clock time of the process.
        run_seconds: The same without the start and the end of Spark.
        stages: Seconds by stage that was done.
        peaks: Peaks of memory in bytes by role.
        is_published: Whether readers see something new.
        is_continued: Whether it went on from an attempt that was interrupted, and its seconds are a part.
        n_people: People there are now; null where the run did not look.
        n_identifiers: Identifiers in the graph now; null where the run did not look.
        written: What it wrote.
        stored: What lies in the warehouse afterwards.
        cpu_seconds: Seconds of a processor, of all processes together; 0 where they were not counted.
    """

    name: str
    n_lines: int
    seconds: float
    run_seconds: float
    stages: dict[str, float]
    peaks: dict[str, int]
    is_published: bool
    is_continued: bool
    n_people: int | None
    n_identifiers: int | None
    written: Written
    stored: Stored
    cpu_seconds: float = 0.0

    @property
    def stage_seconds(self) -> float:
        """Seconds in stages."""
        return sum(self.stages.values())

    @property
    def slowest(self) -> str:
        """Where most of the time goes: the two slowest parts with their shares."""
        parts = {
            **self.stages,
            "records, checks, publication": self.run_seconds - self.stage_seconds,
            "start and stop": self.seconds - self.run_seconds,
        }
        longest = sorted(parts, key=lambda part: -parts[part])[:2]
        return ", ".join(f"{part} {parts[part] / self.seconds:.0%}" for part in longest)


def write_config(path: Path, settings: dict[str, Any]) -> None:
    """A configuration as a file, with the session that everything is measured in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    YAML().dump(settings | {"spark": SPARK}, path)


def measure_run(
    name: str,
    n_lines: int,
    config: Path,
    warehouse: Path,
    *,
    as_of: datetime,
    timeout: int = TIMEOUT,
    more: Sequence[str] = (),
) -> Run:
    """Do a run; its log lies beside the configuration."""
    before = commits_of(warehouse)
    command = [str(ROOT / "jobs" / "run.py"), "--config", str(config), "--as-of", as_of.isoformat(), "--json", *more]
    measured = measure_script(command, config.parent / f"{name.replace(' ', '-')}.log", timeout=timeout)
    answer = measured.answer
    counts = answer.get("counts") or {}
    return Run(
        name=name,
        n_lines=n_lines,
        seconds=measured.seconds,
        run_seconds=float(answer["seconds"]),
        stages={stage["stage"]: float(stage["seconds"]) for stage in answer["stages"]},
        peaks=measured.peaks,
        is_published=bool(answer["published"]),
        is_continued=bool(answer["is_continued"]),
        n_people=counts.get("people"),
        n_identifiers=counts.get("identifiers"),
        written=written_by(warehouse, commits_of(warehouse) - before),
        stored=stored(warehouse),
        cpu_seconds=measured.cpu_seconds,
    )


def run_of(document: dict[str, Any]) -> Run:
    """A run as it was kept."""
    run = Run(**document)
    return replace(run, written=Written(**document["written"]), stored=Stored(**document["stored"]))
