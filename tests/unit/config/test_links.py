"""How link tables are declared, and what is said about those that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.config import config_hash, make_config
from tests.unit.config.config_samples import changed, problems_of, small

PAIR = {"path": "crm.csv", "format": "csv", "a": {"user_id": "Login"}, "b": {"anonymous_id": "Cookie"}}
FOUR = {"path": "crm.jsonl", "format": "jsonl"}


def table(**parts: Any) -> dict[str, Any]:
    return {name: value for name, value in {**PAIR, **parts}.items() if value is not None}


def test_a_table_names_the_columns_of_its_ends_or_has_four_of_its_own() -> None:
    config = make_config(
        changed("links", {"crm": table(time="Updated"), "resolver": {**FOUR, "columns": {"id_type_a": "t"}}})
    )
    crm, resolver = config.links["crm"], config.links["resolver"]

    assert crm.types == ("user_id", "anonymous_id")
    assert crm.end_parts == (("Login",), ("Cookie",))
    assert crm.type_columns is None
    assert crm.time_column is not None
    assert (crm.time_column.column, crm.time_column.zone) == ("Updated", None)
    assert resolver.types is None
    assert resolver.type_columns == ("t", "id_type_b")
    assert resolver.end_parts == (("id_value_a",), ("id_value_b",))


@pytest.mark.parametrize(
    "parts",
    [
        {"where": {"score": {"at_least": 0.95}}},
        {"where": {"score": {"at_least": 0.5, "at_most": 0.9}, "Status": {"in": ["active", 1, True]}}},
        {"where": {"Status": {"equals": "active"}}, "priority": 3},
        {"time": {"column": "Updated", "format": "dd/MM/yyyy", "zone": "Europe/London"}},
        {"a": {"user_id": "x"}, "b": {"user_id": "y"}},
        {"a": {"user_id": {"concat": ["set", {"const": "-"}, "id"]}}},
    ],
)
def test_good_tables_are_taken(parts: dict[str, Any]) -> None:
    assert problems_of(changed("links/crm", table(**parts))) == []


@pytest.mark.parametrize(
    ("parts", "key", "said"),
    [
        ({"a": {"phone": "x"}}, "links.crm.a.phone", "declares no phone"),
        ({"a": {"user_id": "x", "anonymous_id": "y"}}, "links.crm.a", "may have 1 at most"),
        ({"a": {}}, "links.crm.a", "needs 1 at least"),
        ({"a": {"user_id": {"concat": []}}}, "links.crm.a.user_id.concat", "needs 1 at least"),
        ({"b": None}, "links.crm", "needs both `a` and `b`, or neither"),
        ({"columns": {"id_type_a": "t"}}, "links.crm.columns.id_type_a", "name the columns already"),
        (
            {"a": None, "b": None, "columns": {"id_a": "t"}},
            "links.crm.columns.id_a",
            "no such column; there are id_type_a",
        ),
        ({"where": {"score": {}}}, "links.crm.where.score", "needs bounds"),
        ({"where": {"score": {"at_least": 1, "equals": 2}}}, "links.crm.where.score", "needs bounds"),
        ({"where": {"score": {"above": 1}}}, "links.crm.where.score.above", "known are at_least, at_most, equals, in"),
        ({"priority": 0}, "links.crm.priority", "must be greater than 0"),
        ({"format": "xlsx"}, "links.crm.format", "expected one of csv, tsv, jsonl, parquet"),
        ({"time": {"format": "yyyy-MM-dd"}}, "links.crm.time.column", "is missing"),
        ({"time": {"column": "x", "format": "dd/mm/yyyy"}}, "links.crm.time.format", "write dd/MM/yyyy"),
        ({"path": None}, "links.crm.path", "is missing"),
        ({"score": 1}, "links.crm.score", "unknown key"),
    ],
)
def test_bad_tables_are_told_with_their_place(parts: dict[str, Any], key: str, said: str) -> None:
    found = problems_of(changed("links/crm", table(**parts)))

    assert [problem.key for problem in found] == [key]
    assert said in found[0].message


def test_a_table_has_a_name_that_nothing_else_has() -> None:
    found = problems_of(changed("links", {"alias": PAIR}))

    assert [(problem.key, problem.message[:22]) for problem in found] == [("links.alias", "another name is needed")]


def test_a_table_is_part_of_the_configuration() -> None:
    assert config_hash(make_config(changed("links", {"crm": PAIR}))) != config_hash(make_config(small()))
