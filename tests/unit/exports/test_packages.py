"""Folders for people who ask for their data appear whole or not at all, and take nobody's place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oneuser.contracts.graph import SHARED_VALUES
from oneuser.contracts.identity import USER_REDIRECTS
from oneuser.contracts.registry import TABLES
from oneuser.exports.json_schemas import json_schema
from oneuser.exports.packages import PAGE, PackageFormat, new_package, read_manifest

FACTS = {"request_id": "ask", "user_id": "usr_2", "deployment": "smiths", "published_at": "2026-03-02T06:00:00+00:00"}
KINDS: tuple[PackageFormat, ...] = ("csv", "jsonl")
ROW: dict[str, Any] = {"user_id": "usr_1", "redirect_to": "usr_2", "reason": "=merged", "run_seq": 2}


def breaking_off() -> Iterator[dict[str, Any]]:
    yield ROW
    raise OSError("disk full")


def test_an_attempt_that_failed_or_was_killed_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "packages" / "ask"
    (tmp_path / "packages" / ".ask.part").mkdir(parents=True)
    (tmp_path / "packages" / ".ask.part" / "user_redirects.jsonl").write_text("half a li")

    with pytest.raises(OSError, match="full"), new_package(folder, "jsonl") as package:
        package.write(USER_REDIRECTS, breaking_off())
    assert not list(folder.parent.iterdir())
    assert read_manifest(folder) is None

    with new_package(folder, "csv") as package:
        package.write(USER_REDIRECTS, [ROW])
        package.write(SHARED_VALUES, [])
        package.finish(**FACTS)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert [(name, table["rows"]) for name, table in manifest["tables"].items()] == [
        ("shared_values", 0),
        ("user_redirects", 1),
    ]
    assert json.loads((folder / "user_redirects.jsonl").read_text()) == ROW
    cells = (folder / "user_redirects.csv").read_bytes()
    assert cells.startswith(b"\xef\xbb\xbfuser_id,")
    assert cells.decode().splitlines()[1] == "usr_1,usr_2,'=merged,2"


def test_a_page_says_which_file_holds_what_to_whoever_knows_nothing_of_tables(tmp_path: Path) -> None:
    for kind in KINDS:
        with new_package(tmp_path / kind, kind) as package:
            package.write(USER_REDIRECTS, [ROW])
            package.finish(**FACTS)

        page = (tmp_path / kind / PAGE).read_text().splitlines()
        assert page[:2] == [
            "This is what smiths has stored about you, as of 2026-03-02T06:00:00+00:00.",
            "It answers the request ask. You are known there as usr_2.",
        ]
        meaning = USER_REDIRECTS.grain.removeprefix("one row per ")
        assert f"  user_redirects.{kind}         1  {meaning}" in page


def test_what_is_no_package_is_told_from_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "file").write_text("")

    assert read_manifest(tmp_path / "empty") is None
    for name in ("full", "link", "file"):
        with pytest.raises(ValueError, match=r"no package|not a folder"):
            read_manifest(tmp_path / name)


@pytest.mark.parametrize("name", TABLES)
def test_every_column_of_every_table_has_a_type_and_a_meaning(name: str) -> None:
    contract = TABLES[name]
    columns = json_schema(contract)["properties"]

    assert {column: schema["description"] for column, schema in columns.items()} == {
        one.name: one.comment for one in contract.fields
    }
    assert {column for column, schema in columns.items() if "null" in schema["type"]} == {
        one.name for one in contract.fields if one.nullable
    }
