"""Which edges of a candidate component are admitted, and what is refused by which rule."""

from __future__ import annotations

from random import Random

import pytest

from oneuser.graph.bounded_sets import Bounds
from oneuser.graph.replay import Evidence, Replayed, admission_order, breaks_bounds, replay
from tests.unit.graph.plain_replay import order_plainly, replay_plainly
from tests.unit.graph.replay_groups import (
    Group,
    bounds,
    flags,
    outcome,
    random_bounds,
    random_crowd,
    random_group,
    replayed,
)

# --- the rules ---------------------------------------------------------------------------------------------------


def test_a_shared_device_goes_with_whoever_logged_in_there_last() -> None:
    group = Group.of("u1 u2 d1", ("u1 d1", 5), ("u2 d1", 7))

    assert outcome(group, bounds("u")) == (["d1 u2", "u1"], ["unique d1 u1"])


def test_with_the_earliest_conflict_it_goes_with_whoever_logged_in_there_first() -> None:
    group = Group.of("u1 u2 d1", ("u1 d1", 5), ("u2 d1", 7))

    assert outcome(group, bounds("u", conflict="earliest")) == (["d1 u1", "u2"], ["unique d1 u2"])


def test_a_bound_that_nothing_breaks_refuses_nothing() -> None:
    group = Group.of("u1 e1 d1 d2", ("u1 e1", 1), ("u1 d1", 2), ("u1 d2", 3))

    assert outcome(group, bounds("u", "e", d=2, max_identifiers=4)) == (["d1 d2 e1 u1"], [])


def test_a_limit_refuses_what_would_be_one_value_too_many() -> None:
    group = Group.of("u1 d1 d2 d3", ("u1 d1", 1), ("u1 d2", 2), ("u1 d3", 3))

    assert outcome(group, bounds(d=2)) == (["d1", "d2 d3 u1"], ["limit d1 u1"])


def test_the_size_of_a_person_refuses_one_identifier_too_many() -> None:
    group = Group.of("u1 e1 d1 d2", ("u1 e1", 1), ("u1 d1", 2), ("u1 d2", 3))

    assert outcome(group, bounds(max_identifiers=3)) == (["d1", "d2 e1 u1"], ["size d1 u1"])


def test_an_exclude_refuses_every_union_that_would_join_its_ends() -> None:
    group = Group.of("u1 e1 d1 d2", ("u1 d1", 9), ("e1 d2", 8), ("d1 d2", 7), excluded="u1-e1")

    assert outcome(group, bounds()) == (["d1 u1", "d2 e1"], ["exclude d1 d2"])


def test_an_exclude_holds_for_all_that_its_ends_have_joined_in_either_order() -> None:
    # then d1 and d2 are merged into larger sets on both sides before they meet
    group = Group.of(
        "u1 d1 d2 d3 u2 d4 d5 e1", ("u1 d1", 9), ("u1 d2", 8), ("u1 d3", 7), ("u2 d4", 9), ("u2 d5", 8), ("u2 e1", 9),
        ("d3 d5", 1), ("e1 d1", 1), excluded="d2-d4",
    )  # fmt: skip

    assert outcome(group, bounds()) == (["d1 d2 d3 u1", "d4 d5 e1 u2"], ["exclude d1 e1", "exclude d3 d5"])


def test_excludes_of_one_side_do_not_keep_others_apart() -> None:
    group = Group.of("u1 u2 d1 e1", ("u1 d1", 1), ("u2 e1", 1), ("u1 e1", 2), excluded="u1-u2")

    assert outcome(group, bounds()) == (["d1 e1 u1", "u2"], ["exclude e1 u2"])


