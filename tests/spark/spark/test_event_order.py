"""The order of events as columns: what plain Python says of the same rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.core.event_order import event_order as expected_order
from oneuser.spark.event_order import event_order, in_event_order

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RECEIPTS = (None, -62_000_000_000_000_000, -1, 0, 1, 255, 1_772_442_000_000_000, 253_000_000_000_000_000)
KEYS = (b"\x00" * 16, b"\x7f" * 16, b"\x80" * 16)


def test_places_are_those_of_plain_python_and_sort_alike(spark: SparkSession) -> None:
    rows = [
        (EPOCH, None if received is None else EPOCH + timedelta(microseconds=received), key)
        for received in RECEIPTS
        for key in KEYS
    ]
    events = spark.createDataFrame(rows, "event_time timestamp, received_at timestamp, message_key binary")

    sorted_rows = events.coalesce(1).orderBy(*in_event_order())
    places = [bytes(row[0]) for row in sorted_rows.select(event_order()).collect()]

    assert places == sorted(expected_order(received, key) for received in RECEIPTS for key in KEYS)
    assert {bytes(row[0]) for row in events.agg(F.max(event_order())).collect()} == {places[-1]}
