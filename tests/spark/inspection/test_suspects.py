"""Suspects from literal tables: who is looked at, what messages hold together, in which order they come."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS
from oneuser.contracts.identity import IDENTIFIER_MAP
from oneuser.contracts.table import TableContract
from oneuser.inspection.suspect_tables import rank_held
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


def tables(
    spark: SparkSession,
    places: Sequence[tuple[int, int, str]] = PLACES,
    pairs: Collection[tuple[int, int]] = PAIRS,
    messages: Mapping[str, Sequence[int]] = MESSAGES,
) -> tuple[DataFrame, DataFrame, DataFrame, DataFrame]:
    kind = {number: id_type for _, number, id_type in places}
    mapped = [
        (n, t, f"usr_{c}", STRENGTH[t], t != "device", False, False, MONDAY, MONDAY, n) for c, n, t in places
    ]  # fmt: skip
    placed = [
        (n, c, c, t, b"%d" % n, STRENGTH[t], t != "device", False, False, MONDAY, b"k", MONDAY, n) for c, n, t in places
    ]
    edges = [(a, b, "event", 1, MONDAY, b"k", MONDAY, b"k", None, 1, 1) for a, b in pairs]
    # what a message carries twice has the rank of either place
    observed = [
        (message.encode(), n, kind[n], rank, MONDAY, None, "event", len(numbers), 1)
        for message, numbers in messages.items()
        for rank, n in enumerate(numbers)
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


@dataclass
class Held:
    """A publication of a few rows, as it is read without Spark."""

    tables: Mapping[str, pa.Table]

    def held(self, contract: TableContract, *, columns: Sequence[str]) -> pa.Table:
        return self.tables[contract.name].select(columns)

    def rows(
        self, contract: TableContract, *, columns: Sequence[str], where: Mapping[str, Collection[Any]]
    ) -> list[dict[str, Any]]:
        ((name, values),) = where.items()
        found = self.tables[contract.name].select(columns).to_pylist()
        return [row for row in found if row[name] in values]


def held(frames: Sequence[DataFrame]) -> Any:
    contracts = (IDENTIFIER_MAP, COMPONENTS, EDGES, EVENT_IDENTIFIERS)
    return Held({contract.name: rows.toArrow() for contract, rows in zip(contracts, frames, strict=True)})


def test_without_spark_the_suspects_are_the_same(spark: SparkSession) -> None:
    # given 40 people of random messages of one to four identifiers, some carried twice and some of other people's
    chance = random.Random(7)
    places, pairs, messages = [], set(), {}
    for person in range(40):
        own = [10 * person + number for number in range(chance.randint(1, 8))]
        places += [(own[0], number, chance.choice([*STRENGTH])) for number in own]
        pairs |= {(chance.choice(own[:place]), own[place]) for place in range(1, len(own))}
        for number in range(6):
            carried = chance.choices(own, k=chance.randint(1, 4))
            messages[f"{person}-{number}"] = carried + ([chance.choice(places)[1]] if chance.random() < 0.1 else [])
            centre = min(carried)
            pairs |= {(centre, other) for other in carried if other != centre}
    frames = tables(spark, places, pairs, messages)

    found = [row.asDict() for row in rank_suspects(*frames).collect()]

    assert rank_held(held(frames)) == found
    assert len(found) > 5
    assert rank_held(held(frames), limit=3) == found[:3]
    assert rank_held(held([rows.limit(0) for rows in frames])) == []
    by_size = [row.asDict() for row in rank_suspects(*frames, largest=6).collect()]
    assert rank_held(held(frames), largest=6) == by_size != found
