"""The results of all benchmarks in one Markdown table, from their JSON files: for the README.

    python -m tests.bench.summary [--all] [FILE ...]

Rows that have a goal; with `--all` every row. Below it stands what was measured on, and by which commit. All documents
are written to one file, `.bench/all.json`.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.bench.processes import SCRATCH
from tests.bench.results import Document, Row, read_document, write_json
from tests.bench.table import markdown_table, memory, quantity

# in the order in which a reader asks
BENCHMARKS = ("first-runs", "growth", "days", "long-day", "hundred-days", "components", "erasures")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of the files, or of all benchmarks that have one. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Results of benchmarks as a Markdown table.")
    parser.add_argument("files", type=Path, nargs="*", help="results; by default all in .bench/")
    parser.add_argument("--all", action="store_true", help="rows without a goal too")
    options = parser.parse_args(arguments)
    files = options.files or [path for path in (SCRATCH / f"{name}.json" for name in BENCHMARKS) if path.is_file()]
    if not files:
        parser.error(f"there are no results in {SCRATCH}: run `make bench`")
    documents = [read_document(file) for file in files]
    print(summarise(documents, with_all=options.all))
    write_json(SCRATCH / "all.json", [document.as_json() for document in documents])
    return 0


def summarise(documents: Sequence[Document], *, with_all: bool = False) -> str:
    """The table, and a line about where its rows come from."""
    rows = [row for document in documents for row in document.rows if with_all or row.goal is not None]
    header = ["Measured", "Result", "Beside", "Goal", "Most of it"]
    benchmarks = defaultdict(list)
    for document in documents:
        benchmarks[_where(document)].append(document.benchmark)
    lines = [f"On {where}: {', '.join(names)}." for where, names in benchmarks.items()]
    return "\n".join([markdown_table(header, [_cells(row) for row in rows]), "", *lines])


def _cells(row: Row) -> list[str]:
    goal = "" if row.goal is None else f"≤ {quantity(row.goal, row.unit)}, {'met' if row.is_met else '**missed**'}"
    return [row.name, quantity(row.value, row.unit), row.yardstick, goal, row.limit]


def _where(document: Document) -> str:
    machine = document.machine
    commit = f"commit {document.commit}" if document.commit else "no commit"
    return f"{machine['cpus']} cores and {memory(machine['memory_bytes'])} GiB, {commit}"


if __name__ == "__main__":
    sys.exit(main())
