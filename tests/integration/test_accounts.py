"""Accounts through whole runs: messages, files and domains say who belongs where, and metrics roll up at event time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.api import OpenWarehouse, open_warehouse
from oneuser.config import Config, make_config
from oneuser.runs.nothing_new import find_nothing_new
from oneuser.runs.result import RunResult
from oneuser.runs.run import RunOptions, run_pipeline
from tests.integration.published import contents, published_versions, read_table

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
ACCOUNT_TABLES = ("account_memberships", "account_rollup", "dim_account", "dim_user", "events_resolved")
MESSAGES: list[dict[str, Any]] = [
    # Ann is known by her address; she looked around in January, before anybody knew it
    {"type": "track", "event": "Look", "anonymousId": "ann-phone", "timestamp": "2026-01-10T10:00:00Z"},
    {"type": "identify", "userId": "ann", "anonymousId": "ann-phone", "traits": {"email": "ann@mill.example"},
     "timestamp": "2026-02-01T10:00:00Z"},
    {"type": "track", "event": "Look", "userId": "ann", "timestamp": "2026-04-10T10:00:00Z"},
    # Bob works in two workspaces, and leaves one
    {"type": "group", "userId": "bob", "groupId": "shop", "timestamp": "2026-01-05T10:00:00Z"},
    {"type": "group", "userId": "bob", "groupId": "mill", "timestamp": "2026-02-05T10:00:00Z"},
    {"type": "track", "event": "Look", "userId": "bob", "timestamp": "2026-02-06T10:00:00Z"},
    {"type": "track", "event": "Left", "userId": "bob", "context": {"groupId": "mill"},
     "timestamp": "2026-03-05T10:00:00Z"},
    {"type": "track", "event": "Look", "userId": "bob", "timestamp": "2026-03-06T10:00:00Z"},
    # Eve has a private address, Kim one of a company that no file knows
    {"type": "identify", "userId": "eve", "traits": {"email": "eve@gmail.com"}, "timestamp": "2026-03-01T10:00:00Z"},
    {"type": "identify", "userId": "kim", "traits": {"email": "kim@new.example"}, "timestamp": "2026-03-01T10:00:00Z"},
]  # fmt: skip


def write(path: Path, *rows: str) -> None:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    messages = [message | {"messageId": f"m{number}"} for number, message in enumerate(MESSAGES)]
    write(tmp_path / "events.jsonl", *map(json.dumps, messages))
    write(tmp_path / "accounts.csv", "Id,Account Name,Website", "shop,The Shop,", "mill,The Mill,www.mill.example",
          "trust,The Trust,", "fund,The Fund,")  # fmt: skip
    write(tmp_path / "parents.csv", "account_id,parent_account_id,valid_from,valid_to", "mill,trust,,2026-03-01",
          "mill,fund,2026-03-01,", "shop,trust,,", "trust,shop,,")  # fmt: skip
    write(tmp_path / "members.csv", "Email,account_id,valid_from,valid_to", "EVE@gmail.com,shop,2026-03-15,2026-09-01")
    return tmp_path


def config(folder: Path, **accounts: Any) -> Config:
    warehouse = folder / "warehouse"
    return make_config(
        {
            "deployment": "accounts",
            "warehouse": str(warehouse),
            "keys": {"identifiers": f"file:{warehouse}/.secrets/identifiers"},
            "sources": {"web": {"path": str(folder / "events.jsonl"), "format": "jsonl", "preset": "segment"}},
            "identity": {
                "id_types": {
                    "user_id": {"priority": 1, "known": True},
                    "email": {"priority": 2, "known": True, "normaliser": "email"},
                    "anonymous_id": {"priority": 9, "known": False},
                }
            },
            "accounts": accounts,
        }
    )


def everything(folder: Path) -> dict[str, Any]:
    def file(name: str) -> dict[str, Any]:
        return {"path": str(folder / f"{name}.csv"), "format": "csv"}

    columns = {"account_id": "Id", "name": "Account Name", "domains": "Website"}
    return {
        "membership": "multiple",
        "leave_events": ["Left"],
        "files": {
            "accounts": file("accounts") | {"columns": columns},
            "parents": file("parents"),
            "members": file("members") | {"id_type": "email", "columns": {"id_value": "Email"}},
        },
        "domains": {"unmapped": "keyed"},
    }


def run(spark: SparkSession, settings: Config) -> RunResult:
    return run_pipeline(spark, settings, RunOptions(as_of=AS_OF))


def people(opened: OpenWarehouse) -> dict[str, Any]:
    """Rows of `dim_user` by login."""
    owners = {row.user_id: row.id_value for row in opened.identities().where("id_type = 'user_id'").collect()}
    return {owners[row.user_id]: row for row in opened.users().collect()}


def test_everything_that_says_who_belongs_where_through_whole_runs(spark: SparkSession, folder: Path) -> None:
    warehouse = folder / "warehouse"
    settings = config(folder, **everything(folder))
    first = run(spark, settings)

    opened = open_warehouse(warehouse, spark=spark)
    found = {name: (row.account_id, row.account_ids) for name, row in people(opened).items()}
    kim = found["kim"][0]
    assert kim.startswith("dom_")
    assert found == {
        "ann": ("mill", ["mill"]),
        "bob": ("shop", ["shop"]),
        "eve": ("shop", ["shop"]),
        "kim": (kim, [kim]),
    }

    # an event belongs to the primary account of its time, Ann's first look among them
    looks = opened.events().where("event = 'Look'").orderBy("event_time")
    assert [row.account_id for row in looks.collect()] == ["mill", "mill", "shop", "mill"]
    # and rolls up to whoever was above that account then; the Shop and the Trust would be above each other
    rollup = opened.accounts(rollup=True)
    rolled = looks.join(rollup, on="account_id", how="inner").where(
        "(valid_from is null or valid_from <= event_time) and (valid_to is null or event_time < valid_to)"
    )
    tops = {str(row.event_time.date()): row.ancestor_id for row in rolled.where("is_top").collect()}
    assert tops == {"2026-01-10": "trust", "2026-02-06": "trust", "2026-03-06": "shop", "2026-04-10": "fund"}
    accounts = {row.account_id: row for row in opened.accounts().collect()}
    assert set(accounts) == {"shop", "mill", "trust", "fund", kim}
    assert (accounts["mill"].name, accounts["mill"].parent_account_id) == ("The Mill", "fund")
    assert (accounts["mill"].n_users, accounts["mill"].n_current_users) == (2, 1)
    assert (accounts["trust"].n_users_rolled_up, accounts["trust"].n_current_users_rolled_up) == (2, 0)
    assert accounts["fund"].n_current_users_rolled_up == 1
    assert first.metrics["records_rejected|accounts.files.parents:account.cycle"] == 2
    refused = opened.table("rejected_records").collect()
    assert [row.code for row in refused] == ["account.cycle"] * 2

    # every file is known as the run found it, and the same again changes no table
    assert find_nothing_new(settings) is not None
    versions = published_versions(warehouse)
    same = run(spark, config(folder, **everything(folder)))
    assert {stage.state for name, stage in same.stages.items() if name != "ingest"} == {"unchanged"}
    assert published_versions(warehouse) == versions

    # a parent that is mended moves what lies below it, and nothing is resolved again but accounts
    write(folder / "parents.csv", "account_id,parent_account_id", "shop,trust", "mill,trust")
    assert find_nothing_new(settings) is None
    again = run(spark, config(folder, **everything(folder)))
    assert again.stages["graph"].state == "unchanged"
    tops = {row["account_id"]: row["top_account_id"] for row in read_table(warehouse, "dim_account").to_pylist()}
    assert tops == {"shop": "trust", "mill": "trust", "trust": "trust", "fund": "fund", kim: kim}
    assert read_table(warehouse, "rejected_records").num_rows == 0


@pytest.mark.soak
def test_without_a_word_about_accounts_group_messages_alone_count(spark: SparkSession, folder: Path) -> None:
    warehouse = folder / "warehouse"
    run(spark, config(folder))

    versions = published_versions(warehouse)
    assert not {"account_rollup", "account_profiles", "account_parents", "account_members", "reference_inputs",
                "rejected_records"} & set(versions)  # fmt: skip
    plain = {name: contents(warehouse, name) for name in ACCOUNT_TABLES if name in versions}
    opened = open_warehouse(warehouse, spark=spark)
    assert {name: row.account_ids for name, row in people(opened).items()} == {
        "ann": [], "bob": ["mill"], "eve": [], "kim": [],
    }  # fmt: skip
    assert {tuple(row)[:4] for row in opened.accounts(rollup=True).collect()} == {
        ("shop", "shop", 0, True),
        ("mill", "mill", 0, True),
    }

    # what files and domains said is withdrawn with them
    run(spark, config(folder, **everything(folder)))
    assert {name: contents(warehouse, name) for name in plain} != plain
    run(spark, config(folder))
    assert {name: contents(warehouse, name) for name in plain} == plain
    assert read_table(warehouse, "account_rollup").num_rows == 0
