"""The order in which replay admits edges, for all replay groups of a batch at once. Pure: NumPy columns in and out.

Strongest first:

(a) manual includes;
(b) edges between two known identifiers, then between a known and an anonymous one, then between two anonymous ones;
(c) of the second kind, the latest edge of each anonymous identifier before all others, so that a contested device goes
    with whoever logged in there last; of two as late, the one that comes first by (d) and (f);
(d) priority, the smaller number first;
(e) the latest edge;
(f) the two keys, the smaller one of both first.

`conflict: earliest` turns (c) and (e) round and compares first moments instead of last ones. An edge without a moment
comes after all others either way. Surrogate ids decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

Conflict = Literal["latest", "earliest"]

_WORD = 8  # bytes
_N_KINDS = 3  # two known ends, one, none


@dataclass(frozen=True, slots=True)
class EdgeColumns:
    """Edges of some replay groups, one element for each in every column.

    Attributes:
        group: Number of the group.
        src: Index of one end among the vertices.
        dst: Index of the other.
        priority: Sum of the type priorities, or what is declared instead.
        is_include: Whether it is a manual include.
        moment: What `moment_columns` returns.
    """

    group: NDArray[np.int64]
    src: NDArray[np.int64]
    dst: NDArray[np.int64]
    priority: NDArray[np.int64]
    is_include: NDArray[np.bool_]
    moment: list[NDArray[Any]]


def order_edges(edges: EdgeColumns, is_known: NDArray[np.bool_], key_rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the edges in admission order, group after group.

    Args:
        edges: Edges; no two of a group have the same ends.
        is_known: Whether each vertex is of a known type.
        key_rank: What `rank_keys` returns for the keys of the vertices.
    """
    one, other = key_rank[edges.src], key_rank[edges.dst]
    keys = (np.maximum(one, other), np.minimum(one, other))
    # the last column decides first
    by_moment = np.lexsort((*keys, edges.priority, *edges.moment))
    is_src_known, is_dst_known = is_known[edges.src], is_known[edges.dst]
    kind = 2 - is_src_known.astype(np.int64) - is_dst_known
    anonymous = np.where(is_src_known, edges.dst, edges.src)
    is_latest = _first_of_each(anonymous, by_moment[kind[by_moment] == 1])
    band = ((edges.group * 2 + ~edges.is_include) * _N_KINDS + kind) * 2 + ~is_latest
    again = np.lexsort((edges.priority[by_moment], band[by_moment]))
    return by_moment[again]


def _first_of_each(value: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether an index is the first in `indices` that has its value; false for those that are not in `indices`."""
    is_first = np.zeros(len(value), dtype=bool)
    _, first = np.unique(value[indices], return_index=True)
    is_first[indices[first]] = True
    return is_first


def moment_columns(
    times: NDArray[np.int64], keys: Sequence[bytes], is_dated: NDArray[np.bool_], conflict: Conflict
) -> list[NDArray[Any]]:
    """Columns for `np.lexsort` that order edges by moment, the one that wins a conflict first, then those without any.

    Args:
        times: Microseconds since 1970 UTC, anything where there is no moment.
        keys: Places among the events of their instants, likewise.
        is_dated: Whether there is a moment.
        conflict: `latest` puts the latest first, `earliest` the earliest.
    """
    columns: list[NDArray[Any]] = [*_key_columns(keys), times]
    if conflict == "latest":
        columns = [~column for column in columns]  # turns the order of integers round
    return [*columns, ~is_dated]


def rank_keys(keys: Sequence[bytes]) -> NDArray[np.int64]:
    """Rank of each key among all of them, as unsigned bytes. Keys differ."""
    rank = np.empty(len(keys), dtype=np.int64)
    rank[np.lexsort(_key_columns(keys))] = np.arange(len(keys))
    return rank


def _key_columns(keys: Sequence[bytes]) -> list[NDArray[Any]]:
    """Columns of unsigned integers for `np.lexsort` that order byte strings: words from the last to the first.

    The length comes before them, since padding makes a key equal to one that only has zeros after it.
    """
    lengths = np.fromiter(map(len, keys), np.uint64, len(keys))
    n_words = max(-(-int(lengths.max(initial=1)) // _WORD), 1)
    padded = np.array(keys, dtype=f"S{n_words * _WORD}")
    words = padded.view(">u8").reshape(len(keys), n_words).astype(np.uint64)
    return [lengths, *words.T[::-1]]
