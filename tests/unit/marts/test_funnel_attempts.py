"""The farthest attempt in one pass, against trying every one."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from oneuser.marts.funnels.attempts import best_attempt, find_attempts, step_events_of
from tests.oracle.attempts import farthest_attempt

MODES = ("ordered", "strict", "any_order")


def newest_first(events: list[Any]) -> list[Any]:
    packed = [(at, place, sum(1 << step for step in steps), value) for at, place, steps, value in events]
    return sorted(packed, key=lambda event: (event[0], event[1] or b""), reverse=True)


def random_events(chance: random.Random, n_steps: int, *, is_ordered: bool) -> list[Any]:
    """Several in most instants; some are two steps at once."""
    places = chance.sample(range(256), 30)
    return [
        (
            chance.randrange(12),
            bytes([places[n]]) if is_ordered else None,
            frozenset(chance.sample(range(n_steps), chance.choice([1, 1, 1, 2]) if n_steps > 1 else 1)),
            chance.choice([None, "a", "b"]),
        )
        for n in range(chance.randrange(1, 30))
    ]


@pytest.mark.parametrize("mode", MODES)
def test_the_farthest_attempt_is_that_of_trying_every_one(mode: Any) -> None:
    for seed in range(3000):
        chance = random.Random(seed)
        n_steps, window = chance.randrange(1, 5), chance.choice([None, 0, 1, 3, 8])
        events = random_events(chance, n_steps, is_ordered=chance.random() < 0.5)

        found = best_attempt(newest_first(events), n_steps=n_steps, window=window, mode=mode)

        assert found == farthest_attempt(events, n_steps=n_steps, window=window, mode=mode), seed


def step(at: int, number: int, value: str | None = None) -> Any:
    return (at, None, frozenset([number - 1]), value)


@pytest.mark.parametrize(
    ("events", "mode", "window", "expected"),
    [
        # the second attempt gets farther than the first, whose window is over
        ([step(0, 1, "a"), step(9, 1, "b"), step(10, 2)], "ordered", 5, ([9, 10], "b")),
        # of equals the earliest; the window is closed
        ([step(0, 1, "a"), step(1, 1, "b"), step(5, 2)], "ordered", 5, ([0, 5], "a")),
        # what comes in the same instant does not come after
        ([step(0, 1), step(0, 2), step(3, 3)], "ordered", None, ([0], None)),
        ([step(0, 1), step(1, 3), step(2, 2), step(3, 3)], "ordered", None, ([0, 2, 3], None)),
        ([step(0, 1), step(1, 3), step(2, 2), step(3, 3)], "strict", None, ([0], None)),
        # a step done again is a step in between
        ([step(0, 1), step(1, 2), step(2, 2), step(3, 3)], "strict", None, ([0, 1], None)),
        ([step(0, 1), step(1, 1), step(2, 2), step(3, 3)], "strict", None, ([1, 2, 3], None)),
        ([step(0, 3), step(1, 1), step(2, 2)], "any_order", None, ([0, 1, 2], None)),
        ([step(0, 2), step(1, 3)], "ordered", None, None),
    ],
)
def test_attempts_are_as_the_definition_has_them(events: Any, mode: Any, window: Any, expected: Any) -> None:
    assert best_attempt(newest_first(events), n_steps=3, window=window, mode=mode) == expected


def test_an_entity_may_be_spread_over_batches() -> None:
    rows = [("u", at, None, 1 << (2 - at), None) for at in (2, 1, 0)] + [("v", 5, None, 1, "x")]
    shape = step_events_of("string")
    batches = [shape.batch_of([row]) for row in rows]
    assert shape.arrow == batches[0].schema

    found = find_attempts(batches, n_steps=3, window=None, mode="any_order", entity_type="string")

    assert pa.Table.from_batches(list(found)).to_pylist() == [
        {"entity_id": "u", "times": [0, 1, 2], "by_value": None},
        {"entity_id": "v", "times": [5], "by_value": "x"},
    ]
