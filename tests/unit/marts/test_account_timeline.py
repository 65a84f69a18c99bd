"""Memberships of one person: literal stories, and random ones against a replay of every instant."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import get_args

import pytest

from oneuser.marts.accounts.hierarchy import BEGINNING, END
from oneuser.marts.accounts.timeline import (
    HOLDS,
    JOINS,
    LEAVES,
    MENTIONS,
    SOURCES,
    MembershipRules,
    Primary,
    Source,
    Statement,
    Stretch,
    resolve_memberships,
)

LAST = 12
SEVERAL = MembershipRules(is_single=False)


def joins(at: int, account: str, key: bytes = b"") -> Statement:
    return Statement(JOINS, "group", account, at=at, event_order=key)


def leaves(at: int, account: str, key: bytes = b"") -> Statement:
    return Statement(LEAVES, "group", account, at=at, event_order=key)


def holds(source: Source, account: str, at: int, until: int = END, said_at: int | None = None) -> Statement:
    return Statement(HOLDS, source, account, at=at, until=until, said_at=at if said_at is None else said_at)


def primaries(statements: list[Statement], rules: MembershipRules) -> list[tuple[str, int, int]]:
    stretches = resolve_memberships(statements, rules)
    return sorted(((s.account_id, s.valid_from, s.valid_to) for s in stretches if s.is_primary), key=lambda s: s[1])


def test_nothing_said_is_no_membership() -> None:
    assert resolve_memberships([], SEVERAL) == []
    assert resolve_memberships([leaves(3, "a"), Statement(MENTIONS, "group", "a", n_events=7)], SEVERAL) == []


def test_one_account_at_a_time_is_the_last_one_joined() -> None:
    said = [joins(1, "a"), joins(2, "a"), joins(4, "b"), joins(6, "a")]

    assert resolve_memberships(said, MembershipRules()) == [
        Stretch("a", "group", True, 1, 4),
        Stretch("a", "group", True, 6, END),
        Stretch("b", "group", True, 4, 6),
    ]


def test_several_accounts_stay_and_the_latest_is_primary() -> None:
    said = [joins(1, "a"), joins(4, "b"), joins(6, "a")]

    assert resolve_memberships(said, SEVERAL) == [
        Stretch("a", "group", True, 1, 4),
        Stretch("a", "group", False, 4, 6),
        Stretch("a", "group", True, 6, END),
        Stretch("b", "group", True, 4, 6),
        Stretch("b", "group", False, 6, END),
    ]


def test_leaving_ends_a_membership_and_the_one_before_is_primary_again() -> None:
    said = [joins(1, "a"), joins(4, "b"), leaves(7, "b"), leaves(8, "unknown")]

    assert primaries(said, SEVERAL) == [("a", 1, 4), ("b", 4, 7), ("a", 7, END)]
    # with one account at a time, joining b ended a
    assert primaries(said, MembershipRules()) == [("a", 1, 4), ("b", 4, 7)]
    # and leaving what was left already changes nothing
    assert primaries([joins(1, "a"), joins(4, "b"), leaves(7, "a")], MembershipRules()) == [("a", 1, 4), ("b", 4, END)]


def test_in_one_instant_the_last_message_is_the_latest() -> None:
    said = [joins(1, "a", b"\x02"), joins(1, "b", b"\x01"), joins(1, "c", b"\xff")]

    assert primaries(said, SEVERAL) == [("c", 1, END)]
    assert {s.account_id for s in resolve_memberships(said, SEVERAL)} == {"a", "b", "c"}
    assert resolve_memberships(said, MembershipRules()) == [Stretch("c", "group", True, 1, END)]


def test_left_and_joined_again_in_one_instant_was_never_left() -> None:
    said = [joins(1, "a"), joins(3, "b"), leaves(5, "a", b"\x01"), joins(5, "a", b"\x02")]

    assert primaries(said, MembershipRules(is_single=False, primary="first")) == [("a", 1, END)]
    # the other order leaves it
    other = [joins(1, "a"), joins(3, "b"), joins(5, "a", b"\x01"), leaves(5, "a", b"\x02")]
    assert primaries(other, MembershipRules(is_single=False, primary="first")) == [("a", 1, 5), ("b", 5, END)]


def test_the_first_or_the_most_named_account_may_be_primary() -> None:
    said = [joins(1, "a"), joins(2, "b"), joins(3, "c"), Statement(MENTIONS, "group", "b", n_events=9)]

    assert primaries(said, MembershipRules(is_single=False, primary="first")) == [("a", 1, END)]
    assert primaries(said, MembershipRules(is_single=False, primary="most_events")) == [("a", 1, 2), ("b", 2, END)]


def test_a_tie_goes_to_the_smaller_account() -> None:
    said = [holds("file", "b", BEGINNING), holds("file", "a", BEGINNING)]

    for primary in get_args(Primary):
        assert primaries(said, MembershipRules(is_single=False, primary=primary)) == [("a", BEGINNING, END)]


def test_a_stronger_source_is_primary_while_it_lasts_whatever_is_later() -> None:
    said = [holds("domain", "d", BEGINNING, said_at=2), joins(3, "g"), holds("file", "f", 1, 5)]

    assert primaries(said, SEVERAL) == [("d", BEGINNING, 1), ("f", 1, 5), ("g", 5, END)]
    assert primaries(said, MembershipRules(source_order=("domain", "group", "file"))) == [("d", BEGINNING, END)]


def test_an_account_named_by_two_sources_is_one_stretch_of_the_stronger() -> None:
    said = [holds("domain", "a", BEGINNING), holds("file", "a", 2, 6), joins(4, "a")]

    assert resolve_memberships(said, SEVERAL) == [
        Stretch("a", "domain", True, BEGINNING, 2),
        Stretch("a", "file", True, 2, 6),
        Stretch("a", "group", True, 6, END),
    ]


def test_periods_that_touch_or_overlap_are_one_stretch() -> None:
    said = [holds("file", "a", 1, 3), holds("file", "a", 3, 5), holds("file", "a", 4, 8), holds("file", "a", 4, 8)]

    assert resolve_memberships(said, SEVERAL) == [Stretch("a", "file", True, 1, 8)]


# by instants ---------------------------------------------------------------------------------------------------------


def random_story(seed: int) -> list[Statement]:
    chance = random.Random(seed)
    story: list[Statement] = []
    for number in range(chance.randrange(1, 14)):
        account, at = chance.choice("abcd"), chance.randrange(LAST)
        key = number.to_bytes(2, "big") if chance.random() < 0.5 else (200 - number).to_bytes(2, "big")
        kind = chance.choice([JOINS, JOINS, LEAVES, HOLDS, MENTIONS])
        if kind == HOLDS:
            start = chance.choice([BEGINNING, at])
            story.append(
                holds(chance.choice(["file", "domain"]), account, start, chance.choice([END, at + 1, LAST]), said_at=at)
            )
        elif kind == MENTIONS:
            story.append(Statement(MENTIONS, "group", account, n_events=chance.randrange(5)))
        else:
            story.append(Statement(kind, "group", account, at=at, event_order=key))
    return story


def accounts_at(story: list[Statement], rules: MembershipRules, at: int) -> dict[str, tuple[str, bool]]:
    """Everything said up to an instant, replayed; a rejoining in the instant of leaving keeps its beginning."""
    messages = sorted(
        (s for s in story if s.kind in {JOINS, LEAVES} and s.at <= at), key=lambda s: (s.at, s.event_order)
    )
    began: dict[str, int] = {}
    said: dict[str, tuple[int, bytes]] = {}
    for instant in sorted({message.at for message in messages}):
        before = dict(began)
        for message in messages:
            if message.at != instant:
                continue
            others = [name for name in began if rules.is_single or message.kind == LEAVES]
            for name in others:
                if message.kind == JOINS or name == message.account_id:
                    del began[name]
            if message.kind == JOINS:
                began[message.account_id] = before.get(message.account_id, instant)
                said[message.account_id] = (instant, message.event_order)
    claims = [("group", name, began[name], said[name]) for name in began]
    claims += [
        (s.source, s.account_id, s.at, (s.said_at, b"")) for s in story if s.kind == HOLDS and s.at <= at < s.until
    ]
    best: dict[str, str] = {
        name: min((c[0] for c in claims if c[1] == name), key=rules.source_order.index)
        for name in {c[1] for c in claims}
    }

    def merit(name: str) -> tuple[object, ...]:
        own = [c for c in claims if c[1] == name and c[0] == best[name]]
        counted = sum(s.n_events for s in story if s.account_id == name)
        rule = {"latest": 0, "first": -min(c[2] for c in own), "most_events": counted}[rules.primary]
        return -rules.source_order.index(best[name]), rule, max(c[3] for c in own)  # type: ignore[arg-type]

    if not best:
        return {}
    highest = max(merit(name) for name in best)  # type: ignore[type-var]
    primary = min(name for name in best if merit(name) == highest)
    return {name: (best[name], name == primary) for name in best if name == primary or not rules.is_single}


@pytest.mark.parametrize("primary", get_args(Primary))
@pytest.mark.parametrize("is_single", [True, False])
def test_stretches_are_those_of_a_replay_of_every_instant(primary: Primary, *, is_single: bool) -> None:
    for seed in range(200):
        story = random_story(seed)
        order = tuple(random.Random(seed).sample(SOURCES, len(SOURCES)))
        rules = MembershipRules(is_single=is_single, primary=primary, source_order=order)

        stretches = resolve_memberships(story, rules)

        for at in [BEGINNING, *range(LAST + 2)]:
            found = [s for s in stretches if s.valid_from <= at < s.valid_to]
            assert len({s.account_id for s in found}) == len(found)
            assert {s.account_id: (s.source, s.is_primary) for s in found} == accounts_at(story, rules, at), (seed, at)
        # no stretch could go on in the next, and the order in which things are told does not matter
        touching = [(one, other) for one, other in pairwise(stretches) if one[0] == other[0] and one[4] == other[3]]
        assert all(one[1:3] != other[1:3] for one, other in touching)
        assert resolve_memberships(random.Random(seed).sample(story, len(story)), rules) == stretches
