"""What lies in a warehouse, and what a run wrote into it, by the logs of its tables."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow.parquet as pq

_LOG = "_delta_log"
# its tables tell of runs and publications, not of events and people
CONTROL = "control"


@dataclass(frozen=True)
class Stored:
    """All files of a warehouse and their bytes, those of older versions and of logs among them."""

    files: int
    bytes: int


@dataclass(frozen=True)
class Written:
    """What commits brought: data files, their rows and bytes. A row that is rewritten with its file is one of them."""

    commits: int
    commits_outside_control: int
    files: int
    rows: int
    bytes: int


def stored(warehouse: Path) -> Stored:
    """What lies there. Files that go away meanwhile are left out."""
    n_files = n_bytes = 0
    for folder, _, names in os.walk(warehouse):
        for name in names:
            try:
                n_bytes += (Path(folder) / name).stat().st_size
            except FileNotFoundError:
                continue
            n_files += 1
    return Stored(n_files, n_bytes)


def commits_of(warehouse: Path) -> set[Path]:
    """All commits of all tables, as far as their logs are still there."""
    return set(warehouse.rglob(f"{_LOG}/*.json"))


def written_by(warehouse: Path, commits: set[Path]) -> Written:
    """What these commits added, by the footers of the files that are still there."""
    added = [file for commit in commits for file in _added(commit)]
    there = [file for file in added if file.is_file()]
    return Written(
        commits=len(commits),
        commits_outside_control=sum(CONTROL not in path.relative_to(warehouse).parts for path in commits),
        files=len(added),
        rows=sum(pq.read_metadata(file).num_rows for file in there),
        bytes=sum(file.stat().st_size for file in there),
    )


def _added(commit: Path) -> Iterator[Path]:
    """Data files that a commit added."""
    with commit.open(encoding="utf-8") as lines:
        for line in lines:
            action = json.loads(line).get("add")
            if action:
                yield commit.parents[1] / unquote(action["path"])


def copy_warehouse(source: Path, target: Path) -> None:
    """A copy that takes the place of what was there. Parquet files, which nobody rewrites, are the same on disk."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
