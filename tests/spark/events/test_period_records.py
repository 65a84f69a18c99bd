"""Periods of records as timestamps, by the one reader of times that events have too."""

from __future__ import annotations

from pyspark.sql import SparkSession

from oneuser.events.period_records import read_periods
from oneuser.events.spec import EARLIEST_TIME


def test_periods_are_read_and_what_is_no_time_or_no_period_is_refused(spark: SparkSession) -> None:
    written = [
        ("2026-03-01", "2026-04-01T00:00:00Z"),
        ("2026-03-01 12:00:00.5 +02:00", None),
        (None, "9999-12-31"),
        ("2026-03-01", "2026-03-01"),
        ("12:30", None),
        ("2026-02-30", None),
        (None, "1.4.2026"),
    ]
    schema = "valid_from string, valid_to string, code string, detail string"
    records = spark.createDataFrame([(*period, None, None) for period in written], schema)

    read = read_periods(records, earliest=EARLIEST_TIME).selectExpr(
        "cast(valid_from as string) valid_from", "cast(valid_to as string) valid_to", "code"
    )

    assert [tuple(row) for row in read.collect()] == [
        ("2026-03-01 00:00:00", "2026-04-01 00:00:00", None),
        ("2026-03-01 10:00:00.5", None, None),
        (None, None, None),
        ("2026-03-01 00:00:00", "2026-03-01 00:00:00", "reference.period"),
        (None, None, "reference.time"),
        (None, None, "reference.time"),
        (None, None, "reference.time"),
    ]


def test_times_may_be_written_otherwise_and_in_another_zone(spark: SparkSession) -> None:
    schema = "valid_from string, valid_to string, code string, detail string"

    def read(start: str, end: str, **rules: str) -> tuple[str | None, ...]:
        records = spark.createDataFrame([(start, end, None, None)], schema)
        texts = read_periods(records, earliest=EARLIEST_TIME, **rules).selectExpr(
            "cast(valid_from as string)", "cast(valid_to as string)", "code"
        )
        return tuple(texts.collect()[0])

    # in Berlin a day begins an hour earlier in winter, two in summer; what names its zone needs none
    assert read("2026-01-10", "2026-07-10 12:00Z", zone="Europe/Berlin") == (
        "2026-01-09 23:00:00", "2026-07-10 12:00:00", None,
    )  # fmt: skip
    assert read("31/12/2025", "31/07/2026", pattern="dd/MM/yyyy", zone="Europe/Berlin") == (
        "2025-12-30 23:00:00", "2026-07-30 22:00:00", None,
    )  # fmt: skip
    for written in ("12:00:00+0200", "12:00+02", "12:00:00 +02:00", "10:00:00.000000000Z", "10:00 UTC", "10:00"):
        assert read("2026-03-01", f"2026-07-10T{written}") == ("2026-03-01 00:00:00", "2026-07-10 10:00:00", None)
    zoned = {"pattern": "dd.MM.yyyy HH:mmXXX", "zone": "Europe/Berlin"}
    assert read("01.03.2026 10:00+03:00", "31.12.9999 00:00Z", **zoned) == ("2026-03-01 07:00:00", None, None)
    assert read("2026-03-01", "31/07/2026", pattern="dd/MM/yyyy")[0] is None
    assert read("2026-03-01", "31/07/2026", pattern="dd/MM/yyyy")[2] == "reference.time"
