"""Columns that a mapping names and files lack; lines of which nothing is accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oneuser.config import make_config
from oneuser.core.errors import ConfigError
from oneuser.stages.ingest.local_headers import check_local_columns
from oneuser.stages.ingest.mapped_columns import check_columns, spelled_as_mapped
from oneuser.stages.ingest.shape_of_lines import explain_lines
from oneuser.stages.ingest.source_spec import source_spec

HEADER = ["order", "at", "customer", "email", "total"]


def config(**source: Any) -> Any:
    mapping = {
        "message_id": "order",
        "type": {"const": "track"},
        "event_time": "at",
        "identifiers": {"user_id": "customer", "email": ["email", "mail"]},
        "properties": {"revenue": {"product": ["total", {"const": 2}]}},
    }
    shop = {"path": "*.csv", "format": "csv", "mapping": mapping | source.pop("mapping", {}), **source}
    return make_config({"deployment": "d", "warehouse": "w", "sources": {"shop": shop}})


def problems(header: list[str] | None = None, *, separator: str | None = ",", **mapping: Any) -> ConfigError | None:
    try:
        check_columns(
            source_spec(config(mapping=mapping), "shop"), [header or HEADER], where="f.csv", separator=separator
        )
    except ConfigError as error:
        return error
    return None


def test_a_mapping_whose_columns_are_there_is_fine() -> None:
    assert problems() is None


def test_one_of_several_places_is_enough() -> None:
    assert problems([*HEADER[:3], "mail", "total"]) is None


def test_a_column_that_no_file_has_is_named_with_the_nearest() -> None:
    error = problems(message_id="order_no", identifiers={"user_id": "customer_id"})

    assert error is not None
    assert [(one.key, one.message) for one in error.problems] == [
        ("sources.shop.mapping.message_id", "no file has a column order_no; did you mean order?"),
        ("sources.shop.mapping.identifiers.user_id", "no file has a column customer_id; did you mean customer?"),
    ]
    assert "order, at, customer, email, total" in str(error)


def test_a_column_of_another_case_is_another_column() -> None:
    assert "did you mean Order?" in str(problems([name.title() for name in HEADER]))


def test_a_file_in_another_case_than_the_others_is_spelled_as_the_mapping() -> None:
    spec = source_spec(config(), "shop")

    assert spelled_as_mapped(spec, ["Order", "at", "CUSTOMER", "Other"]) == ["order", "at", "customer", "Other"]
    # what is there as written is meant, and of two others neither is
    assert spelled_as_mapped(spec, ["order", "Order", "AT", "At"]) == ["order", "Order", "AT", "At"]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("order;at;customer;email;total", 'declare `separator: ";"`'),
        ("order\tat\tcustomer", 'declare `separator: "\\t"`'),
        ("order|at|customer", 'declare `separator: "|"`'),
        ("sep=;", "which only spreadsheets understand"),
    ],
)
def test_a_header_of_one_column_tells_its_separator(line: str, hint: str) -> None:
    assert hint in str(problems([line]))


def test_columns_of_local_files_are_looked_at_without_spark(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("order;at;customer;email;total\n", encoding="utf-8")
    files = [str(tmp_path / "a.csv")]

    with pytest.raises(ConfigError, match="separator"):
        check_local_columns(config(), "shop", files)
    check_local_columns(config(separator=";", decimal=","), "shop", files)


def test_a_column_that_one_of_the_files_has_is_there(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("order,at,customer,email\n", encoding="utf-8")
    (tmp_path / "new.csv").write_text(",".join(HEADER) + "\n", encoding="utf-8")

    check_local_columns(config(), "shop", [str(tmp_path / "old.csv"), str(tmp_path / "new.csv")])


def test_keys_in_another_spelling_are_told_from_messages() -> None:
    spec = source_spec(
        make_config(
            {
                "deployment": "d",
                "warehouse": "w",
                "sources": {"web": {"path": "x", "format": "jsonl", "preset": "segment"}},
            }
        ),
        "web",
    )

    said = explain_lines(spec, json.dumps({"id": 1, "user_id": "ann@example.com", "anonymous_id": "a"}).encode())

    assert "user_id, anonymous_id where userId, anonymousId is read" in said
    assert "ann@" not in said
    assert "no JSON objects" in explain_lines(spec, b"order,at")
    assert explain_lines(spec, json.dumps({"ann@example.com": 1}).encode()).startswith(
        "the lines have the keys of no name"
    )
