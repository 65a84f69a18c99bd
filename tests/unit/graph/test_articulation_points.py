from __future__ import annotations

import time
from typing import Any

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from oneuser.graph.articulation_points import Suspect, find_suspects

pairs = st.tuples(st.integers(0, 11), st.integers(0, 11))
groups = st.lists(st.integers(0, 11), min_size=3, max_size=4, unique=True)


def known(*numbers: int, anonymous: tuple[int, ...] = ()) -> dict[int, bool]:
    return dict.fromkeys(numbers, True) | dict.fromkeys(anonymous, False)


def star_of(message: list[int]) -> list[tuple[int, int]]:
    return [(message[0], other) for other in message[1:]]


def test_a_value_between_two_people_is_a_suspect() -> None:
    found = find_suspects(known(1, 2, anonymous=(9,)), [(1, 9), (2, 9)], [])

    assert found == [Suspect(9, (1, 1), 2)]


def test_parts_without_a_known_identifier_do_not_count_as_people() -> None:
    found = find_suspects(known(1, anonymous=(7, 8, 9)), [(1, 9), (8, 9), (7, 9)], [])

    assert found == []


def test_the_effect_counts_every_part_and_its_identifiers() -> None:
    members = known(1, 2, 3, anonymous=(4, 5, 9))

    found = find_suspects(members, [(1, 9), (2, 9), (2, 3), (4, 9), (1, 5)], [])

    assert Suspect(9, (2, 2, 1), 2) in found


def test_a_login_seen_with_addresses_and_devices_that_share_nothing_else_is_a_suspect() -> None:
    # a login 1 that a program writes for everybody: addresses 2, 3, 4, each with a device of its own
    messages = [[1, 2, 12], [1, 3, 13], [1, 4, 14]]

    found = find_suspects(
        known(1, 2, 3, 4, anonymous=(12, 13, 14)), [e for m in messages for e in star_of(m)], messages
    )

    assert found == [Suspect(1, (2, 2, 2), 3)]


def test_the_centre_of_a_message_is_no_suspect() -> None:
    # one message carries all three: without the centre the other two would still be linked
    members, message = known(1, 2, 3), [1, 2, 3]

    assert find_suspects(members, star_of(message), [message]) == []
    # two messages of two identifiers: the one in both is what links the others
    assert find_suspects(members, star_of(message), []) == [Suspect(1, (1, 1), 2)]


def test_a_message_that_links_nothing_holds_nothing_together() -> None:
    assert find_suspects(known(1, 2, 3), [(1, 2), (1, 3)], [[2, 3, 1]]) == [Suspect(1, (1, 1), 2)]


def test_nobody_is_suspected_in_a_ring_or_alone() -> None:
    assert find_suspects(known(1, 2, 3), [(1, 2), (2, 3), (1, 3)], []) == []
    assert find_suspects(known(1), [], []) == []
    assert find_suspects({}, [], []) == []


def test_repeated_edges_and_loops_change_nothing() -> None:
    plain = find_suspects(known(1, 2, 3), [(1, 2), (2, 3)], [])

    assert find_suspects(known(1, 2, 3), [(2, 1), (1, 2), (2, 2), (2, 3), (3, 2)], []) == plain == [
        Suspect(2, (1, 1), 2)
    ]  # fmt: skip


@given(
    edges=st.lists(pairs, max_size=18),
    messages=st.lists(groups, max_size=4),
    is_known=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_suspects_are_the_articulation_points_between_known_identifiers(
    edges: list[tuple[int, int]], messages: list[list[int]], is_known: list[bool]
) -> None:
    members = dict(enumerate(is_known))
    linked = [*edges, *(pair for message in messages for pair in star_of(message))]
    graph: nx.Graph[Any] = nx.Graph(linked)
    graph.add_nodes_from(members)
    for number, message in enumerate(messages):
        graph.add_edges_from((("message", number), one) for one in message)

    found = {suspect.identifier_id: suspect for suspect in find_suspects(members, linked, messages)}

    points = set(nx.articulation_points(graph))
    for number in members:
        piece = nx.node_connected_component(graph, number) - {number}
        parts = [{n for n in part if n in members} for part in nx.connected_components(graph.subgraph(piece))]
        parts = [part for part in parts if part]
        n_people = sum(any(members[n] for n in part) for part in parts)
        assert (number in found) == (n_people >= 2)
        if number in found:
            assert number in points
            assert found[number].n_people == n_people
            assert found[number].part_sizes == tuple(sorted(map(len, parts), reverse=True))


def test_a_long_chain_needs_no_recursion_and_no_more_than_linear_time() -> None:
    n = 100_000
    started = time.process_time()
    found = find_suspects(dict.fromkeys(range(n), True), [(i, i + 1) for i in range(n - 1)], [])

    assert len(found) == n - 2
    assert found[0].part_sizes == (n - 2, 1)
    # a quadratic search would take an hour
    assert time.process_time() - started < 30
