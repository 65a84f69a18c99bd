"""Real input beyond identity: the spec's own messages, and a shop's invoices through a declared mapping."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from oneuser.config import make_config
from oneuser.runs.run import run_pipeline
from tests.integration.published import read_table


# ingest alone does it in `make test`: tests/spark/events/test_ingest.py
@pytest.mark.soak
def test_every_message_of_the_segment_spec_is_accounted_for(
    spark: SparkSession, shared_data: Path, warehouse_path: Path
) -> None:
    settings = make_config(
        {
            "deployment": "spec",
            "warehouse": str(warehouse_path),
            "keys": {"identifiers": f"file:{warehouse_path}/.secrets/identifiers"},
            "sources": {
                "spec": {
                    "path": str(shared_data / "segment-spec-messages" / "messages.jsonl"),
                    "format": "jsonl",
                    "root": "message",
                    "preset": "segment",
                }
            },
            "identity": {
                "id_types": {
                    "user_id": {"priority": 1, "known": True},
                    "email": {"priority": 2, "known": True, "normaliser": "email"},
                    "anonymous_id": {"priority": 9, "known": False},
                }
            },
            "quarantine": {"max_share": 1.0},
        }
    )

    result = run_pipeline(spark, settings)

    metrics = result.metrics
    assert metrics["lines_in|spec"] == 77
    dispositions = ("accepted", "quarantined", "suppressed", "duplicate")
    assert sum(metrics[f"lines|{name}"] for name in dispositions) == 77
    codes = [row["code"] for row in read_table(warehouse_path, "quarantine").to_pylist()]
    # 39 track examples print no `type`; whatever else is refused lacks what the spec demands
    assert len(codes) == metrics["lines|quarantined"]
    assert sum(code == "spec.no_type" for code in codes) == 39
    assert all(code.startswith(("spec.", "time.")) for code in codes)
    assert read_table(warehouse_path, "events").num_rows == metrics["lines|accepted"]


@pytest.mark.soak
@pytest.mark.usefixtures("planned_for_many_rows")
def test_a_shop_of_half_a_million_lines_gives_the_published_cohorts(
    spark: SparkSession, shared_data: Path, warehouse_path: Path
) -> None:
    folder = shared_data / "online-retail-ii-2009-2010"
    settings = make_config(
        {
            "deployment": "shop",
            "warehouse": str(warehouse_path),
            "keys": {"identifiers": f"file:{warehouse_path}/.secrets/identifiers"},
            "sources": {
                "shop": {
                    "path": str(folder / "online_retail_2009_2010.parquet"),
                    "format": "parquet",
                    "mapping": {
                        "type": {"const": "track"},
                        "event": {"const": "Order Completed"},
                        "event_time": {"column": "InvoiceDate", "format": "yyyy-MM-dd HH:mm:ss", "zone": "UTC"},
                        "identifiers": {"customer_id": "Customer ID"},
                        "properties": {"revenue": {"product": ["Quantity", "Price"]}, "quantity": "Quantity"},
                    },
                }
            },
            "identity": {"id_types": {"customer_id": {"priority": 1, "known": True}}},
            "retention": {"start": "any", "return": "any", "interval": "month", "mode": "on", "zone": "UTC"},
        }
    )

    result = run_pipeline(spark, settings)

    assert result.metrics["lines_in|shop"] == 525_461
    codes = read_table(warehouse_path, "quarantine").column("code").to_pylist()
    assert codes.count("spec.no_identity") == 107_927
    assert result.metrics["people"] == 4_383
    with (folder / "cohort_counts_all_lines.csv").open() as file:
        expected = {(row["cohort"], int(row["k"])): int(row["n"]) for row in csv.DictReader(file)}
    found = {
        (f"{row['cohort']:%Y-%m}", row["offset"]): row["cohort_size"] if row["offset"] == 0 else row["retained"]
        for row in read_table(warehouse_path, "retention").to_pylist()
    }
    assert {cell: n for cell, n in found.items() if n} == {cell: n for cell, n in expected.items() if n}
    assert all(
        row["rate"] is None for row in read_table(warehouse_path, "retention").to_pylist() if not row["is_observed"]
    )
    assert dt.date(2009, 12, 1) in {row["cohort"] for row in read_table(warehouse_path, "retention").to_pylist()}
