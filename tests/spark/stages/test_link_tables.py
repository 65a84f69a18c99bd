"""Link tables in the ingest stage: numbered like what events carry, accounted for, withdrawn where they are gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from oneuser.core.errors import ConfigError, GateError
from oneuser.events.instants import DAY, micros
from tests.spark.events.staging import AS_OF, Ingest, lines_source
from tests.unit.events.parsing import line

MAY = datetime(2026, 5, 1, 10, tzinfo=UTC)
CRM = {"format": "csv", "a": {"customer_id": "Contact"}, "b": {"email": "E-mail"}, "time": "Updated"}


@pytest.fixture
def ingest(spark: SparkSession, warehouse_path: Path) -> Ingest:
    return Ingest(spark, warehouse_path)


@pytest.fixture
def web(tmp_path: Path) -> dict[str, Any]:
    """One event, of ann@example.com."""
    path = tmp_path / "web.jsonl"
    path.write_bytes(line(traits={"email": "ann@example.com"}) + b"\n")
    return lines_source(path)


def write(path: Path, *rows: str) -> Path:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def links(ingest: Ingest) -> list[tuple[Any, ...]]:
    """Rows of `links`, by the values of their ends."""
    values = {row["identifier_id"]: row["id_value"] for row in ingest.table("identifier_values").collect()}
    rows = [
        (row["source"], values[row["src"]], values[row["dst"]], row["link_time"], row["priority"], row["run_seq"])
        for row in ingest.table("links").collect()
        if row["src"] < row["dst"]
    ]
    return sorted(rows, key=str)


def test_links_share_numbers_with_events_and_every_record_is_accounted_for(
    ingest: Ingest, web: dict[str, Any], tmp_path: Path
) -> None:
    path = write(
        tmp_path / "crm.csv",
        "Contact,E-mail,Updated,Status",
        "c1,Ann@Example.com ,2026-05-01T10:00:00Z,active",
        "c1,ann@example.com,2026-05-01T10:00:00Z,active",
        "c1,ann@example.com,,active",
        "c2,no address,,active",
        "none,bob@example.com,,active",
        "c3,,,active",
        "c4,dan@example.com,2027-01-01,active",
        "c5,eve@example.com,,gone",
        "c6,fay@example.com,,active,too many",
    )
    ingest.links = {"crm": CRM | {"path": str(path), "priority": 4, "where": {"Status": {"equals": "active"}}}}

    metrics = ingest.run(web=web)

    # Ann's address has the number that the event gave it; nobody else's got one
    everyone = {row["identifier_id"]: row["id_value"] for row in ingest.table("identifier_values").collect()}
    assert sorted(everyone) == [1, 2, 3]
    assert sorted(everyone.values()) == ["a1", "ann@example.com", "c1"]
    assert ingest.table("identifiers").count() == 3
    ann_before_c1 = "ann@example.com", "c1"
    assert links(ingest) == [
        ("crm", *ann_before_c1, None, 4, 1),
        ("crm", *ann_before_c1, MAY.replace(tzinfo=None), 4, 1),
    ]
    assert metrics["records_in|links.crm"] == 9
    assert metrics["links|crm"] == 2
    assert metrics["link_records_duplicate|crm"] == 1
    assert metrics["link_records_left_out|crm"] == 1
    refused = {row["code"]: row["n_records"] for row in ingest.table("rejected_records").collect()}
    assert refused == {
        "id.email": 1, "id.blocked": 1, "links.missing": 1, "reference.time": 1, "reference.syntax": 1,
    }  # fmt: skip


def test_every_format_and_shape_gives_the_same_links(ingest: Ingest, web: dict[str, Any], tmp_path: Path) -> None:
    named = {"id_type_a": "customer_id", "id_value_a": "7", "id_type_b": "email", "id_value_b": "ann@example.com"}
    write(tmp_path / "l.jsonl", str(named | {"id_value_a": 7}).replace("'", '"'))
    write(tmp_path / "l.tsv", "a\tb\tt", "7\tann@example.com\t")
    # the last column has an address for a name
    table = {"a": [7.0, None], "b": ["ann@example.com", "x@example.com"], "bob@example.com": [1, 1]}
    pq.write_table(pa.table(table), tmp_path / "l.parquet")
    typed = {"a": {"customer_id": "a"}, "b": {"email": "b"}}
    ingest.links = {
        "lines": {"path": f"{tmp_path}/l.jsonl", "format": "jsonl"},
        "tabs": {"path": f"{tmp_path}/l.tsv", "format": "tsv", "time": "t", **typed},
        "columns": {"path": f"{tmp_path}/l.parquet", "format": "parquet", **typed},
    }

    metrics = ingest.run(web=web)

    assert [row[:4] for row in links(ingest)] == [
        (name, "ann@example.com", "7", None) for name in ("columns", "lines", "tabs")
    ]
    assert metrics["records_rejected|links.columns"] == 1
    assert {name: n for name, n in metrics.items() if name.startswith("columns_left_out")} == {
        "columns_left_out|links.columns": 1
    }


def test_what_is_gone_from_the_files_is_withdrawn_and_what_stays_keeps_its_run(
    ingest: Ingest, web: dict[str, Any], tmp_path: Path
) -> None:
    header = "Contact,E-mail,Updated"
    path = write(tmp_path / "crm.csv", header, "c1,ann@example.com,", "c2,bob@example.com,")
    ingest.links = {"crm": CRM | {"path": str(path)}}
    ingest.run(web=web)
    first = dict(ingest.tables)

    # nothing changed: nothing is written
    ingest.run(web=web)
    assert ingest.tables == first

    # the same in another order, in a new file: the links are not written again
    write(path, header, "c2,bob@example.com,", "c1,ann@example.com,", "")
    ingest.run(web=web)
    assert ingest.tables["links"] == first["links"]
    assert ingest.tables["identifiers"] == first["identifiers"]

    # one goes, one comes, one stays
    write(path, header, "c1,ann@example.com,", "c3,cyd@example.com,")
    ingest.run(web=web)
    kept = {frozenset(row[1:3]): row[5] for row in links(ingest)}
    assert kept == {frozenset(["ann@example.com", "c1"]): 1, frozenset(["cyd@example.com", "c3"]): 4}
    assert ingest.table("identifiers").count() == 7

    # the table is no longer configured: it is withdrawn as a whole, once
    ingest.links = {}
    ingest.run(web=web)
    assert links(ingest) == []
    emptied = dict(ingest.tables)
    ingest.run(web=web)
    assert ingest.tables == emptied

    # and what it named is still known by its number
    ingest.links = {"crm": CRM | {"path": str(path)}}
    ingest.run(web=web)
    assert {frozenset(row[1:3]): row[5] for row in links(ingest)} == dict.fromkeys(kept, 7)
    assert ingest.table("identifiers").count() == 7


def test_a_link_of_the_future_is_one_when_its_time_has_come_whatever_its_file(
    ingest: Ingest, web: dict[str, Any], tmp_path: Path
) -> None:
    day = timedelta(days=1)
    rows = [f"c{n},ann@example.com,{(AS_OF + n * day).isoformat()}" for n in (1, 3, 9)]
    path = write(tmp_path / "crm.csv", "Contact,E-mail,Updated", *rows, "c4,ann@example.com,no time")
    ingest.links = {"crm": CRM | {"path": str(path)}}

    def run(after: timedelta) -> tuple[int, list[int | None]]:
        ingest.as_of = AS_OF + after
        ingest.run(web=web)
        inputs = ingest.table("reference_inputs").collect()
        return len(links(ingest)), [row["due_us"] and round((row["due_us"] - micros(AS_OF)) / DAY) for row in inputs]

    assert run(0 * day) == (1, [3])
    first = dict(ingest.tables)
    assert run(1 * day) == (1, [3])
    assert ingest.tables == first
    # a look at the same content in a new file forgets nothing
    path.touch()
    assert run(1 * day) == (1, [3])
    assert run(2 * day) == (2, [9])
    assert run(99 * day) == (3, [None])
    assert ingest.table("rejected_records").count() == 1


def test_without_link_tables_there_are_no_tables_of_them(ingest: Ingest, web: dict[str, Any]) -> None:
    ingest.run(web=web)

    assert not {"links", "reference_inputs", "rejected_records"} & set(ingest.tables)


def test_a_missing_column_and_damage_stop_the_run_before_anything_is_withdrawn(
    ingest: Ingest, web: dict[str, Any], tmp_path: Path
) -> None:
    path = write(tmp_path / "crm.csv", "Contact,E-mail,Updated", "c1,ann@example.com,")
    ingest.links = {"crm": CRM | {"path": str(path)}}
    ingest.run(web=web)
    before = ingest.tables["links"]

    write(path, "Contact,Mail,Updated", "c1,ann@example.com,")
    with pytest.raises(ConfigError, match="no column E-mail"):
        ingest.run(web=web)
    write(path, "Contact,E-mail,Updated", "c1,ann@example.com,", "c2,bob@example.com,,too many")
    with pytest.raises(GateError, match="of the records of links"):
        ingest.run(max_share=0.4, web=web)

    assert ingest.tables["links"] == before
