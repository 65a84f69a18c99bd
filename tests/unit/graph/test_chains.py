from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.graph.chains import Evidence, Refusal, Step, between, between_in_rounds, find_chain

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
pairs = st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda pair: pair[0] < pair[1])


def edge(src: int, dst: int, source: str = "event", n_events: int = 1) -> Evidence:
    return Evidence(src, dst, source, n_events, MONDAY, MONDAY)


def refusal(src: int, dst: int, rule: str = "unique", opened_run: int = 1) -> Refusal:
    return Refusal(src, dst, rule, opened_run, MONDAY, MONDAY)


def walked(chain: list[Step] | None) -> list[tuple[int, int]]:
    assert chain is not None
    return [(step.start, step.end) for step in chain]


def test_the_chain_leads_from_one_to_the_other() -> None:
    chain = find_chain([edge(1, 2), edge(2, 3), edge(3, 4), edge(1, 9)], [], [1], [4])

    assert walked(chain) == [(1, 2), (2, 3), (3, 4)]


def test_two_ends_that_share_an_identifier_need_no_edge() -> None:
    assert find_chain([edge(1, 2)], [], [1, 2], [2]) == []


def test_there_is_no_chain_between_components() -> None:
    assert find_chain([edge(1, 2), edge(3, 4)], [], [1], [4]) is None


def test_of_parallel_edges_the_one_with_most_messages_is_shown() -> None:
    chain = find_chain([edge(1, 2, "alias", 1), edge(1, 2, "event", 5)], [], [1], [2])

    assert chain is not None
    assert chain[0].evidence is not None
    assert chain[0].evidence.source == "event"


def test_the_chain_with_the_fewest_refused_edges_is_found_though_it_is_longer() -> None:
    edges = [edge(1, 2), edge(2, 3), edge(1, 4), edge(4, 5), edge(5, 6), edge(6, 3)]

    chain = find_chain(edges, [refusal(1, 2), refusal(2, 3), refusal(5, 6, "limit")], [1], [3])

    assert walked(chain) == [(1, 4), (4, 5), (5, 6), (6, 3)]
    assert [step.refusal.rule for step in chain or [] if step.refusal] == ["limit"]


def test_a_refused_pair_without_an_edge_is_shown_too() -> None:
    chain = find_chain([], [refusal(1, 2, "over_shared")], [1], [2])

    assert chain == [Step(1, 2, None, refusal(1, 2, "over_shared"))]


def test_of_several_rules_the_one_that_refused_first_is_named() -> None:
    refusals = [refusal(1, 2, "size", 3), refusal(1, 2, "unique", 2), refusal(1, 2, "limit", 2)]

    chain = find_chain([edge(1, 2)], refusals, [1], [2])

    assert chain is not None
    assert chain[0].refusal == refusal(1, 2, "limit", 2)


@given(
    edges=st.lists(pairs, max_size=40),
    is_refused=st.lists(st.booleans(), min_size=40, max_size=40),
    start=st.integers(0, 12),
    end=st.integers(0, 12),
)
def test_no_chain_has_fewer_refusals_and_none_of_those_is_shorter(
    edges: list[tuple[int, int]], is_refused: list[bool], start: int, end: int
) -> None:
    refused = {pair for pair, refuses in zip(edges, is_refused, strict=False) if refuses}
    graph: nx.Graph[Any] = nx.Graph()
    graph.add_nodes_from(range(13))
    # one refusal outweighs any number of steps
    graph.add_edges_from((*pair, {"cost": 100 if pair in refused else 1}) for pair in edges)

    chain = find_chain([edge(*pair) for pair in edges], [refusal(*pair) for pair in refused], [start], [end])

    if chain is None:
        assert not nx.has_path(graph, start, end)
        return
    n_refused = sum(step.refusal is not None for step in chain)
    # a refusal costs its 100 in place of the 1 of its step
    assert len(chain) + 99 * n_refused == nx.shortest_path_length(graph, start, end, weight="cost")
    assert all(after.start == before.end for before, after in pairwise(chain))


@given(edges=st.lists(pairs, max_size=30), start=st.integers(0, 12), end=st.integers(0, 12))
def test_what_lies_between_is_what_shortest_chains_pass(edges: list[tuple[int, int]], start: int, end: int) -> None:
    graph: nx.Graph[Any] = nx.Graph(edges)
    graph.add_nodes_from([start, end])

    found = between(edges, [start], [end])

    if nx.has_path(graph, start, end):
        assert found == {node for path in nx.all_shortest_paths(graph, start, end) for node in path}
    else:
        assert found == set()


def answering(
    edges: list[tuple[int, int]], most: int = 10**6
) -> Callable[[Collection[int]], set[tuple[int, int]] | None]:
    both_ways = {pair for one, other in edges for pair in ((one, other), (other, one))}

    def pairs_of(nodes: Collection[int]) -> set[tuple[int, int]] | None:
        found = {pair for pair in both_ways if pair[0] in nodes}
        return found if len(found) <= most else None

    return pairs_of


@given(
    edges=st.lists(pairs, max_size=30),
    starts=st.sets(st.integers(0, 12), min_size=1, max_size=3),
    ends=st.sets(st.integers(0, 12), min_size=1, max_size=3),
    most=st.sampled_from([1, 2, 4, 100]),
)
def test_in_rounds_the_same_lies_between(
    edges: list[tuple[int, int]], starts: set[int], ends: set[int], most: int
) -> None:
    found = between_in_rounds(answering(edges, most), starts, ends)

    assert found == between(edges, starts, ends) or (found is None and most < 100)


def test_from_a_node_with_too_many_pairs_the_other_side_comes_to_it() -> None:
    star = [(0, node) for node in range(1, 50)]
    asked: list[set[int]] = []

    def pairs_of(nodes: Collection[int]) -> set[tuple[int, int]] | None:
        asked.append(set(nodes))
        return answering(star, most=10)(nodes)

    assert between_in_rounds(pairs_of, [0], [7]) == {0, 7}
    assert between_in_rounds(answering(star, most=10), [8], [7]) == {7, 0, 8}
    assert asked == [{0}, {7}]


def test_where_neither_side_can_be_gone_on_from_there_is_no_answer() -> None:
    two_stars = [(0, node) for node in range(2, 50)] + [(1, node) for node in range(49, 99)]

    assert between_in_rounds(answering(two_stars, most=10), [0], [1]) is None


@pytest.mark.parametrize("order", [1, -1])
def test_the_answer_does_not_depend_on_the_order_of_edges(order: int) -> None:
    square = [edge(1, 2), edge(1, 3), edge(2, 4), edge(3, 4)][::order]

    assert walked(find_chain(square, [], [1], [4])) == [(1, 2), (2, 4)]
