from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from oneuser.exports.single_file import csv_cell, defuse, json_value


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＠SUM(A1)"])
def test_text_that_starts_like_a_formula_is_defused(text: str) -> None:
    assert defuse(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "ann@example.com", "1=1", "a-b"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert defuse(text) == text


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (-5, "-5"),
        (-0.5, "-0.5"),
        (Decimal("-1.50"), "-1.50"),
        (True, "true"),
        (b"\x00\xff", "00ff"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00Z"),
        (date(2026, 3, 1), "2026-03-01"),
        ([("email", 2), ("user_id", 1)], '{"email": 2, "user_id": 1}'),
        ([1, 2], "[1, 2]"),
        ([], "[]"),
        ("-5", "'-5"),
    ],
)
def test_a_value_becomes_one_cell(value: Any, cell: str) -> None:
    assert csv_cell(value) == cell


def test_nested_values_are_json_all_the_way_down() -> None:
    assert json_value({"at": datetime(2026, 3, 1, tzinfo=UTC), "keys": [b"\x01"]}) == {
        "at": "2026-03-01T00:00:00Z",
        "keys": ["01"],
    }
