"""Results of a benchmark: one form for all of them, as JSON and as text, and what was measured before an interruption.

A row names what was measured, its yardstick, and the goal where there is one, which is always an upper bound.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.bench import table
from tests.bench.processes import ROOT, SCRATCH

TIMES, SHARE, SECONDS, BYTES, COUNT, EXPONENT = "×", "%", "s", "GiB", "", "exponent"


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        name: What was measured, of how much.
        value: The measurement, a share as a fraction of 1 and memory in bytes.
        unit: One of the units above.
        yardstick: What the value is a multiple or a share of, or what to hold it against.
        goal: What the value may be at most; null where there is no goal for this.
        limit: What most of it is, which is what keeps it from being less.
    """

    name: str
    value: float
    unit: str
    yardstick: str = ""
    goal: float | None = None
    limit: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; null without one."""
        return None if self.goal is None else self.value <= self.goal

    @property
    def verdict(self) -> str:
        """The goal beside the measurement, such as `goal ≤ 1.3 ×: 2.1 ×, missed`."""
        shown = table.quantity(self.value, self.unit)
        if self.goal is None:
            return shown
        return f"goal ≤ {table.quantity(self.goal, self.unit)}: {shown}, {'met' if self.is_met else 'missed'}"


@dataclass(frozen=True)
class Document:
    """All that one benchmark has measured."""

    benchmark: str
    rows: list[Row]
    details: Any = None
    commit: str | None = None
    machine: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The document as it is written: each row says whether its goal is met."""
        return asdict(self) | {"rows": [asdict(row) | {"met": row.is_met} for row in self.rows]}


def publish(benchmark: str, rows: Sequence[Row], details: Any, path: Path | None = None) -> None:
    """Print the rows, and write them with the machine and the commit to `.bench/BENCHMARK.json`, or elsewhere."""
    print(describe_rows(rows))
    path = path or SCRATCH / f"{benchmark}.json"
    write_json(path, Document(benchmark, list(rows), details, commit_of(ROOT), machine()).as_json())
    print(f"\nresults: {path}", flush=True)


def write_json(path: Path, content: Any) -> None:
    """A file of JSON, in the place of what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_document(path: Path) -> Document:
    """A document as it was written."""
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = [Row(**{name: value for name, value in row.items() if name != "met"}) for row in document["rows"]]
    return Document(**document | {"rows": rows})


def describe_rows(rows: Sequence[Row]) -> str:
    """Rows as text, one line each."""
    cells = [[row.name, row.verdict, row.yardstick or "-", row.limit or "-"] for row in rows]
    return table.text_table(["measured", "result", "yardstick", "most of it"], cells)


class Unfinished:
    """Measurements of a benchmark that has not come to its end, by this commit: after an interruption it goes on.

    Each is a file in a folder. Without a commit, or by another one, everything is measured again.
    """

    def __init__(self, folder: Path, commit: str | None) -> None:
        self._folder = folder
        self._commit = commit

    def once(self, name: str, measure: Callable[[], Any]) -> dict[str, Any]:
        """The dataclass that `measure` returns, as a mapping; called unless that is known."""
        path = self._folder / f"{name}.json"
        if path.is_file() and self._commit:
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["commit"] == self._commit:
                answer: dict[str, Any] = kept["answer"]
                return answer
        answer = asdict(measure())
        self._folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"commit": self._commit, "answer": answer}), encoding="utf-8")
        return answer

    def finish(self) -> None:
        """Forget it all: next time everything is measured again."""
        for path in self._folder.glob("*.json"):
            path.unlink()


def commit_of(checkout: Path) -> str | None:
    """The commit of a checkout, with a hash of what differs from it; null where it is none."""
    head = _git(checkout, "rev-parse", "--short=10", "HEAD")
    changes = _git(checkout, "diff", "HEAD")
    if head is None or changes is None:
        return None
    return head if not changes else f"{head}+{hashlib.sha256(changes.encode()).hexdigest()[:6]}"


def _git(checkout: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", *arguments], cwd=checkout, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return None if answer.returncode else answer.stdout.strip()


def machine() -> dict[str, Any]:
    """What it is measured on."""
    return {
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
