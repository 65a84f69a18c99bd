"""Random touches, conversions and milestones as frames, and credits as plain rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from tests.oracle.attribution import DAY, UNITS, Conversion, Milestone, Touch

START = datetime(2026, 3, 1, tzinfo=UTC)
Ids = Callable[[str], Any]
IDS: dict[str, tuple[T.DataType, Ids]] = {
    "text": (T.StringType(), str),
    "binary": (T.BinaryType(), lambda name: name.encode()),
    "whole": (T.IntegerType(), lambda name: int.from_bytes(name.encode()) % 10**9),
}


class History:
    """Random touches, conversions and milestones; often in the same instant, or exactly a look-back apart."""

    def __init__(self, seed: int, ids: Ids) -> None:
        chance = random.Random(seed)
        entities = [ids(f"e{n}") for n in range(9)]
        days = [day * DAY for day in range(60)]
        currencies = ["EUR", "JPY", "KWD", None]  # two, no and three decimals
        self.touches = [
            Touch(
                ids(f"t{n}"),
                chance.choice([*entities, None]),
                chance.choice(days) + chance.choice([0, 0, 0, 1]),
                chance.choice(["Direct", "direct", "Email", "Paid Search", None, " "]),
            )
            for n in range(150)
        ]
        self.conversions = [
            Conversion(
                ids(f"c{n}"),
                chance.choice([*entities[:6], ids("without touches"), None]),
                chance.choice(days) + chance.choice([0, 0, 1, -1]),
                chance.choice([None, 0, 1, 7, 9999, -500, 10**15]),
                chance.choice(currencies),
                chance.choice(["order", "order", "signup"]),
            )
            for n in range(50)
        ]
        self.milestones = [
            Milestone(
                chance.choice(entities), chance.choice(["lead", "opportunity", "close", "demo"]), chance.choice(days)
            )
            for _ in range(25)
        ]

    def frames(self, spark: SparkSession, dtype: T.DataType) -> tuple[DataFrame, DataFrame, DataFrame]:
        def schema(**columns: Any) -> T.StructType:
            return T.StructType([T.StructField(name, kind) for name, kind in columns.items()])

        money, time, text = T.LongType(), T.TimestampType(), T.StringType()
        return (
            spark.createDataFrame(
                [(one.entity, one.id, as_time(one.at), one.channel) for one in self.touches],
                schema(entity_id=dtype, touch_id=dtype, touched_at=time, channel=text),
            ),
            spark.createDataFrame(
                [(one.id, one.entity, as_time(one.at), one.value, one.currency, one.kind) for one in self.conversions],
                schema(
                    conversion_id=dtype,
                    entity_id=dtype,
                    converted_at=time,
                    value_minor=money,
                    currency=text,
                    conversion=text,
                ),
            ),
            spark.createDataFrame(
                [(one.entity, one.name, as_time(one.at)) for one in self.milestones],
                schema(entity_id=dtype, milestone=text, reached_at=time),
            ),
        )


def as_time(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def rows_of(credited: DataFrame) -> set[tuple[Any, ...]]:
    found = [
        (
            plain(row.conversion_id), row.model, plain(row.touch_id), row.position, row.channel,
            int(row.weight * UNITS), row.credit_minor, row.currency,
        )
        for row in credited.collect()
    ]  # fmt: skip
    assert len(found) == len(set(found))
    return set(found)


def plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytearray) else value
