"""Retention of anybody's frame: every cell against plain Python, in sessions of several zones."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.marts.retention import retain
from oneuser.spark.temporarily import session_settings
from tests.oracle.cohorts import SPAN, Case, Event, count_cells, random_events

COLUMNS = {
    "entity_id": pa.string(), "event_time": pa.timestamp("us", "UTC"), "event": pa.string(),
    "properties": pa.map_(pa.string(), pa.string()),
}  # fmt: skip
# many plans over few rows: compiling them would take longest
PLAIN = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
SESSION_ZONES = ["UTC", "America/New_York", "Asia/Kathmandu"]
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "UTC"]
BRACKETS = [{"mode": "bracket", "from": 1, "until": 3}, {"from": 2, "until": 2}, {"from": 1, "until": 2}]
MODES: list[Any] = ["on", "on_or_after", "on_or_before", "streak", BRACKETS, "before"]
# clocks in Berlin go forward and back; New Year in a zone that is ahead
AROUND = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 18, 15, tzinfo=UTC),
]


def all_cases() -> list[tuple[int, Case]]:
    """Every mode, membership, basis, unit and minimum, each with other names, filters and watermarks, and a seed."""
    chance = random.Random(5)
    cases = []
    for number, (mode, membership, basis, unit, least) in enumerate(
        product(
            MODES, ["first_ever", "first_matching", "recurring"], ["calendar", "rolling", "rolling_hour_floored"],
            SPAN, [1, 2],
        )
    ):  # fmt: skip
        around = AROUND[number % 3]
        watermark = around + SPAN[unit] * chance.choice([0.3, 0.6, 0.9, 1.2])
        cases.append(
            (
                number,
                Case(
                    unit=unit, mode=mode, membership=membership, basis=basis, min_events=least,
                    zone=chance.choice(ZONES), week_start=chance.choice(["monday", "sunday"]),
                    watermark=watermark - timedelta(microseconds=watermark.microsecond),
                    start=chance.choice([None, "A", "B"]), return_event=chance.choice([None, "A", "C"]),
                    start_where=chance.choice([{}, {"plan": "pro"}]),
                    return_where=chance.choice([{}, {"plan": "team"}]),
                    breakdown=chance.choice([None, "plan"]), breakdown_at=chance.choice(["start", "start_and_return"]),
                ),
            )
        )  # fmt: skip
    return cases


CASES = all_cases()


def some_cases(n: int) -> list[tuple[int, Case]]:
    """Cases of which each brings two words together that did not meet before, as long as there are such."""
    chance, met, chosen = random.Random(1), set(), []

    def pairs(case: Case) -> set[Any]:
        words = [str(case.mode), case.membership, case.basis, case.unit, case.min_events, case.breakdown_at]
        return {(i, j, words[i], words[j]) for i in range(len(words)) for j in range(i)}

    for _ in range(n):
        best = max(chance.sample(CASES, 150), key=lambda one: len(pairs(one[1]) - met))
        met |= pairs(best[1])
        chosen.append(best)
    return chosen


@cache
def events_of(number: int, unit: str) -> list[Event]:
    return random_events(seed=number % 3, unit=unit, around=AROUND[number % 3])


def frame(spark: SparkSession, events: list[Event]) -> DataFrame:
    values = zip(*[(*event[:3], list(event[3].items())) for event in events], strict=True)
    arrays = [pa.array(column, kind) for column, kind in zip(values, COLUMNS.values(), strict=True)]
    return spark.createDataFrame(pa.table(arrays, names=list(COLUMNS)))


def cells_of(cells: DataFrame) -> dict[tuple[Any, ...], Any]:
    """Rows by cohort, breakdown, offset and last offset."""
    kind = dict(cells.dtypes)["cohort"]
    shown = cells.withColumn("cohort", F.unix_micros("cohort")) if kind == "timestamp" else cells
    rows = [row.asDict() for row in shown.collect()]
    keyed = {
        (row["cohort"], row.get("breakdown"), row["offset"], row.get("offset_until", row["offset"])): row
        for row in rows
    }
    assert len(keyed) == len(rows)
    return keyed


def check_case(spark: SparkSession, number: int, case: Case) -> None:
    events = events_of(number, case.unit)
    with session_settings(spark, {"spark.sql.session.timeZone": SESSION_ZONES[number % 3], **PLAIN}):
        found = cells_of(retain(frame(spark, events), **case.words()))

    names = ("cohort_size", "returned_same_interval", "retained", "retained_eligible", "eligible")
    wanted = {
        (int(key[0].timestamp()) * 1_000_000 if isinstance(key[0], datetime) else key[0], *key[1:]): counts
        for key, counts in count_cells(events, case).items()
    }
    assert {key: tuple(row[name] for name in names) for key, row in found.items()} == wanted, (number, case)
    for row in found.values():
        assert row["is_observed"] == (row["eligible"] > 0)
        assert row["rate"] == (row["retained_eligible"] / row["eligible"] if row["is_observed"] else None)
        assert (row["rate_low"] is None) == (row["rate_high"] is None) == (row["rate"] is None)
        assert row["rate"] is None or 0 <= row["rate_low"] <= row["rate"] <= row["rate_high"] <= 1


@pytest.mark.parametrize(("number", "case"), some_cases(12))
def test_every_cell_is_that_of_the_definition(spark: SparkSession, number: int, case: Case) -> None:
    check_case(spark, number, case)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(27))
def test_every_cell_of_every_mode_is_that_of_the_definition(spark: SparkSession, part: int) -> None:
    for number, case in CASES[part::27]:
        check_case(spark, number, case)