def test_an_alias_class_counts_once_for_unique_and_for_limits() -> None:
    group = Group.of("u1 u2 u3 d1", ("u1 d1", 3), ("u2 d1", 2), ("u3 d1", 1), aliases="u1=u2")

    assert outcome(group, bounds("u")) == (["d1 u1 u2", "u3"], ["unique d1 u3"])
    assert outcome(group, bounds(u=1)) == (["d1 u1 u2", "u3"], ["limit d1 u3"])
    assert outcome(group, bounds(u=2)) == (["d1 u1 u2 u3"], [])


def test_an_alias_class_counts_as_identifiers_for_the_size() -> None:
    group = Group.of("u1 u2 d1", ("u1 d1", 2), ("u2 d1", 1), aliases="u1=u2")

    assert outcome(group, bounds("u", max_identifiers=2)) == (["d1 u1", "u2"], ["size d1 u2"])


def test_a_side_that_holds_too_much_already_takes_what_adds_nothing() -> None:
    group = Group.of("u1 u2 u3 u4 d1", ("u1 d1", 5), ("u3 d1", 4), ("u4 d1", 6), aliases="u1=u3")
    group.evidence.append(group.edge("u1 u2", None, include=True))

    # then u3 is a value that the pair of u1 and u2 has, u4 is one that it has not
    assert outcome(group, bounds("u")) == (["d1 u4", "u1 u2", "u3"], ["unique d1 u1", "unique d1 u3"])
    group.evidence[2] = group.edge("u4 d1", 1)
    assert outcome(group, bounds("u")) == (["d1 u1 u2 u3", "u4"], ["unique d1 u4"])


def test_a_manual_include_outranks_every_bound_but_no_exclude() -> None:
    group = Group.of("u1 u2 d1 d2", ("u1 d1", 1), ("u2 d2", 1))
    group.evidence.append(group.edge("u1 u2", None, include=True))

    assert outcome(group, bounds("u", u=1, max_identifiers=1)) == (
        ["d1", "d2", "u1 u2"], ["size d1 u1", "size d2 u2"],
    )  # fmt: skip
    group.excluded = [group.pair("u1 d2"), group.pair("d1 u2")]
    assert outcome(group, bounds()) == (["d1", "d2", "u1 u2"], ["exclude d1 u1", "exclude d2 u2"])
    group.excluded = [group.pair("u1 u2")]
    assert outcome(group, bounds()) == (["d1 u1", "d2 u2"], ["exclude u1 u2"])


@pytest.mark.parametrize(
    ("excluded", "limits", "rule"),
    [
        ("u1-u2", bounds("u", u=1, max_identifiers=1), "exclude"),
        ("", bounds("u", u=1, max_identifiers=1), "unique"),
        ("", bounds(u=1, max_identifiers=1), "limit"),
        ("", bounds(max_identifiers=1), "size"),
    ],
)
def test_the_first_rule_that_is_broken_names_the_refusal(excluded: str, limits: Bounds, rule: str) -> None:
    group = Group.of("u1 u2", ("u1 u2", 1), excluded=excluded)

    assert outcome(group, limits) == (["u1", "u2"], [f"{rule} u1 u2"])


def test_a_refusal_does_not_hold_where_later_edges_join_its_ends() -> None:
    # given u3 renames u1 and u4 renames u2, when the pair of u1 and u2 takes both after they were kept apart
    group = Group.of("u1 u2 u3 u4", ("u3 u4", 9), ("u1 u3", 5), ("u2 u4", 4), aliases="u1=u3 u2=u4")
    assert outcome(group, bounds("u"))[1] == ["unique u3 u4"]

    group.evidence.append(group.edge("u1 u2", None, include=True))

    assert outcome(group, bounds("u")) == (["u1 u2 u3 u4"], [])


def test_a_pair_that_has_grown_since_it_was_refused_is_judged_anew() -> None:
    browsers = [f"b{n}" for n in range(40)]
    group = Group.of(" ".join(["u1", "u2", *browsers, "d1", "d2"]))
    group.evidence = [group.edge(f"u{1 + n % 2} b{n}", 9) for n in range(40)]
    for priority, names in enumerate(["b0 b1", "b0 d1", "b1 d2", "b2 b3"], start=1):
        group.evidence.append(group.edge(names, 1, priority=priority))

    assert outcome(group, bounds(d=1, max_identifiers=41))[1] == ["limit b2 b3", "size b0 b1"]


