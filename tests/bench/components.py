"""Engines of connected components beside one thread of SciPy, and the certificate beside each.

    python -m tests.bench.components [--vertices N] [--edges N] [--engines NAME ...] [--shapes NAME ...]

Every engine labels the same pairs in a process of its own, from Parquet to Parquet: small components as people leave
them, and as many vertices and edges again with a hub or a chain among them. SciPy reads, numbers the ids, labels and
writes the same in one thread. What is interrupted goes on after the last engine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.bench import table
from tests.bench.components_job import GRAPHFRAMES, SCIPY
from tests.bench.made_up_pairs import PEOPLE, SHAPES, n_large_edges, write_pairs
from tests.bench.processes import ROOT, SCRATCH, TIMEOUT, measure_script, say
from tests.bench.results import SECONDS, SHARE, TIMES, Row, Unfinished, commit_of, publish

VERTICES, EDGES = 17_500_000, 12_500_000
ENGINES = ("one_task", "contraction", GRAPHFRAMES)


@dataclass(frozen=True)
class Labelled:
    """One engine on one shape.

    Attributes:
        engine: SciPy, or an engine of oneuser.
        shape: What the pairs look like.
        seconds: From files to files; null where the engine is not on the class path.
        alone: Without reading and writing, where that can be told.
        certificate: Seconds of the certificate; SciPy has none.
        n_components: How many there are.
        peak: Peak of memory of all processes, in bytes.
    """

    engine: str
    shape: str
    seconds: float | None
    alone: float
    certificate: float
    n_components: int
    peak: int


Measurements = Mapping[tuple[str, str], Labelled]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every engine on every shape, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Connected components by every engine beside one thread of SciPy.")
    parser.add_argument("--vertices", type=int, default=VERTICES)
    parser.add_argument(
        "--edges", type=int, default=EDGES, help="fewer than vertices, and four for each seven of them at least"
    )
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--timeout", type=int, default=TIMEOUT, help="seconds that one engine may take")
    options = parser.parse_args(arguments)
    folder = SCRATCH / "components" / f"{options.vertices}-{options.edges}"
    unfinished = Unfinished(folder / "measured", commit_of(ROOT))
    measured = {}
    for shape in options.shapes:
        say(f"{shape}: {options.vertices:,} vertices, {options.edges:,} edges")
        write_pairs(folder / shape, shape, options.vertices, options.edges)
        for engine in (SCIPY, *options.engines):
            say(f"{shape}: {engine}")
            measure = partial(measure_engine, engine, shape, folder, options.vertices, timeout=options.timeout)
            measured[engine, shape] = Labelled(**unfinished.once(f"{engine}-{shape}", measure))
    require_agreement(measured)
    for absent in sorted({one.engine for one in measured.values() if one.seconds is None}):
        say(f"NOT MEASURED: {absent} is not on the class path")
    publish("components", rows_of(measured, options.edges), [asdict(one) for one in measured.values()])
    unfinished.finish()
    return 0


def measure_engine(engine: str, shape: str, folder: Path, n_vertices: int, *, timeout: int) -> Labelled:
    """One engine on one shape, in a process of its own."""
    command = ["-m", "tests.bench.components_job", engine, str(folder / shape), str(folder / "labels"), str(n_vertices)]
    measured = measure_script(command, folder / f"{engine}-{shape}.log", timeout=timeout)
    answer = measured.answer
    return Labelled(
        engine=engine,
        shape=shape,
        seconds=answer.get("seconds"),
        alone=answer.get("alone", 0.0),
        certificate=answer.get("certificate", 0.0),
        n_components=answer.get("n_components", 0),
        peak=measured.peaks["total"],
    )


def require_agreement(measured: Measurements) -> None:
    """All engines find as many components.

    Raises:
        SystemExit: where they do not.
    """
    for shape in {shape for _, shape in measured}:
        found = {one.engine: one.n_components for one in measured.values() if one.shape == shape and one.seconds}
        if len(set(found.values())) > 1:
            sys.exit(f"{shape}: engines do not find the same components: {found}")


def rows_of(measured: Measurements, n_edges: int) -> list[Row]:
    """What is published."""
    rows = []
    for (engine, shape), one in measured.items():
        if one.seconds is None:
            continue
        what = f"components of {table.events(n_edges)} edges by {engine}"
        if n_large_edges(shape, n_edges):
            what += f", with a {shape} of {table.events(n_large_edges(shape, n_edges))}"
        alone = measured[SCIPY, shape].seconds
        if engine == SCIPY:
            rows.append(Row(what, one.seconds, SECONDS, f"{one.alone:.1f} s without reading and writing"))
        elif alone:
            rows += [
                Row(what, one.seconds / alone, TIMES, "one thread of SciPy, ids numbered first"),
                Row(f"{what}, certificate", one.certificate / one.seconds, SHARE, "the components"),
            ]
        beside = measured.get((engine, PEOPLE))
        if shape != PEOPLE and beside and beside.seconds:
            rows.append(Row(what, one.seconds / beside.seconds, TIMES, "as many edges without it"))
    return rows


if __name__ == "__main__":
    sys.exit(main())
