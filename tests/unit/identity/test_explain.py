from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.identity.explain import Evidence, shortest_chain

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
pairs = st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda pair: pair[0] < pair[1])


def edge(src: int, dst: int, source: str = "event", n_events: int = 1) -> Evidence:
    return Evidence(src, dst, source, n_events, MONDAY, MONDAY)


def test_the_chain_leads_from_one_to_the_other() -> None:
    chain = shortest_chain([edge(1, 2), edge(2, 3), edge(3, 4), edge(1, 9)], [1], [4])

    assert chain is not None
    assert [(a, b) for a, _, b in chain] == [(1, 2), (2, 3), (3, 4)]


def test_two_ends_that_share_an_identifier_need_no_edge() -> None:
    assert shortest_chain([edge(1, 2)], [1, 2], [2]) == []


def test_there_is_no_chain_between_components() -> None:
    assert shortest_chain([edge(1, 2), edge(3, 4)], [1], [4]) is None


def test_of_parallel_edges_the_one_with_most_messages_is_shown() -> None:
    chain = shortest_chain([edge(1, 2, "alias", 1), edge(1, 2, "event", 5)], [1], [2])

    assert chain is not None
    assert chain[0][1].source == "event"


@given(edges=st.lists(pairs, max_size=40), start=st.integers(0, 12), end=st.integers(0, 12))
def test_no_chain_is_shorter(edges: list[tuple[int, int]], start: int, end: int) -> None:
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(13))

    chain = shortest_chain([edge(src, dst) for src, dst in edges], [start], [end])

    if chain is None:
        assert not nx.has_path(graph, start, end)
    else:
        assert len(chain) == nx.shortest_path_length(graph, start, end)
        assert all(after[0] == before[2] for before, after in pairwise(chain))


@pytest.mark.parametrize("order", [1, -1])
def test_the_answer_does_not_depend_on_the_order_of_edges(order: int) -> None:
    square = [edge(1, 2), edge(1, 3), edge(2, 4), edge(3, 4)][::order]

    chain = shortest_chain(square, [1], [4])

    assert chain is not None
    assert [b for _, _, b in chain] == [2, 4]
