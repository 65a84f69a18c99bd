"""Small numbers of people are neither shown nor given away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.report.suppression import hidden_cells


@pytest.mark.parametrize(
    ("people", "hidden"),
    [
        ({}, set()),
        ({"a": 5, "b": 9}, set()),
        ({"a": 0, "b": 9}, set()),
        ({"a": 4, "b": 9, "c": 20}, {"a", "b"}),
        ({"a": 2, "b": 3, "c": 20}, {"a", "b"}),
        ({"a": 2, "b": 2, "c": 20}, {"a", "b", "c"}),
        ({"a": 3}, {"a"}),
        ({"b": 6, "a": 6, "c": 1}, {"a", "c"}),
    ],
)
def test_small_cells_are_hidden_and_the_next_ones_where_the_total_would_tell(
    people: dict[str, int], hidden: set[str]
) -> None:
    assert hidden_cells(people, 5) == hidden


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 12), max_size=8), st.integers(1, 8))
def test_what_is_left_of_a_total_is_never_a_small_number_while_anybody_is_shown(
    people: dict[str, int], minimum: int
) -> None:
    hidden = hidden_cells(people, minimum)

    left = sum(people[key] for key in hidden)
    shown = [n for key, n in people.items() if key not in hidden]
    assert all(n == 0 or n >= minimum for n in shown)
    assert left == 0 or left >= minimum or not any(shown)
