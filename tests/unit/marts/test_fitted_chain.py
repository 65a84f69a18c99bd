"""Removal effects against iteration over random paths, and against examples worked out by hand."""

from __future__ import annotations

from random import Random

import pytest

from oneuser.core.errors import CheckError
from oneuser.marts.attribution.fitted.chain import START, End, State, solve_removal_effects
from tests.oracle import fitted as oracle

Weights = dict[tuple[State, State | End], float]
ENDS = {oracle.CONVERTED: End.CONVERSION, oracle.LOST: End.NULL}


def weights_of(paths: oracle.Paths, order: int = 1) -> Weights:
    """What the oracle counts, with states that are shorter before there were enough touches."""

    def state(one: State | str) -> State | End:
        return ENDS[one] if isinstance(one, str) else tuple(channel for channel in one if channel != oracle.BEFORE)

    counts = oracle.count_transitions(paths, order)
    return {(state(one), state(following)): n for (one, following), n in counts.items()}  # type: ignore[misc]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_removal_effects_are_what_removing_costs(order: int) -> None:
    chance = Random(order)
    for n_channels in (1, 2, 4, 6):
        for n_paths in (1, 5, 40):
            paths = oracle.random_paths(chance, "abcdef"[:n_channels], n_paths=n_paths)

            found = solve_removal_effects(weights_of(paths, order))

            assert found == pytest.approx(oracle.removal_effects(paths, order), abs=1e-10)
            assert list(found) == oracle.channels_of(paths)
            # who converts has come to a channel
            assert sum(found.values()) >= 1 - 1e-9 or not any(n for n, _ in paths.values())


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        # two ways to convert, of which each channel alone is on one
        ({("A",): (1, 2), ("B",): (1, 2)}, {"A": 0.5, "B": 0.5}),
        # the example that explanations of the model begin with
        ({("A", "B", "C"): (1, 1), ("A",): (0, 1), ("B", "C"): (0, 1)}, {"A": 0.5, "B": 1.0, "C": 1.0}),
        # a third of those who come to A go on to B, from which half convert; so do half of the rest
        ({("A", "B"): (1, 2), ("A",): (2, 4)}, {"A": 1.0, "B": 1 / 3}),
        # A follows itself half the time: it makes no difference to what happens when it is left
        ({("A", "A"): (1, 1), ("B",): (1, 1)}, {"A": 0.5, "B": 0.5}),
        # C never converts and leads nowhere
        ({("A",): (3, 4), ("C", "C"): (0, 9)}, {"A": 1.0, "C": 0.0}),
        ({("A",): (7, 7)}, {"A": 1.0}),
        ({("A", "B"): (7, 7)}, {"A": 1.0, "B": 1.0}),
        ({("A", "B"): (0, 7), ("B",): (0, 1)}, {"A": 0.0, "B": 0.0}),
        ({}, {}),
    ],
)
def test_examples_worked_out_by_hand(paths: oracle.Paths, expected: dict[str, float]) -> None:
    assert solve_removal_effects(weights_of(paths)) == pytest.approx(expected, abs=1e-12)


def test_a_channel_is_removed_with_every_state_that_contains_it() -> None:
    # with two channels remembered, who comes to B from A always converts and who comes to it otherwise never does
    paths = {("A", "B"): (5, 5), ("C", "B"): (0, 5)}

    assert solve_removal_effects(weights_of(paths, order=2)) == {"A": 1.0, "B": 1.0, "C": 0.0}
    assert solve_removal_effects(weights_of(paths, order=1)) == {"A": 0.5, "B": 1.0, "C": 0.5}


def test_a_state_that_is_nearly_never_left_loses_no_digit() -> None:
    weights: Weights = {
        (START, ("A",)): 2,
        (START, ("B",)): 1,
        (("A",), ("A",)): 10**17,
        (("A",), End.CONVERSION): 1,
        (("A",), End.NULL): 2,
        (("B",), End.CONVERSION): 1,
    }

    assert solve_removal_effects(weights) == pytest.approx({"A": 2 / 5, "B": 3 / 5}, rel=1e-12)


def test_a_tiny_effect_keeps_its_digits() -> None:
    paths = {("A",): (10**14, 10**14), ("B",): (1, 3)}

    assert solve_removal_effects(weights_of(paths))["B"] == pytest.approx(1e-14, rel=1e-11, abs=0)


def test_only_proportions_count_and_no_order_of_them() -> None:
    paths = oracle.random_paths(Random(3), "abcde", n_paths=30)
    weights = weights_of(paths, 2)
    totals: dict[State, float] = {}
    for (state, _), weight in weights.items():
        totals[state] = totals.get(state, 0) + weight
    probabilities = {(state, following): n / totals[state] for (state, following), n in weights.items()}
    shuffled = dict(Random(4).sample(list(weights.items()), len(weights)))

    assert solve_removal_effects(shuffled) == solve_removal_effects(weights)
    assert solve_removal_effects(probabilities) == pytest.approx(solve_removal_effects(weights), rel=1e-10)


def test_a_state_without_an_end_is_refused_by_name() -> None:
    weights: Weights = {
        (START, ("A",)): 1,
        (("A",), ("A", "B")): 1,
        (("A", "B"), ("B", "A")): 1,
        (("B", "A"), ("A", "B")): 1,
        (("A",), End.CONVERSION): 1,
        (("B", "A"), End.NULL): 0,
        (("Z",), ("Z",)): 1,
    }

    with pytest.raises(CheckError, match="once it comes to: A > B, B > A, Z\n"):
        solve_removal_effects(weights)


def test_of_many_states_without_an_end_some_are_named() -> None:
    weights: Weights = {(START, (channel,)): 1 for channel in "abcdefg"}

    with pytest.raises(CheckError, match=r"comes to: \(start\), a, b, c, d and 3 more"):
        solve_removal_effects(weights)


def test_a_number_below_0_is_refused() -> None:
    with pytest.raises(CheckError, match=r"A is followed by \(null\) -1 times"):
        solve_removal_effects({(START, ("A",)): 1, (("A",), End.CONVERSION): 2, (("A",), End.NULL): -1})
