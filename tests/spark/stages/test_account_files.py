"""Files about accounts in the ingest stage: judged together, accounted for, withdrawn where they are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.core.errors import GateError
from oneuser.core.keyed import identifier_hasher
from tests.spark.events.staging import Ingest, lines_source
from tests.unit.events.parsing import KEYS, line

TABLES = ("account_profiles", "account_parents", "account_members", "reference_inputs", "rejected_records")


@pytest.fixture
def ingest(spark: SparkSession, warehouse_path: Path) -> Ingest:
    return Ingest(spark, warehouse_path)


@pytest.fixture
def web(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "web.jsonl"
    path.write_bytes(line() + b"\n")
    return lines_source(path)


def write(path: Path, *rows: str) -> None:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def declare(folder: Path, *names: str) -> dict[str, Any]:
    files: dict[str, Any] = {name: {"path": f"{folder}/{name}.csv", "format": "csv"} for name in names}
    if "members" in files:
        files["members"] |= {"id_type": "email", "columns": {"id_value": "Email"}}
    return {"files": files, "domains": {"extra_excluded": ["own.example"], "unmapped": "keyed"}}


def versions(ingest: Ingest) -> dict[str, int]:
    return {name: ingest.tables[name] for name in TABLES if name in ingest.tables}


def rows_of(ingest: Ingest, name: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in ingest.table(name).select(*columns).collect()), key=str)


def test_every_record_of_every_file_counts_or_is_refused_with_a_reason(
    ingest: Ingest, web: dict[str, Any], tmp_path: Path
) -> None:
    write(
        tmp_path / "accounts.csv",
        "account_id,name,domains",
        "acme,Acme,acme.example;gmail.com",
        "acme,,https://www.acme.example/",
        "top,Top,top.example own.example",
        "zoo,Zoo,top.example",
        ",nobody,",
        "two,One,",
        "two,Other,",
    )
    write(
        tmp_path / "parents.csv",
        "account_id,parent_account_id,valid_from,valid_to",
        "acme,top,,2026-01-01",
        "acme,zoo,2026-01-01,",
        "zoo,ghost,,",
        "zoo,top,2026-02-30,",
        "top,top,,",
    )
    write(
        tmp_path / "members.csv",
        "Email,account_id,valid_from,valid_to",
        "Ann@Acme.example,acme,,",
        "ann@acme.example,acme,,",
        "not an address,acme,,",
        "bob@acme.example,ghost,,",
    )
    ingest.accounts = declare(tmp_path, "accounts", "parents", "members")

    metrics = ingest.run(web=web)

    profiles = {
        row.account_id: (row.name, {one.domain: one.problem for one in row.domains})
        for row in ingest.table("account_profiles").collect()
    }
    assert profiles == {
        "acme": ("Acme", {"acme.example": None, "gmail.com": "free_mail"}),
        "top": ("Top", {"top.example": "shared", "own.example": "excluded"}),
        "zoo": ("Zoo", {"top.example": "shared"}),
    }
    periods = "account_id", "parent_account_id", "cast(valid_from as string)", "cast(valid_to as string)"
    assert sorted(map(tuple, ingest.table("account_parents").selectExpr(*periods).collect())) == [
        ("acme", "top", None, "2026-01-01 00:00:00"),
        ("acme", "zoo", "2026-01-01 00:00:00", None),
    ]
    ann = identifier_hasher(KEYS, "email")("ann@acme.example")
    assert rows_of(ingest, "account_members", "id_type", "id_key", "account_id") == [("email", ann, "acme")]
    assert rows_of(ingest, "rejected_records", "reference", "code", "detail", "n_records") == [
        ("accounts.files.accounts", "account.two_names", "other records of the account have another name", 1),
        ("accounts.files.accounts", "account.two_names", "other records of the account have another name", 1),
        ("accounts.files.accounts", "reference.missing", "account_id", 1),
        ("accounts.files.members", "account.unknown", "account_id", 1),
        ("accounts.files.members", "id.email", "id_value", 1),
        ("accounts.files.parents", "account.own_parent", "an account cannot be its own parent", 1),
        ("accounts.files.parents", "account.unknown", "parent_account_id", 1),
        ("accounts.files.parents", "reference.time", "valid_from", 1),
    ]
    counts = {key: value for key, value in metrics.items() if key.startswith("records_") and ":" not in key}
    assert counts == {
        "records_in|accounts.files.accounts": 7,
        "records_in|accounts.files.parents": 5,
        "records_in|accounts.files.members": 4,
        "records_rejected|accounts.files.accounts": 3,
        "records_rejected|accounts.files.parents": 3,
        "records_rejected|accounts.files.members": 2,
    }
    assert metrics["records_rejected|accounts.files.parents:account.own_parent"] == 1


def test_what_did_not_change_is_not_written_and_what_is_gone_is_withdrawn(
    ingest: Ingest, web: dict[str, Any], tmp_path: Path
) -> None:
    write(tmp_path / "parents.csv", "account_id,parent_account_id", "a,top", "b,b")
    ingest.accounts = declare(tmp_path, "parents")
    first = ingest.run(web=web)
    written = versions(ingest)
    assert set(written) == {"account_parents", "reference_inputs", "rejected_records"}

    # the same again: nothing is written, and the metrics are still there
    again = ingest.run(web=web)
    assert versions(ingest) == written
    for key in ("records_in|accounts.files.parents", "records_rejected|accounts.files.parents"):
        assert again[key] == first[key]

    # the same records in another order, written anew: only the listing is
    write(tmp_path / "parents.csv", "account_id,parent_account_id", "b,b", "a,top", "")
    ingest.run(web=web)
    assert versions(ingest) == written | {"reference_inputs": written["reference_inputs"] + 1}
    assert rows_of(ingest, "reference_inputs", "n_records", "n_rejected", "run_seq") == [(2, 1, 1)]

    # a record that is gone is withdrawn, and so is its refusal
    write(tmp_path / "parents.csv", "account_id,parent_account_id", "c,top")
    ingest.run(web=web)
    assert rows_of(ingest, "account_parents", "account_id") == [("c",)]
    assert rows_of(ingest, "rejected_records", "code") == []

    # and everything is, when the file is no longer configured; then nothing costs anything again
    ingest.accounts = {}
    ingest.run(web=web)
    assert rows_of(ingest, "account_parents", "account_id") == rows_of(ingest, "reference_inputs", "reference") == []
    withdrawn = versions(ingest)
    ingest.run(web=web)
    assert versions(ingest) == withdrawn


def test_a_file_without_records_is_a_snapshot_of_nothing(ingest: Ingest, web: dict[str, Any], tmp_path: Path) -> None:
    for name, header in (
        ("accounts", "account_id"),
        ("parents", "account_id,parent_account_id"),
        ("members", "Email,account_id"),
    ):
        write(tmp_path / f"{name}.csv", header)
    ingest.accounts = declare(tmp_path, "accounts", "parents", "members")

    metrics = ingest.run(web=web)

    assert metrics["records_in|accounts.files.members"] == 0
    for name in TABLES[:3]:
        assert rows_of(ingest, name, "account_id") == []


def test_too_much_damage_stops_the_run_and_contradictions_do_not(
    ingest: Ingest, web: dict[str, Any], tmp_path: Path
) -> None:
    write(tmp_path / "parents.csv", "account_id,parent_account_id,valid_from", "a,b,", "b,a,", "c,c,", "d,c,")
    ingest.accounts = declare(tmp_path, "parents")

    metrics = ingest.run(web=web, max_share=0.05)
    assert metrics["records_rejected|accounts.files.parents"] == 3

    write(tmp_path / "parents.csv", "account_id,parent_account_id,valid_from", "a,b,1.3.2026", "b,c,")
    with pytest.raises(
        GateError, match=r"50.0% of the records of accounts.files.parents are damaged \(reference.time 1\)"
    ):
        ingest.run(web=web, max_share=0.05)
    # what it would have replaced stands
    assert rows_of(ingest, "account_parents", "account_id") == [("d",)]
