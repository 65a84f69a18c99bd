"""In which order the edges of a candidate component are tried, strongest evidence first."""

from __future__ import annotations

from oneuser.graph.replay import (
    Evidence,
)
from tests.unit.graph.replay_groups import Group, bounds, order, outcome


def test_includes_come_first_then_known_pairs_then_mixed_then_anonymous_ones() -> None:
    group = Group.of("u1 u2 e1 d1 d2 b1", ("d1 d2", 9), ("u1 d1", 8), ("u1 e1", 7))
    group.evidence.append(group.edge("d1 b1", None, include=True))

    assert order(group) == ["b1 d1", "e1 u1", "d1 u1", "d1 d2"]


def test_the_latest_login_of_each_device_comes_before_all_other_logins() -> None:
    # given that e1 is of a weaker type, so that priority alone would put its edges last
    group = Group.of("u1 u2 e1 d1 d2", ("u1 d1", 1), ("u2 d1", 2), ("e1 d1", 3), ("u1 d2", 1), ("u2 d2", 0))

    assert order(group) == ["d2 u1", "d1 e1", "d1 u2", "d1 u1", "d2 u2"]


def test_of_two_logins_as_late_the_stronger_type_then_the_smaller_key_is_the_latest() -> None:
    by_type = Group.of("e1 u1 d1", ("e1 d1", 5), ("u1 d1", 5))
    by_key = Group.of("u2 u1 d1", ("u2 d1", 5), ("u1 d1", 5))

    assert outcome(by_type, bounds(max_identifiers=2))[0] == ["d1 u1", "e1"]
    assert outcome(by_key, bounds("u"))[0] == ["d1 u1", "u2"]


def test_an_include_may_be_the_latest_login_of_a_device() -> None:
    group = Group.of("u1 u2 e1 d1", ("u2 d1", 2), ("e1 d1", 3))
    group.evidence.append(group.edge("u1 d1", 4, include=True))

    # then no other login of d1 is its latest, and the stronger type comes first
    assert order(group) == ["d1 u1", "d1 u2", "d1 e1"]


def test_a_stronger_priority_comes_before_a_newer_event() -> None:
    group = Group.of("u1 u2 e1 e2", ("u1 u2", 1), ("e1 e2", 9), ("u1 e1", 5))
    group.evidence.append(group.edge("u2 e2", 0, priority=1))

    assert order(group) == ["e2 u2", "u1 u2", "e1 u1", "e1 e2"]


def test_of_equal_priority_the_newer_event_comes_first_and_no_time_is_oldest() -> None:
    group = Group.of("d1 d2 d3 d4", ("d1 d2", 4), "d2 d3", ("d3 d4", 6), ("d1 d4", -3))

    assert order(group) == ["d3 d4", "d1 d2", "d1 d4", "d2 d3"]


def test_with_the_earliest_conflict_first_events_count_and_no_time_is_youngest() -> None:
    group = Group.of("d1 d2 d3 d4", "d2 d3")
    for names, first, last in (("d1 d2", 4, 99), ("d3 d4", 6, 7), ("d1 d4", -3, 200)):
        group.evidence.append(group.edge(names, last, first=first))

    assert order(group, "earliest") == ["d1 d4", "d1 d2", "d3 d4", "d2 d3"]


def test_at_the_same_time_message_keys_decide_as_unsigned_bytes() -> None:
    keys = {"d1 d2": b"\x7f", "d2 d3": b"\xff", "d3 d4": b"\x7f\x00", "d4 d1": b"", "d1 d3": b"\x7f" + b"\x00" * 9}
    group = Group.of("d1 d2 d3 d4")
    group.evidence = [
        Evidence(*group.pair(names), 16, (5, key), (5, key), is_include=False) for names, key in keys.items()
    ]

    assert order(group) == ["d2 d3", "d1 d3", "d3 d4", "d1 d2", "d1 d4"]
    assert order(group, "earliest") == ["d1 d4", "d1 d2", "d3 d4", "d1 d3", "d2 d3"]


def test_at_last_the_two_keys_decide_the_smaller_one_of_both_first() -> None:
    group = Group.of("d4 d3 d2 d1", "d2 d4", "d1 d4", "d2 d3", "d1 d3")

    assert order(group) == ["d1 d3", "d1 d4", "d2 d3", "d2 d4"]
