"""Contraction on arrays: any way to deal pairs out to partitions and chunks gives the components of union-find."""

from __future__ import annotations

import random
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneuser.graph.contraction import _contract_chunks, _link_roots
from oneuser.graph.one_task import label_components

Pair = tuple[int, int]
IDS = st.integers(0, 40) | st.integers(-(10**12), 10**12)


def by_union_find(pairs: list[Pair]) -> dict[int, int]:
    """Smallest id of the component, by id."""
    parent = {end: end for pair in pairs for end in pair}

    def root(of: int) -> int:
        while parent[of] != of:
            parent[of] = parent[parent[of]]
            of = parent[of]
        return of

    for src, dst in pairs:
        low, high = sorted((root(src), root(dst)))
        parent[high] = low
    return {member: root(member) for member in parent}


def rows_of(batches: Iterable[pa.RecordBatch]) -> list[tuple[int, ...]]:
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def as_batches(pairs: list[Pair], *, size: int = 3) -> list[pa.RecordBatch]:
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return [
        pa.record_batch({"a": columns[start : start + size, 0], "b": columns[start : start + size, 1]})
        for start in range(0, len(pairs), size)
    ]


def contract(pairs: list[Pair], *, chunk_pairs: int, n_tasks: int, rng: random.Random) -> tuple[list[Pair], list[Pair]]:
    """One round as the cluster does it: (id, root) of every id, and links between roots."""
    tasks: list[list[Pair]] = [[] for _ in range(n_tasks)]
    for pair in pairs:
        rng.choice(tasks).append(pair)
    contracted = [row for task in tasks for row in rows_of(_contract_chunks(as_batches(task), chunk_pairs=chunk_pairs))]
    # the second shuffle keeps the rows of an id together
    dealt: list[list[Pair]] = [[] for _ in range(n_tasks)]
    for identifier, root in contracted:
        dealt[identifier % n_tasks].append((identifier, root))
    assigned = [row for task in dealt for row in rows_of(_link_roots(as_batches(task)))]
    return [row[:2] for row in assigned if not row[2]], [row[:2] for row in assigned if row[2]]


def by_rounds(
    pairs: list[Pair], *, chunk_pairs: int, n_tasks: int, n_rounds: int, rng: random.Random
) -> dict[int, int]:
    if n_rounds == 0:
        ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return dict(zip(*(c.tolist() for c in label_components(ends[:, 0], ends[:, 1])), strict=True)) if pairs else {}
    members, links = contract(pairs, chunk_pairs=chunk_pairs, n_tasks=n_tasks, rng=rng)
    assert len({identifier for identifier, _ in members}) == len(members)
    of_roots = by_rounds(links, chunk_pairs=chunk_pairs, n_tasks=n_tasks, n_rounds=n_rounds - 1, rng=rng)
    return {identifier: of_roots.get(root, root) for identifier, root in members}


@settings(max_examples=300)
@given(
    pairs=st.lists(st.tuples(IDS, IDS), max_size=120),
    chunk_pairs=st.integers(1, 40),
    n_tasks=st.integers(1, 7),
    n_rounds=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_rounds_of_contraction_give_the_components_of_union_find(
    pairs: list[Pair], chunk_pairs: int, n_tasks: int, n_rounds: int, seed: int
) -> None:
    found = by_rounds(pairs, chunk_pairs=chunk_pairs, n_tasks=n_tasks, n_rounds=n_rounds, rng=random.Random(seed))

    assert found == by_union_find(pairs)


@pytest.mark.parametrize("seed", range(10))
def test_every_round_leaves_fewer_ids(seed: int) -> None:
    rng = random.Random(seed)
    links = [(rng.randrange(300), rng.randrange(300)) for _ in range(400)]
    n_rounds = 0

    # one pair at a time is the worst that can happen to a round: nothing meets but its own two ends
    while links:
        before = {end for pair in links for end in pair}
        _, links = contract(links, chunk_pairs=1, n_tasks=3, rng=rng)
        assert len({end for pair in links for end in pair}) < len(before)
        n_rounds += 1

    assert n_rounds < 30


def test_an_id_that_one_chunk_alone_has_seen_needs_no_link() -> None:
    assigned = rows_of(_link_roots(as_batches([(5, 1), (7, 7), (6, 1)])))

    assert sorted(assigned) == [(5, 1, False), (6, 1, False), (7, 7, False)]


def test_roots_of_an_id_are_linked_to_the_smallest_of_them_once() -> None:
    assigned = rows_of(_link_roots(as_batches([(9, 4), (9, 1), (9, 6), (8, 4), (8, 1)])))

    assert sorted(assigned) == [(1, 4, True), (1, 6, True), (8, 1, False), (9, 1, False)]
