"""Shapley values against every order of the channels in fractions; drawn orders against exact values."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from oneuser.marts.attribution.fitted.shapley import solve_shapley_values
from tests.oracle import fitted as oracle

Counts = dict[tuple[str, ...], tuple[int, int]]
MANY = [f"channel {number:02}" for number in range(14)]


def counts_of(paths: oracle.Paths) -> Counts:
    counts: Counts = {}
    for path, numbers in paths.items():
        channels = tuple(sorted(set(path)))
        before = counts.get(channels, (0, 0))
        counts[channels] = (before[0] + numbers[0], before[1] + numbers[1])
    return counts


def exact(counts: Counts) -> dict[str, float]:
    return solve_shapley_values(counts, exact_up_to=14, samples=1, seed=0)


def drawn(counts: Counts, *, samples: int = 2000, seed: int = 0) -> dict[str, float]:
    return solve_shapley_values(counts, exact_up_to=0, samples=samples, seed=seed)


def test_values_are_the_average_over_all_orders() -> None:
    chance = Random(1)
    for n_channels in (1, 2, 3, 5):
        for n_paths in (1, 4, 30):
            paths = oracle.random_paths(chance, "abcde"[:n_channels], n_paths=n_paths)
            expected = {one: float(value) for one, value in oracle.shapley_values(paths).items()}

            found = exact(counts_of(paths))

            assert found == pytest.approx(expected, abs=1e-14)
            assert list(found) == list(expected)
            assert [value == 0 for value in found.values()] == [value == 0 for value in expected.values()]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({("A",): (1, 4)}, {"A": 0.25}),
        # alone A converts one in ten, B never, together they convert one in two: of 40 journeys 11 convert
        ({("A",): (1, 10), ("B",): (0, 10), ("A", "B"): (10, 20)}, {"A": 0.1875, "B": 0.0875}),
        # B takes away more than it brings
        ({("A",): (8, 10), ("A", "B"): (0, 10)}, {"A": 0.6, "B": -0.2}),
        ({("A",): (0, 10), ("A", "B"): (0, 3)}, {"A": 0.0, "B": 0.0}),
        ({("A",): (9, 9), ("B",): (3, 3)}, {"A": 0.5, "B": 0.5}),
        ({}, {}),
    ],
)
def test_examples_worked_out_by_hand(counts: Counts, expected: dict[str, float]) -> None:
    assert exact(counts) == pytest.approx(expected, abs=1e-15)


def test_drawn_orders_come_near_and_add_up() -> None:
    counts = counts_of(oracle.random_paths(Random(2), MANY, n_paths=200, longest=5))
    of_all = sum(n for n, _ in counts.values()) / sum(n for _, n in counts.values())

    expected, found = exact(counts), drawn(counts)

    assert len(found) == len(MANY)
    assert found == pytest.approx(expected, abs=0.02)
    assert sum(found.values()) == pytest.approx(of_all, abs=1e-12)
    assert sum(expected.values()) == pytest.approx(of_all, abs=1e-12)
    assert min(expected.values()) < 0, "or nothing shows that values below 0 stay"


def test_the_same_seed_draws_the_same_in_whatever_order_counts_come() -> None:
    counts = counts_of(oracle.random_paths(Random(3), MANY, n_paths=100))
    shuffled = dict(Random(4).sample(list(counts.items()), len(counts)))

    assert drawn(counts, samples=20) == drawn(shuffled, samples=20)
    assert drawn(counts, samples=20) != drawn(counts, samples=20, seed=1)
    assert exact(counts) == exact(shuffled)


def test_channels_up_to_the_limit_are_counted_exactly() -> None:
    counts = counts_of(oracle.random_paths(Random(5), "abcdef", n_paths=60))

    at_limit, above = (solve_shapley_values(counts, exact_up_to=limit, samples=3, seed=0) for limit in (6, 5))

    assert at_limit == exact(counts)
    assert above == drawn(counts, samples=3)
    assert above != at_limit


@pytest.mark.parametrize("solve", [exact, drawn])
def test_a_channel_that_changes_no_rate_has_exactly_0(solve: Callable[[Counts], dict[str, float]]) -> None:
    counts = {("A",): (1, 3), ("A", "Z"): (10, 30), ("A", "B"): (2, 7), ("A", "B", "Z"): (20, 70)}

    assert solve(counts)["Z"] == 0


def test_what_only_rounding_leaves_is_0_and_not_a_value() -> None:
    # first Z brings .1, last it takes as much away; in doubles .1 and .3 - .2 differ
    counts = {("A",): (3, 10), ("Z",): (1, 10), ("A", "Z"): (1, 5)}

    assert exact(counts) == {"A": pytest.approx(0.2), "Z": 0}
