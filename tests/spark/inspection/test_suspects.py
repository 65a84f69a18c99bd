"""Suspects from literal tables: who is looked at, what messages hold together, in which order they come."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS
from oneuser.contracts.identity import IDENTIFIER_MAP
from oneuser.inspection.suspects import rank_suspects

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
STRENGTH = {"user_id": 1, "email": 2, "phone": 3, "device": 9}
# component, number and type of each identifier
PLACES = [
    # an address that three phones share, one of them with a device
    (1, 1, "email"), (1, 2, "phone"), (1, 3, "phone"), (1, 4, "phone"), (1, 5, "device"),
    # a login whose message carries address and phone at once
    (6, 6, "user_id"), (6, 7, "email"), (6, 8, "phone"),
    # a device between two logins, whose edge to one of them is refused
    (9, 9, "user_id"), (9, 10, "device"), (11, 11, "user_id"),
]  # fmt: skip
PAIRS = [(1, 2), (1, 3), (1, 4), (2, 5), (6, 7), (6, 8), (9, 10), (10, 11)]
MESSAGES = {"a": (1, 2), "b": (1, 3), "c": (1, 4), "d": (2, 5), "e": (8, 7, 6), "f": (9, 10), "g": (11, 10)}


def tables(spark: SparkSession) -> tuple[DataFrame, DataFrame, DataFrame, DataFrame]:
    kind = {number: id_type for _, number, id_type in PLACES}
    mapped = [
        (n, t, f"usr_{c}", STRENGTH[t], t != "device", False, False, MONDAY, MONDAY, n) for c, n, t in PLACES
    ]  # fmt: skip
    placed = [
        (n, c, c, t, bytes([n]), STRENGTH[t], t != "device", False, False, MONDAY, b"k", MONDAY, n)
        for c, n, t in PLACES
    ]
    edges = [(a, b, "event", 1, MONDAY, b"k", MONDAY, b"k", None, 1, 1) for a, b in PAIRS]
    observed = [
        (message.encode(), n, kind[n], 0, MONDAY, None, "event", len(numbers), 1)
        for message, numbers in MESSAGES.items()
        for n in numbers
    ]
    return (
        spark.createDataFrame(mapped, IDENTIFIER_MAP.schema),
        spark.createDataFrame(placed, COMPONENTS.schema),
        spark.createDataFrame(edges, EDGES.schema),
        spark.createDataFrame(observed, EVENT_IDENTIFIERS.schema),
    )


def test_suspects_come_with_their_effect_the_largest_first(spark: SparkSession) -> None:
    rows = rank_suspects(*tables(spark)).collect()

    # neither the login that one message carries with both others, nor the device of a refused edge
    assert [row.asDict() for row in rows] == [
        {
            "identifier_id": 1, "id_type": "email", "user_id": "usr_1", "n_people": 3, "n_parts": 3, "n_parted": 2,
            "part_sizes": [2, 1, 1], "n_events": 1,
        },
    ]  # fmt: skip


@pytest.mark.parametrize(("largest", "expected"), [(1, [1]), (0, [])])
def test_only_the_largest_people_are_looked_at_where_that_is_asked(
    spark: SparkSession, largest: int, expected: list[int]
) -> None:
    rows = rank_suspects(*tables(spark), largest=largest).collect()

    assert [row["identifier_id"] for row in rows] == expected


def test_without_rows_there_are_no_suspects(spark: SparkSession) -> None:
    empty = [rows.limit(0) for rows in tables(spark)]

    assert rank_suspects(*empty).collect() == []
