"""Pairs of ids for engines of connected components: small components as people leave them, and one that is not small.

All shapes have as many vertices and edges as asked for, and no cycle: there is one component less for each edge. Ids
are dense and mean nothing, as ours are; pairs stand in any order. The same arguments give the same pairs.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]

# small components alone; one vertex with so many neighbours; so many vertices in a row
PEOPLE, HUB, CHAIN = "people", "hub", "chain"
SHAPES = (PEOPLE, HUB, CHAIN)
_LARGEST = {PEOPLE: 0, HUB: 1_000_000, CHAIN: 100_000}
_ROWS_PER_FILE = 2_000_000


def n_large_edges(shape: str, n_edges: int) -> int:
    """Edges of the component that is not small: a million or a hundred thousand, a quarter of all at most."""
    return min(_LARGEST[shape], n_edges // 4)


def make_pairs(shape: str, n_vertices: int, n_edges: int, *, seed: int = 7) -> tuple[Ids, Ids]:
    """Smaller and larger end of every pair.

    Raises:
        ValueError: where components of two vertices and more do not come out.
    """
    if not n_edges + 1 < n_vertices <= n_edges * 7 // 4:
        raise ValueError(f"{n_vertices} vertices, {n_edges} edges: expected 2 vertices more, up to 1.75 an edge")
    rng = np.random.Generator(np.random.PCG64([seed, SHAPES.index(shape)]))
    n_large = n_large_edges(shape, n_edges)
    # the large component comes first, if there is one
    n_first = n_large + 1 if n_large else 0
    numbers = np.arange(1, n_first)
    ends, others = [numbers], [np.zeros_like(numbers) if shape == HUB else numbers - 1]
    n_small = n_vertices - n_edges - bool(n_large)
    weights = rng.exponential(size=n_small)
    sizes = 2 + rng.multinomial(n_vertices - n_first - 2 * n_small, weights / weights.sum())
    start = np.repeat(n_first + np.cumsum(sizes) - sizes, sizes)
    vertex = np.arange(n_first, n_vertices)
    place = vertex - start
    # most hang on the first of their component, as cookies hang on a login
    hangs_on = start + (rng.random(len(place)) ** 3 * place).astype(np.int64)
    ends.append(vertex[place > 0])
    others.append(hangs_on[place > 0])
    ids = rng.permutation(n_vertices)
    order = rng.permutation(n_edges)
    one, other = ids[np.concatenate(ends)][order], ids[np.concatenate(others)][order]
    return np.minimum(one, other), np.maximum(one, other)


def write_pairs(folder: Path, shape: str, n_vertices: int, n_edges: int) -> None:
    """Pairs as Parquet files with the columns `src` and `dst`, unless they are there."""
    if folder.is_dir():
        return
    src, dst = make_pairs(shape, n_vertices, n_edges)
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for number, start in enumerate(range(0, n_edges, _ROWS_PER_FILE)):
        part = slice(start, start + _ROWS_PER_FILE)
        pq.write_table(pa.table({"src": src[part], "dst": dst[part]}), unfinished / f"part-{number}.parquet")
    unfinished.rename(folder)
