"""Numbers, money and codes in words."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from oneuser.report import wording


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (1, 3, "33.3 %"), (0, 3, "0.0 %"), (3, 3, "100 %"), (99_999, 100_000, "> 99.9 %"), (1, 100_000, "< 0.1 %"),
        (1, 0, "–"), (None, 3, "–"), (1, None, "–"),
    ],
)  # fmt: skip
def test_shares_never_round_to_all_or_nothing(part: int | None, whole: int | None, expected: str) -> None:
    assert wording.share(part, whole) == expected


@pytest.mark.parametrize(
    ("minor", "currency", "expected"),
    [
        (123_456, "GBP", "1,234.56 GBP"), (5, "EUR", "0.05 EUR"), (-5, "EUR", "−0.05 EUR"), (1_234, "JPY", "1,234 JPY"),
        (1_234_567, "KWD", "1,234.567 KWD"), (1_234_567, "CLF", "123.4567 CLF"), (None, "EUR", "–"),
    ],
)  # fmt: skip
def test_money_is_in_major_units_with_the_currencys_own_decimals(
    minor: int | None, currency: str, expected: str
) -> None:
    assert wording.money(minor, currency) == expected


def test_missing_figures_are_dashes_and_hidden_people_say_so() -> None:
    assert (wording.count(None), wording.count(1234.0)) == ("–", "1,234")
    assert (wording.people(None), wording.people(0)) == ("hidden", "0")


def test_times_are_utc_and_cohorts_are_named_by_their_interval() -> None:
    assert wording.moment(datetime(2026, 3, 1, 6, 5, tzinfo=UTC)) == "2026-03-01 06:05 UTC"
    assert wording.moment(None) == "–"
    assert wording.interval(date(2026, 3, 2), "month") == "2026-03"
    assert wording.interval(date(2026, 3, 2), "week") == "2026-03-02"


def test_durations_above_a_minute_are_in_minutes() -> None:
    assert (wording.seconds(9.84), wording.seconds(75.2)) == ("9.8 s", "1 min 15 s")
