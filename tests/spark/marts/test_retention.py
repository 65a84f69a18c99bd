"""Retention of the job: the watermark, activity, and published cohorts."""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.graph import FILES
from oneuser.marts.provenance import Provenance
from oneuser.marts.retention import retain
from oneuser.marts.watermark import find_watermark
from oneuser.marts.wilson import wilson_interval

MADE = Provenance(params_id="p", identity_run=3)


def test_wilson_intervals_are_the_published_ones(spark: SparkSession) -> None:
    # by R: binom::binom.wilson(x, n)
    cases = [
        (0, 10, 0.0, 0.2775328),
        (1, 10, 0.0178762, 0.4041500),
        (5, 10, 0.2365931, 0.7634069),
        (10, 10, 0.7224672, 1.0),
    ]
    low, high = wilson_interval(F.col("x"), F.col("n"))
    rows = spark.createDataFrame([case[:2] for case in [*cases, (0, 0)]], "x bigint, n bigint")

    found = rows.select("x", "n", low.alias("low"), high.alias("high")).collect()

    for (x, n, expected_low, expected_high), row in zip(cases, found, strict=False):
        assert (row.x, row.n) == (x, n)
        assert math.isclose(row.low, expected_low, abs_tol=1e-7)
        assert math.isclose(row.high, expected_high, abs_tol=1e-7)
    assert (found[-1].low, found[-1].high) == (None, None)


def test_a_source_counts_by_its_receipts_as_soon_as_it_has_any(spark: SparkSession) -> None:
    early, late = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    next_day, never = early + timedelta(1), late + timedelta(365)

    def file(source: str, received: datetime | None, happened: datetime | None) -> dict[str, Any]:
        about = {"file": "f", "n_bytes": 1, "modified_at": early, "n_lines": 1, "digest": 1, "state": "x", "run_seq": 1}
        return about | {"source": source, "last_received_at": received, "last_event_at": happened}

    def watermark(*files: dict[str, Any]) -> int | None:
        seconds: int | None = (
            find_watermark(FILES.frame(spark, list(files))).select(F.unix_seconds("watermark")).collect()[0][0]
        )
        return seconds

    # a line without a receipt names a time far ahead, in a file of its own or beside others
    web = [file("web", late, never), file("web", early, early), file("web", None, never)]
    # nobody ever says when it was received
    crm = [file("crm", None, early), file("crm", None, next_day)]
    assert watermark(*web) == int(late.timestamp())
    assert watermark(*web, *crm, file("new", None, None)) == int(next_day.timestamp())
    assert watermark(file("new", None, None)) is None
    assert watermark() is None


def test_cohorts_of_the_online_retail_data_are_the_published_ones(spark: SparkSession, shared_data: Path) -> None:
    folder = shared_data / "online-retail-ii-2009-2010"
    with (folder / "cohort_counts_all_lines.csv").open(encoding="utf-8") as file:
        published = {(row["cohort"], int(row["k"])): int(row["n"]) for row in csv.DictReader(file)}
    lines = spark.read.parquet(str(folder / "online_retail_2009_2010.parquet"))
    events = lines.select(
        F.col("Customer ID").cast("string").alias("entity_id"), F.to_timestamp("InvoiceDate").alias("event_time")
    )

    cells = retain(events, unit="month", watermark=datetime(2010, 12, 9, 20, 1, tzinfo=UTC)).collect()

    assert {(f"{row.cohort:%Y-%m}", row.offset): row.retained for row in cells if row.retained} == published
    assert {row.cohort.month for row in cells if not row.is_observed and row.offset == 12} == {12}
    assert all(
        (row.rate is None) == (row.cohort.year * 12 + row.cohort.month + row.offset >= 2010 * 12 + 12) for row in cells
    )
