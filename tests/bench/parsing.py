"""How fast one thread parses lines: microseconds of processor time a line, of the parser alone.

    python -m tests.bench.parsing LINES... [--repeats N] [--json]

Lines are read into memory first, and parsed in batches as Spark gives them, each time by a new parser that remembers
nothing. The processor's time is taken, so that other work on the machine counts less.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from oneuser.core.keyed import Keys
from oneuser.events.fast_path import LineParser
from oneuser.events.mapping import load_preset
from oneuser.events.spec import IdTypeSpec, SourceSpec

KEYS = Keys("bench", "k1", b"i" * 32, b"m" * 32, b"u" * 32)
# 2100: no line of a log is from the future
HORIZON = 4_102_444_800_000_000
BATCH_SIZE = 10_000
REPEATS = 5
# as the demo declares them
ID_TYPES = (IdTypeSpec("user_id"), IdTypeSpec("email", "email"), IdTypeSpec("anonymous_id"))
SPEC = SourceSpec("web", "web", load_preset("segment"), ID_TYPES)


@dataclass(frozen=True)
class Parsing:
    """So many lines, and microseconds of processor time that one took: in the quickest round, and in the middle one."""

    lines: int
    least_us: float
    median_us: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Microseconds of processor time that parsing a line takes.")
    parser.add_argument("files", type=Path, nargs="+", help="files of JSON Lines")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how often all lines are parsed")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    measured = measure_parsing(read_batches(options.files), repeats=options.repeats)
    print(json.dumps(asdict(measured)) if options.json else describe_parsing(measured))
    return 0


def read_batches(files: Sequence[Path], *, most: int | None = None) -> list[pa.Array[Any]]:
    """Lines of files as bytes, the first `most` of them, some thousands in each array."""
    lines = list(islice(chain.from_iterable(map(_lines, files)), most))
    return [pa.array(lines[start : start + BATCH_SIZE], pa.binary()) for start in range(0, len(lines), BATCH_SIZE)]


def measure_parsing(batches: Sequence[pa.Array[Any]], *, repeats: int = REPEATS) -> Parsing:
    """What parsing all of them takes, several times over."""
    sizes = [[len(line) for line in batch.to_pylist()] for batch in batches]
    n_lines = sum(map(len, sizes))
    times = []
    for _ in range(repeats):
        parser = LineParser(SPEC, KEYS, horizon=HORIZON)
        gc.collect()
        gc.disable()  # as in the pass over all input
        try:
            started = time.process_time()
            for batch, lengths in zip(batches, sizes, strict=True):
                parser.parse(batch, lengths)
            times.append((time.process_time() - started) / n_lines * 1e6)
        finally:
            gc.enable()
    return Parsing(n_lines, min(times), statistics.median(times))


def describe_parsing(parsing: Parsing) -> str:
    """The same as a line for people."""
    return (
        f"parsing: {parsing.median_us:.1f} µs of one processor a line, {parsing.least_us:.1f} at the least, "
        f"of {parsing.lines:,} lines"
    )


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        for line in opened:
            yield line.rstrip(b"\n")


if __name__ == "__main__":
    sys.exit(main())