def test_refusals_name_the_smaller_number_first_and_keep_the_order_in_which_they_were_tried() -> None:
    group = Group.of(
        "d1 u1 u2 u3",
        Evidence(4, 1, 9, None, (3, b"")),
        Evidence(2, 1, 9, None, (2, b"")),
        Evidence(3, 1, 9, None, (1, b"")),
    )

    assert [(r.src, r.dst, r.rule) for r in replayed(group, bounds("u")).refused] == [
        (1, 2, "unique"),
        (1, 3, "unique"),
    ]


def test_identifiers_without_an_edge_are_components_of_their_own() -> None:
    assert outcome(Group.of("u1 d1"), bounds("u")) == (["d1", "u1"], [])
    assert replay([], [], [], bounds("u")) == Replayed({}, [])


# --- which components are replayed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        (Group.of("u1 u2 d1"), bounds("u"), True),
        (Group.of("u1 u2 d1", aliases="u1=u2"), bounds("u"), False),
        (Group.of("u1 d1 d2"), bounds("u", d=1), True),
        (Group.of("u1 d1 d2"), bounds("u", d=2), False),
        (Group.of("u1 d1 d2"), bounds(max_identifiers=2), True),
        (Group.of("u1 d1 d2"), bounds(max_identifiers=3), False),
        (Group.of("u1 d1", excluded="u1-d1"), bounds(), True),
    ],
)
def test_a_component_is_replayed_where_it_cannot_be_one_person(group: Group, limits: Bounds, *, expected: bool) -> None:
    assert breaks_bounds(group.vertices, group.excluded, limits) is expected


def test_an_exclude_that_reaches_out_of_a_component_does_not_break_it() -> None:
    assert not breaks_bounds(Group.of("u1 d1").vertices, [(1, 77), (77, 78)], bounds("u"))


# --- any group ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", range(6))
def test_random_groups_are_replayed_as_by_the_plain_definition(block: int) -> None:
    for seed in range(block * 500, block * 500 + 500):
        chance = Random(seed)
        group, limits = random_group(chance), random_bounds(chance)
        vertices = {vertex.identifier_id: vertex for vertex in group.vertices}

        found = replayed(group, limits)

        assert admission_order(vertices, group.evidence, limits.conflict) == order_plainly(
            vertices, group.evidence, limits
        ), seed
        assert found == replay_plainly(group, limits), seed
        assert breaks_bounds(group.vertices, group.excluded, limits) or not found.refused, seed


def test_people_of_many_devices_that_meet_again_and_again_are_kept_apart_as_by_the_plain_definition() -> None:
    for seed in range(30):
        chance = Random(seed)
        group = random_crowd(chance)
        limits = bounds(
            d=chance.randint(20, 40), b=chance.randint(8, 16), max_identifiers=chance.choice([40, 60, 1000])
        )

        assert replayed(group, limits) == replay_plainly(group, limits), seed


@pytest.mark.parametrize("block", range(2))
def test_neither_the_order_of_input_nor_numbers_decide_anything(block: int) -> None:
    for seed in range(block * 500, block * 500 + 500):
        chance = Random(seed)
        group, limits = random_group(chance), random_bounds(chance)
        expected = outcome(group, limits), flags(group, limits)

        other = group.renumbered(chance)
        chance.shuffle(other.evidence)
        chance.shuffle(other.excluded)
        other.number = dict(chance.sample(list(other.number.items()), len(other.number)))

        assert (outcome(other, limits), flags(other, limits)) == expected, seed
        assert replayed(other, limits) == replay_plainly(other, limits), seed
