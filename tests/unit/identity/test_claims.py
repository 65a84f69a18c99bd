"""Whose a contested identifier is, and from when."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from oneuser.identity import claims_rows as shape
from oneuser.identity.claims import ClaimEvent, Companion, Contested, Interval, Policy, apply_policy, divide
from oneuser.identity.claims_rows import divide_batches

# type by the first letter: priority, whether it is known
TYPES = {"u": (1, True), "e": (2, True), "p": (3, True), "d": (8, False), "b": (9, False)}
# a component by the identifier's number: u1, e1 and d1 are of component 1
DEVICE = Contested(900, 90, 8, is_known=False)
EMAIL = Contested(901, 90, 2, is_known=True)
PHONE = Contested(902, 90, 3, is_known=True)


def carrier(name: str) -> Companion:
    priority, is_known = TYPES[name[0]]
    return Companion(ord(name[0]) * 100 + int(name[1:]), int(name[1:]), priority, name, is_known)


def event(at: int, names: str, message: bytes = b"m") -> ClaimEvent:
    return ClaimEvent((at, message), tuple(map(carrier, names.split())))


def owners(contested: Contested, *events: ClaimEvent) -> list[tuple[int | None, int | None]]:
    """When each interval starts, and its owner."""
    return [(span.start and span.start[0], span.owner) for span in divide(contested, events)]


def test_the_component_of_each_login_owns_a_device_until_the_next_one_logs_in() -> None:
    events = [event(1, "u1"), event(3, "u2"), event(5, "u1")]

    # then the first owner had it before, too
    assert owners(DEVICE, *events) == [(None, 1), (3, 2), (5, 1)]


def test_an_interval_begins_at_the_instant_of_its_claim_and_of_two_claims_in_one_the_later_one_stands() -> None:
    events = [event(1, "u1", b"a"), event(2, "u2", b"b"), event(2, "u3", b"\xff"), event(2, "u1", b"a")]

    before, after = divide(DEVICE, events)

    assert (before, after) == (Interval(None, 1), Interval((2, b"\xff"), 3))
    assert [after.has_begun(instant) for instant in (1, 2, 3)] == [False, True, True]
    assert before.has_begun(-1)
    assert divide(DEVICE, events[1:]) == [Interval(None, 3)]


def test_neighbours_of_one_owner_are_one_interval() -> None:
    # given two claimants of one component
    events = [event(1, "u1"), event(2, "e1"), event(3, "u1"), event(4, "e2"), event(5, "u2")]

    assert owners(DEVICE, *events) == [(None, 1), (4, 2)]


def test_the_claimant_is_the_best_other_by_type_then_by_key() -> None:
    assert owners(DEVICE, event(1, "e1 u2 p3")) == [(None, 2)]
    assert owners(DEVICE, event(1, "e3 e2 d1")) == [(None, 2)]


def test_a_device_is_claimed_by_known_identifiers_alone_where_there_are_any() -> None:
    assert owners(DEVICE, event(1, "d1"), event(2, "u2"), event(3, "d3")) == [(None, 2)]


def test_a_known_identifier_is_claimed_by_known_ones_of_a_stronger_type_alone() -> None:
    events = [event(1, "p1"), event(2, "u2"), event(3, "p3 d3"), event(4, "e4")]

    assert owners(EMAIL, *events) == [(None, 2)]
    assert owners(PHONE, *events) == [(None, 2), (4, 4)]


def test_without_any_claim_whatever_it_was_carried_with_counts() -> None:
    assert owners(EMAIL, event(1, "p1"), event(2, "d2"), event(3, "d2 p3")) == [(None, 1), (2, 2), (3, 3)]
    assert owners(DEVICE, event(1, "d1"), event(2, "b2")) == [(None, 1), (2, 2)]


def test_an_anonymous_type_of_strong_priority_makes_no_claim_but_is_the_best_beside_a_known_one() -> None:
    strong = Companion(1, 1, 0, "x", is_known=False)

    assert owners(DEVICE, ClaimEvent((1, b"m"), (strong,)), event(2, "u2")) == [(None, 2)]
    assert owners(DEVICE, ClaimEvent((1, b"m"), (strong, carrier("u2")))) == [(None, 1)]


def test_without_any_event_its_own_component_owns_it() -> None:
    assert divide(DEVICE, []) == [Interval(None, 90)]
    assert divide(DEVICE, [ClaimEvent((1, b"m"), ())]) == [Interval(None, 90)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("time_sliced", [Interval(None, 1), Interval((3, b"m"), 2)]),
        ("last_owner", [Interval(None, 2)]),
        ("quarantine", [Interval(None, None)]),
    ],
)
def test_policies_keep_the_slices_or_give_all_time_to_the_last_owner_or_to_nobody(
    policy: Policy, expected: list[Interval]
) -> None:
    assert apply_policy(divide(DEVICE, [event(1, "u1"), event(3, "u2")]), policy) == expected


# --- any events ---------------------------------------------------------------------------------------------------


def random_events(chance: Random) -> list[ClaimEvent]:
    letters = chance.choice(["ud", "uepdb", "db", "pdb", "epd"])
    moments = {(chance.randrange(8), chance.choice([b"", b"a", b"a\0", b"b"])) for _ in range(chance.randint(0, 12))}
    return [
        event(
            at, " ".join({f"{chance.choice(letters)}{chance.randint(1, 4)}" for _ in range(chance.randint(1, 3))}), key
        )
        for at, key in moments
    ]


def owner_at(contested: Contested, events: list[ClaimEvent], instant: int) -> int:
    """The owner at an instant, looked up among all events without intervals."""

    def claims(event: ClaimEvent) -> bool:
        known = [other for other in event.others if other.is_known]
        return any(not contested.is_known or other.priority < contested.priority for other in known)

    counting = [event for event in events if claims(event)] or events
    if not counting:
        return contested.component_id
    until = max(instant, min(event.at[0] for event in counting))
    event = max((event for event in counting if event.at[0] <= until), key=lambda e: e.at)
    return min(event.others, key=lambda other: (other.priority, other.key_rank)).component_id


def test_intervals_say_who_owns_it_at_every_instant_whatever_the_order_of_events() -> None:
    for seed in range(2_000):
        chance = Random(seed)
        contested, events = chance.choice([DEVICE, EMAIL, PHONE]), random_events(chance)
        shuffled = [ClaimEvent(e.at, tuple(chance.sample(e.others, len(e.others)))) for e in events]
        chance.shuffle(shuffled)

        intervals = divide(contested, shuffled)

        assert intervals[0].start is None
        starts = [interval.start for interval in intervals[1:] if interval.start]
        assert len(starts) == len(intervals) - 1
        assert starts == sorted(set(starts))
        assert all(one.owner != other.owner for one, other in pairwise(intervals))
        for instant in range(-1, 9):
            current = [interval for interval in intervals if interval.has_begun(instant)][-1]
            assert current.owner == owner_at(contested, events, instant), seed


# --- in batches ---------------------------------------------------------------------------------------------------


def rows_of(contested: Contested, events: list[ClaimEvent], chance: Random) -> list[dict[str, Any]]:
    """Rows in order of the events; ranks are places among the keys of the event."""
    mine = {name: getattr(contested, name) for name in ("identifier_id", "component_id", "priority", "is_known")}
    rows = []
    for at in sorted(events, key=lambda event: event.at):
        keys = sorted(other.key_rank for other in at.others)
        rows += [
            {
                **mine, "event_time": at.at[0], "event_order": at.at[1], "other_id": other.identifier_id,
                "other_component": other.component_id, "other_priority": other.priority,
                "other_rank": keys.index(other.key_rank), "other_is_known": other.is_known,
            }
            for other in chance.sample(at.others, len(at.others))
        ]  # fmt: skip
    return rows or [mine]


def as_batches(rows: list[dict[str, Any]], cuts: list[int]) -> Iterator[pa.RecordBatch]:
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in shape.ROWS.arrow]
    whole = pa.RecordBatch.from_arrays(columns, schema=shape.ROWS.arrow)
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        yield whole.slice(start, stop - start)


def divided(batches: Iterator[pa.RecordBatch], policy: Policy) -> list[dict[str, Any]]:
    found = []
    for batch in divide_batches(batches, policy):
        assert batch.schema == shape.INTERVALS.arrow
        for name in ("valid_from", "valid_to"):
            place = batch.schema.get_field_index(name)
            batch = batch.set_column(place, name, batch.column(place).cast(pa.int64()))  # noqa: PLW2901
        found += batch.to_pylist()
    return found


def interval_rows(contested: Contested, events: list[ClaimEvent], policy: Policy) -> list[dict[str, Any]]:
    slices = divide(contested, events)
    spans = apply_policy(slices, policy)
    nowhere = (None, None)
    rows = []
    for number, span in enumerate(spans):
        start = span.start or nowhere
        end = (spans[number + 1].start if number + 1 < len(spans) else None) or nowhere
        rows.append(
            {
                "identifier_id": contested.identifier_id, "interval": number, "owner_component": span.owner,
                "valid_from": start[0], "valid_from_event_order": start[1],
                "valid_to": end[0], "valid_to_event_order": end[1],
                "owners_over_time": [part.owner for part in slices] if number == 0 else None,
            }
        )  # fmt: skip
    return rows


@pytest.mark.parametrize("policy", ["time_sliced", "last_owner", "quarantine"])
def test_identifiers_in_batches_cut_anywhere_are_divided_as_one_by_one(policy: Policy) -> None:
    for seed in range(150):
        chance = Random(seed)
        rows: list[dict[str, Any]] = []
        expected: list[dict[str, Any]] = []
        for number in chance.sample(range(100), chance.randint(1, 8)):
            kind = chance.choice([DEVICE, EMAIL, PHONE])
            contested = Contested(number, chance.randint(1, 4), kind.priority, kind.is_known)
            events = random_events(chance)
            rows += rows_of(contested, events, chance)
            expected += interval_rows(contested, events, policy)
        cuts = sorted(chance.randint(0, len(rows)) for _ in range(chance.randint(0, 8)))

        assert divided(as_batches(rows, cuts), policy) == expected, seed


def test_the_home_component_follows_from_all_owners_whatever_the_policy() -> None:
    rows = rows_of(DEVICE, [event(1, "u1"), event(2, "u2"), event(3, "u1")], Random(0))

    found = divided(as_batches(rows, []), "quarantine")

    assert [(row["owner_component"], row["valid_from"], row["valid_to"], row["owners_over_time"]) for row in found] == [
        (None, None, None, [1, 2, 1])
    ]


def test_no_rows_are_no_intervals() -> None:
    assert divided(iter([]), "time_sliced") == []
    assert divided(as_batches([], []), "time_sliced") == []
