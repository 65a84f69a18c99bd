"""Attribution models against their formulas, and dealing out against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.config import AttributionRules, PositionWeights
from oneuser.marts.attribution.models import WEIGHT_UNITS, ModelRules, credit_path, deal_out, shares

DAY = 86_400_000_000
RULES = ModelRules.of(AttributionRules())

SHARES = st.lists(st.integers(0, 10**17), min_size=1, max_size=12).filter(any)
AGES = st.lists(st.integers(0, 90 * DAY), min_size=1, max_size=9).map(lambda ages: sorted(ages, reverse=True))


def exact_weights(model: str, ages: list[int]) -> list[Fraction]:
    """The formulas as they are written, in fractions; time decay from doubles."""
    n = len(ages)
    if model == "first":
        return [Fraction(int(i == 0)) for i in range(n)]
    if model == "last":
        return [Fraction(int(i == n - 1)) for i in range(n)]
    if model == "linear":
        return [Fraction(1, n)] * n
    if model == "position":
        first, middle, last = Fraction(2, 5), Fraction(1, 5), Fraction(2, 5)
        if n == 1:
            return [Fraction(1)]
        if n == 2:
            return [first / (first + last), last / (first + last)]
        return [first, *[middle / (n - 2)] * (n - 2), last]
    decayed = [Fraction(2 ** -(age / (7 * DAY))) for age in ages]
    return [weight / sum(decayed) for weight in decayed]


@given(total=st.integers(-(10**16), 10**16), by=SHARES)
def test_what_is_dealt_out_adds_up_and_nobody_is_more_than_one_off(total: int, by: list[int]) -> None:
    parts = deal_out(total, by)

    assert sum(parts) == total
    assert all(abs(part - Fraction(total * share, sum(by))) < 1 for part, share in zip(parts, by, strict=True))
    assert deal_out(-total, by) == [-part for part in parts]


@pytest.mark.parametrize(
    ("total", "by", "expected"),
    [
        (100, [1, 1, 1], [34, 33, 33]),  # equal remainders: the earlier comes first
        (-100, [1, 1, 1], [-34, -33, -33]),
        (1000, [6, 1, 1, 1, 6], [400, 67, 67, 66, 400]),
        (3, [6, 1, 1, 1, 6], [2, 0, 0, 0, 1]),  # all remainders are .2
        (10, [1, 3], [3, 7]),
        (7, [0, 5], [0, 7]),
        (0, [1, 2], [0, 0]),
    ],
)
def test_the_largest_remainders_get_what_is_left(total: int, by: list[int], expected: list[int]) -> None:
    assert deal_out(total, by) == expected


@pytest.mark.parametrize("model", ["first", "last", "linear", "position", "time_decay"])
@given(ages=AGES)
def test_shares_are_in_the_proportions_of_the_formula(model: str, ages: list[int]) -> None:
    found = shares(model, ages, RULES)
    tolerance = Fraction(1, 10**12) if model == "time_decay" else Fraction(0)

    for share, weight in zip(found, exact_weights(model, ages), strict=True):
        assert abs(Fraction(share, sum(found)) - weight) <= tolerance


@given(ages=AGES, value=st.none() | st.integers(-(10**9), 10**9))
def test_every_model_gives_away_exactly_one_conversion_and_its_value(ages: list[int], value: int | None) -> None:
    rows = list(credit_path(ages, value, RULES))

    for model in RULES.models:
        mine = [row for row in rows if row[0] == model]
        assert sum(weight for _, _, weight, _ in mine) == WEIGHT_UNITS
        assert [place for _, place, _, _ in mine] == sorted({place for _, place, _, _ in mine})
        if value is None:
            assert all(credit is None for _, _, _, credit in mine)
        else:
            assert sum(credit or 0 for _, _, _, credit in mine) == value


def test_a_very_old_touch_does_not_break_time_decay() -> None:
    assert [row[1:] for row in credit_path([10**18, 0], 5, ModelRules(("time_decay",), (1, 0, 0), 1.0))] == [
        (2, WEIGHT_UNITS, 5)
    ]
    # both are many half-lives old: the proportions remain
    assert shares("time_decay", [3001, 3000], ModelRules(("time_decay",), (1, 0, 0), 1.0)) == [5 * 10**14, 10**15]


def test_other_positions_are_taken_from_the_configuration() -> None:
    rules = ModelRules.of(AttributionRules(position=PositionWeights(first=0.6, middle=0.2, last=0.2)))

    assert deal_out(100, shares("position", [3, 2, 1, 0], rules)) == [60, 10, 10, 20]
    assert deal_out(100, shares("position", [1, 0], rules)) == [75, 25]
    assert deal_out(100, shares("position", [0], rules)) == [100]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(KeyError):
        shares("guess", [0], RULES)
