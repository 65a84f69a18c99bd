"""The git history of a real project, a run for each year of receipt: what a year costs when others have gone before.

    python -m tests.bench.years [--data FOLDER] [--since YEAR]

Reads `git-identity-numpy` of the sample data (59,067 messages of 2001 to 2026). What was received before `--since`
comes in the first run. The history is short, so incremental runs are asked for by configuration. After the last run
there are as many people as the known answer says, or the program ends with an error. Results are printed and written
as JSON, never asserted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import table
from tests.bench.oneuser_runs import Run, measure_run, write_config
from tests.bench.processes import SCRATCH, say
from tests.bench.results import SECONDS, Row, publish

FOLDER = "git-identity-numpy"
N_PEOPLE = 2_169
SINCE = 2012


def main(arguments: Sequence[str] | None = None) -> int:
    """Do a run for each year, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="A real history, year by year.")
    parser.add_argument("--data", type=Path, help="folder of the sample data; else ONEUSER_SHARED_DATA")
    parser.add_argument("--since", type=int, default=SINCE, help="the first year that has a run of its own")
    options = parser.parse_args(arguments)
    data = options.data or Path(os.environ.get("ONEUSER_SHARED_DATA", "../shared/data"))
    source = data / FOLDER / "events.jsonl.gz"
    if not source.is_file():
        sys.exit(f"{source} is not there: name the folder of the sample data by --data or ONEUSER_SHARED_DATA")
    runs = measure_years(lines_by_year(source), options.since)
    print(f"{describe_years(runs)}\n")
    rows = [Row(f"git history, {run.name}, {run.n_lines:,} messages", run.seconds, SECONDS) for run in runs]
    publish("years", rows, [asdict(run) for run in runs])
    n_people = next(run.n_people for run in reversed(runs) if run.n_people is not None)
    if n_people != N_PEOPLE:
        sys.exit(f"{n_people:,} people after the last year: the known answer says {N_PEOPLE:,}")
    return 0


def lines_by_year(source: Path) -> dict[int, list[str]]:
    """The messages by the year of their receipt."""
    found: dict[int, list[str]] = defaultdict(list)
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        for line in lines:
            found[int(json.loads(line)["receivedAt"][:4])].append(line)
    return dict(sorted(found.items()))


def measure_years(years: dict[int, list[str]], since: int) -> list[Run]:
    """What came before, then every year."""
    folder = SCRATCH / "years"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "events").mkdir(parents=True)
    batches: dict[str, list[str]] = defaultdict(list)
    for year, lines in years.items():
        batches[str(year) if year >= since else f"before {since}"] += lines
    runs = []
    for name, lines in batches.items():
        say(f"git history: {name}, {len(lines):,} messages")
        (folder / "events" / f"{name.replace(' ', '-')}.jsonl").write_text("".join(lines), encoding="utf-8")
        config, warehouse = folder / "oneuser.yaml", folder / "warehouse"
        write_config(config, settings(folder, warehouse))
        last = int(name.rpartition(" ")[2]) - (name.startswith("before"))
        runs.append(measure_run(name, len(lines), config, warehouse, as_of=datetime(last, 12, 31, 23, 59, tzinfo=UTC)))
    return runs


def settings(folder: Path, warehouse: Path) -> dict[str, Any]:
    """Nothing is blocked, and nothing is too short to be done in part."""
    return {
        "deployment": "git",
        "warehouse": str(warehouse),
        "sources": {"git": {"path": f"{folder}/events/*.jsonl", "format": "jsonl", "preset": "segment"}},
        "identity": {
            "id_types": {
                "user_id": {"priority": 1, "known": True},
                "email": {"priority": 2, "known": True, "normaliser": "email"},
                "anonymous_id": {"priority": 9, "known": False},
            }
        },
        "incremental": {"above_mb": 0},
        # the people of a year may be half of all there were
        "gates": {"max_merged_ids_share": None},
    }


def describe_years(runs: Sequence[Run]) -> str:
    """The runs as text."""
    rows = [
        [
            run.name, f"{run.n_lines:,}", f"{run.n_people or 0:,}", table.seconds(run.seconds),
            table.seconds(run.stage_seconds), f"{run.written.rows:,}", f"{run.written.files:,}",
        ]
        for run in runs
    ]  # fmt: skip
    header = ["received", "messages", "people", "seconds", "in stages", "rows written", "files written"]
    return table.text_table(header, rows)


if __name__ == "__main__":
    sys.exit(main())
