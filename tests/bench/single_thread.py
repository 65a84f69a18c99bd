"""The yardstick of components: one thread of SciPy on an array of pairs, ids numbered first."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from deltalake import DeltaTable
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tests.bench import table

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class SingleThread:
    """Components of pairs; reading them is timed apart."""

    n_edges: int
    n_identifiers: int
    n_components: int
    read_seconds: float
    seconds: float


def measure_published_edges(warehouse: Path) -> SingleThread:
    """Components of the published edges of a warehouse."""
    entry = json.loads((warehouse / "published.json").read_text(encoding="utf-8"))["tables"]["edges"]
    started = time.monotonic()
    edges = DeltaTable(entry["path"], version=entry["version"]).to_pyarrow_table(columns=["src", "dst"])
    src, dst = (edges.column(name).to_numpy() for name in ("src", "dst"))
    read_seconds, started = time.monotonic() - started, time.monotonic()
    ids, label = label_components(src, dst)
    n_components = int(label.max(initial=-1)) + 1
    return SingleThread(len(src), len(ids), n_components, read_seconds, time.monotonic() - started)


def label_components(src: NDArray[np.int64], dst: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Distinct ends of pairs, and the number of each one's component, from 0."""
    ids, numbers = np.unique(np.concatenate([src, dst]), return_inverse=True)
    if not len(ids):
        return ids, np.empty(0, np.int32)
    ones = np.ones(len(src), np.int8)
    graph = coo_array((ones, (numbers[: len(src)], numbers[len(src) :])), shape=(len(ids), len(ids)))
    _, label = connected_components(graph, directed=False)
    return ids, label


def describe_single_thread(alone: SingleThread, *, graph_seconds: float) -> str:
    """The same as a line for people, beside the seconds of the stage that also makes the edges."""
    return (
        f"single thread: {alone.n_components:,} components of {alone.n_edges:,} edges in {alone.seconds:.3f} s, "
        f"reading them {alone.read_seconds:.3f} s; our stage graph, which also makes the edges: "
        f"{table.seconds(graph_seconds)} s"
    )
