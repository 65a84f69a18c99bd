from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from oneuser.exports.single_file import FORMATS, csv_cell, defuse, json_value, write_file

ROWS = pa.table({"id_value": ["ann@example.com"]})


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@SUM(A1)", "\tcmd", "\rcmd", "\ncmd", "＝1+1", "＠SUM(A1)"])
def test_text_that_starts_like_a_formula_is_defused(text: str) -> None:
    assert defuse(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("a;=1+1", "a;'=1+1"),
        ('a;"=1+1"', 'a;"\'=1+1"'),
        ("a\t@SUM(A1)|-1", "a\t'@SUM(A1)|'-1"),
        ("two\r\n＋lines", "two\r\n'＋lines"),
        ("=1;+1", "'=1;'+1"),
        ("\t=1", "'\t'=1"),
    ],
)
def test_a_formula_is_defused_behind_a_mark_that_starts_a_cell(text: str, defused: str) -> None:
    assert defuse(text) == defused


@pytest.mark.parametrize("text", ["", "ann@example.com", "1=1", "a-b", "a; b, -c"])
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


@pytest.mark.parametrize("ending", FORMATS)
def test_raw_identifiers_are_for_the_owner_of_the_file_and_go_where_no_link_leads(ending: str, tmp_path: Path) -> None:
    # given links of somebody else's, where the file goes and where it was written before it was whole
    victim, to = tmp_path / "victim", tmp_path / f"identities.{ending}"
    victim.write_text("mine")
    for link in (to, tmp_path / f".{to.name}.part"):
        link.symlink_to(victim)

    assert write_file(ROWS.to_batches(), ROWS.schema, to, only_for_owner=True) == 1

    assert victim.read_text() == "mine"
    assert (to.is_symlink(), to.stat().st_mode & 0o777) == (False, 0o600)
    assert b"ann@example.com" in to.read_bytes()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_that_cannot_be_finished_leaves_the_one_before(tmp_path: Path) -> None:
    to = tmp_path / "users.csv"
    to.write_text("before")

    with pytest.raises(ZeroDivisionError):
        write_file((ROWS.to_batches()[1 // n] for n in (0,)), ROWS.schema, to)

    assert to.read_text() == "before"
    assert list(tmp_path.iterdir()) == [to]
