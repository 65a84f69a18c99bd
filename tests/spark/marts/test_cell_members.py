"""Members of a cell of retention are exactly as many as each of its numbers says, whatever the definition."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.marts.retention.cell_members import find_cell_members
from oneuser.marts.retention.cells import count_cells
from oneuser.marts.retention.definition import checked_definition
from oneuser.marts.retention.members import find_steps
from oneuser.marts.retention.retain import moments_of
from oneuser.spark.small_data import planned_for_small_data
from tests.oracle.product_events import BERLIN, collect_cases, frame_of, random_events

WATERMARK = datetime(2026, 4, 1, 12, tzinfo=UTC)
NUMBERS = ["cohort_size", "returned_same_interval", "retained", "retained_eligible", "eligible"]
DEFINITIONS: list[dict[str, Any]] = [
    {"unit": "week", "zone": BERLIN, "return_event": ["A", "B"]},
    {"unit": "month", "mode": "on_or_after", "membership": "recurring", "min_events": 2},
    {"unit": "week", "mode": "streak", "basis": "rolling", "breakdown": "plan", "start": "C"},
    {"unit": "week", "mode": [{"from": 1, "until": 2}, {"from": 2, "until": 4}], "max_offset": 3},
    {"unit": "month", "mode": "before", "start": "D", "membership": "first_matching"},
]


@pytest.fixture(scope="module", autouse=True)
def _small(spark: SparkSession) -> Iterator[None]:
    with planned_for_small_data(spark):
        yield


def test_members_of_every_cell_add_up_to_its_numbers(spark: SparkSession) -> None:
    events = frame_of(spark, random_events(seed=5, n_events=400)).where("event_time IS NOT NULL")
    plan = F.create_map(F.lit("plan"), F.get_json_object("properties", "$.plan"))
    mapped = events.withColumn("properties", plan).coalesce(1).localCheckpoint()
    frames = []
    for words in DEFINITIONS:
        definition = checked_definition(**words)
        moments = moments_of(mapped, definition)
        cells = count_cells(find_steps(moments, definition, watermark=WATERMARK), definition).localCheckpoint()
        number = F.col("offset")
        if definition.brackets:
            # cells of brackets are asked for by their number
            ends = F.array(*(F.lit(last) for _, last in definition.brackets))
            number = F.when(number > 0, F.array_position(ends, F.col("offset_until")).cast("int")).otherwise(number)
        asked = cells.select("interval", "breakdown", number.alias("offset"))
        members = find_cell_members(moments, definition, watermark=WATERMARK, cells=asked)
        found = members.groupBy("interval", "breakdown", "offset").agg(
            *(F.count_if(name).alias(name) for name in NUMBERS),
            (F.count(F.lit(1)) - F.count_distinct("entity_id")).alias("repeated"),
        )
        said = cells.select("interval", "breakdown", number.alias("offset"), *NUMBERS, F.lit(0).alias("repeated"))
        frames += [rows.select(F.to_json(F.struct("*"))) for rows in (found, said)]
    compared = collect_cases(frames)
    for place, words in enumerate(DEFINITIONS):
        found_rows, said_rows = ([json.loads(row[0]) for row in compared[2 * place + side]] for side in (0, 1))
        assert found_rows == said_rows, words
        assert any(row["offset"] != 0 and row["retained"] for row in said_rows), words
