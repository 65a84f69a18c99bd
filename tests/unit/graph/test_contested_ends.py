"""Whose end a refusal leaves contested, and what is left of a person that was cut off."""

from __future__ import annotations

import pytest

from oneuser.graph.bounded_sets import Bounds
from oneuser.graph.replay import contested_ends
from tests.unit.graph.replay_groups import Group, bounds, flags


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ("u1 d1", "d1"),
        ("d1 u1", "d1"),
        ("u1 e1", "e1"),
        ("e1 u1", "e1"),
        ("u1 u2", ""),
        ("d1 b1", "b1 d1"),
        ("d1 d2", "d1 d2"),
    ],
)
def test_contested_is_the_anonymous_end_the_weaker_known_one_or_both_anonymous_ones(ends: str, expected: str) -> None:
    group = Group.of(ends)

    assert group.named(contested_ends(*group.vertices)) == expected


def test_an_exclude_contests_nothing() -> None:
    group = Group.of("u1 u2 d1", ("u1 d1", 5), ("u2 d1", 7), excluded="u1-u2")

    assert flags(group, bounds()) == ("", "", "")
    assert flags(group, bounds("u")) == ("", "", "")


def test_a_unique_refusal_contests_and_does_not_cut_off() -> None:
    group = Group.of("u1 u2 d1", ("u1 d1", 5), ("u2 d1", 7))

    assert flags(group, bounds("u")) == ("d1", "", "")


@pytest.mark.parametrize("limits", [bounds(d=2), bounds(max_identifiers=3)], ids=["limit", "size"])
def test_what_a_limit_or_the_size_cuts_off_whole_is_residual(limits: Bounds) -> None:
    group = Group.of("u1 d1 d2 d3 d4", ("u1 d1", 9), ("u1 d2", 8), ("u1 d3", 7), ("u1 d4", 6), ("d3 d4", 5))

    assert flags(group, limits) == ("d3 d4", "d3 d4", "d3 d4")


def test_a_component_with_anything_that_was_not_cut_off_is_no_residual() -> None:
    group = Group.of("u1 d1 d2 d3 b1", ("u1 d1", 9), ("u1 d2", 8), ("u1 d3", 7), ("d3 b1", 5))

    assert flags(group, bounds(d=2)) == ("d3", "d3", "")


def test_the_strong_end_of_a_refusal_is_not_cut_off() -> None:
    group = Group.of("u1 u2 d1", ("u1 d1", 2), ("u2 d1", 1))

    assert flags(group, bounds(max_identifiers=2)) == ("d1", "d1", "")
