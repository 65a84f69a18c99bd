from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oneuser.cli.output import Output, as_json, cell

NOON = datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (1234567, "1,234,567"),
        (1234.5, "1,234.50"),
        (3.0, "3"),
        (True, "yes"),
        (NOON, "2026-03-01 12:00:00 UTC"),
        ("plain", "plain"),
    ],
)
def test_a_value_is_written_for_people(value: Any, text: str) -> None:
    assert cell(value) == text


def test_a_document_has_times_in_utc_and_exact_numbers() -> None:
    facts = {"at": NOON, "share": Decimal("0.10"), "file": Path("a.csv"), "key": b"\x01", "none": None}

    assert json.loads(as_json(facts)) == {
        "at": "2026-03-01T12:00:00Z", "share": "0.10", "file": "a.csv", "key": "01", "none": None,
    }  # fmt: skip


def test_with_json_nothing_else_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)

    output.text("for people")
    output.note("on the way")
    output.table(["a"], [[1]])
    output.document({"a": 1})

    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"a": 1}
    assert shown.err == ""


def test_a_table_shows_brackets_as_they_are_and_cuts_nothing_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    value = "[bold]" + "x" * 90

    Output().table(["value", "n"], [[value, 7]])

    assert value in capsys.readouterr().out


def test_quiet_leaves_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=True)

    output.note("on the way")
    output.text("the answer")

    assert capsys.readouterr() == ("the answer\n", "")
