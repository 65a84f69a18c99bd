"""Retention against plain Python on random events, against published cohorts, and at the edges of calendars."""

from __future__ import annotations

import csv
import math
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import ACTIVITY, RETENTION
from oneuser.marts.calendar import Calendar
from oneuser.marts.provenance import Provenance
from oneuser.marts.retention.activity import build_activity
from oneuser.marts.retention.cohorts import build_retention, find_watermark
from oneuser.marts.wilson import wilson_interval
from tests.frames import assert_rows

MADE = Provenance(params_id="p", identity_run=3)
BERLIN = "Europe/Berlin"
NEVER = datetime.max.replace(tzinfo=UTC)

Mode = Literal["on", "on_or_after"]
Event = tuple[bytes, datetime, datetime | None, str, str | None, str | None, None, str]


def first_day(moment: datetime, calendar: Calendar) -> date:
    day = moment.astimezone(ZoneInfo(calendar.zone)).date()
    if calendar.unit == "month":
        return day.replace(day=1)
    if calendar.unit == "week":
        return day - timedelta(days=(day.weekday() + (1 if calendar.week_start == "sunday" else 0)) % 7)
    return day


def step(day: date, n: int, calendar: Calendar) -> date:
    if calendar.unit == "month":
        months = day.year * 12 + day.month - 1 + n
        return date(months // 12, months % 12 + 1, 1)
    return day + timedelta(days=n * (7 if calendar.unit == "week" else 1))


def distance(start: date, end: date, calendar: Calendar) -> int:
    if calendar.unit == "month":
        return (end.year - start.year) * 12 + end.month - start.month
    return (end - start).days // (7 if calendar.unit == "week" else 1)


def activity_by_hand(events: list[Event], calendar: Calendar, start: str, back: str) -> dict[str, tuple[Any, ...]]:
    """Start, cohort and sorted offsets of each person."""
    found = {}
    for user in {event[5] for event in events} - {None}:
        mine = sorted((event[1], event[2] or NEVER, event[0], event[4]) for event in events if event[5] == user)
        starts = [event for event in mine if start in ("any", event[3])]
        if starts:
            cohort = first_day(starts[0][0], calendar)
            returns = [event[0] for event in mine if event > starts[0] and back in ("any", event[3])]
            offsets = sorted({distance(cohort, first_day(moment, calendar), calendar) for moment in returns})
            found[str(user)] = (starts[0][0], cohort, offsets)
    return found


def retention_by_hand(
    activity: dict[str, tuple[Any, ...]], calendar: Calendar, mode: Mode, watermark: datetime
) -> dict[tuple[date, int], tuple[Any, ...]]:
    """Size, back at once, retained, eligible, whether observed."""
    found = {}
    for cohort in {cohort for _, cohort, _ in activity.values()}:
        members = [offsets for _, mine, offsets in activity.values() if mine == cohort]
        last = max(distance(cohort, first_day(watermark, calendar), calendar), 0)
        for offset in range(last + 1):
            end = step(cohort, offset + 1, calendar)
            ended = datetime(end.year, end.month, end.day, tzinfo=ZoneInfo(calendar.zone)) <= watermark
            if offset == 0:
                retained = len(members)
            elif mode == "on":
                retained = sum(offset in offsets for offsets in members)
            else:
                retained = sum(any(later >= offset for later in offsets) for offsets in members)
            at_once = sum(0 in offsets for offsets in members)
            found[cohort, offset] = (len(members), at_once, retained, len(members) if ended else 0, ended)
    return found


def random_events(*, seed: int) -> list[Event]:
    """Around the days on which clocks change in Berlin, at hours near midnight; equal times are common."""
    chance = random.Random(seed)
    events: list[Event] = []
    for number in chance.sample(range(5000), 400):
        user = chance.choice([None, *"abcdefghijklmnop"])
        day = chance.choice([datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)])
        moment = day + timedelta(days=chance.randrange(5), hours=chance.choice([0, 12, 20, 21, 22, 23]))
        received = chance.choice([None, day, day + timedelta(days=9)])
        name = chance.choice(["A", "B"])
        events.append((number.to_bytes(16, "big"), moment, received, "track", name, user, None, "web"))
    return events


CASES: list[tuple[Calendar, str, str, Mode, datetime]] = [
    (Calendar("day", BERLIN, "monday"), "any", "any", "on", datetime(2026, 10, 25, 23, tzinfo=UTC)),
    (Calendar("day", BERLIN, "monday"), "A", "B", "on_or_after", datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)),
    (Calendar("week", BERLIN, "monday"), "A", "any", "on_or_after", datetime(2026, 10, 25, 23, tzinfo=UTC)),
    (Calendar("week", BERLIN, "sunday"), "any", "B", "on", datetime(2026, 10, 28, tzinfo=UTC)),
    (Calendar("month", "America/New_York", "monday"), "A", "A", "on", datetime(2026, 11, 1, 4, tzinfo=UTC)),
    # the watermark may lie before most of what is there
    (Calendar("month", "UTC", "monday"), "any", "any", "on_or_after", datetime(2026, 4, 1, tzinfo=UTC)),
]


@pytest.fixture(scope="module")
def random_rows(spark: SparkSession) -> tuple[list[Event], DataFrame]:
    events = random_events(seed=3)
    return events, spark.createDataFrame(events, EVENTS_RESOLVED.schema[:8])


@pytest.mark.parametrize(("calendar", "start", "back", "mode", "watermark"), CASES)
def test_activity_and_retention_are_those_of_the_definition(
    random_rows: tuple[list[Event], DataFrame],
    calendar: Calendar,
    start: str,
    back: str,
    mode: Mode,
    watermark: datetime,
) -> None:
    events, resolved = random_rows
    expected = activity_by_hand(events, calendar, start, back)

    activity = build_activity(resolved, calendar=calendar, start=start, return_event=back, provenance=MADE).persist()
    cells = build_retention(activity, calendar=calendar, mode=mode, watermark=watermark, provenance=MADE)

    assert activity.columns == ACTIVITY.columns
    assert cells.columns == RETENTION.columns
    assert_rows(
        activity.select("user_id", "started_at", "cohort", "offsets"),
        "user_id string, started_at timestamp, cohort date, offsets array<int>",
        *((user, *facts) for user, facts in expected.items()),
    )
    assert_rows(
        cells.select(
            "cohort", "offset", "cohort_size", "returned_same_interval", "retained", "eligible", "is_observed"
        ),
        "cohort date, offset int, cohort_size bigint, returned_same_interval bigint, retained bigint, eligible bigint, "
        "is_observed boolean",
        *((*cell, *facts) for cell, facts in retention_by_hand(expected, calendar, mode, watermark).items()),
    )
    for row in cells.collect():
        assert row.rate == (row.retained / row.eligible if row.is_observed else None)
        assert (row.rate_low is None, row.rate_high is None) == (not row.is_observed, not row.is_observed)
        assert not row.is_observed or 0 <= row.rate_low <= row.rate <= row.rate_high <= 1
    activity.unpersist()


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


def test_the_watermark_is_the_earliest_of_the_last_receipts(spark: SparkSession) -> None:
    def file(source: str, name: str, received: datetime | None) -> tuple[Any, ...]:
        return (source, name, 1, datetime(2026, 1, 1, tzinfo=UTC), 1, 1, received, "ingested", 1)

    early, late = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    files = [
        file("web", "1", late),
        file("web", "2", early),
        file("crm", "1", early + timedelta(1)),
        file("new", "1", None),
    ]

    def watermark(rows: list[tuple[Any, ...]]) -> Any:
        found = find_watermark(spark.createDataFrame(rows, FILES.schema))
        return found.select(F.unix_seconds("watermark")).collect()[0][0]

    assert watermark(files) == int((early + timedelta(1)).timestamp())
    assert watermark(files[-1:]) is None
    assert watermark([]) is None


def test_without_events_there_are_no_cohorts(spark: SparkSession) -> None:
    calendar = Calendar("day", "UTC", "monday")
    activity = build_activity(EVENTS_RESOLVED.empty(spark), calendar=calendar, provenance=MADE)
    cells = build_retention(
        activity, calendar=calendar, mode="on", watermark=datetime(2026, 1, 1, tzinfo=UTC), provenance=MADE
    )

    assert activity.collect() == []
    assert cells.collect() == []


def test_cohorts_of_the_online_retail_data_are_the_published_ones(spark: SparkSession, shared_data: Path) -> None:
    folder = shared_data / "online-retail-ii-2009-2010"
    with (folder / "cohort_counts_all_lines.csv").open(encoding="utf-8") as file:
        published = {(row["cohort"], int(row["k"])): int(row["n"]) for row in csv.DictReader(file)}
    lines = spark.read.parquet(str(folder / "online_retail_2009_2010.parquet"))
    resolved = lines.select(
        F.encode(F.concat_ws("|", *lines.columns), "UTF-8").alias("message_key"),
        F.to_timestamp("InvoiceDate").alias("event_time"),
        F.lit(None).cast("timestamp").alias("received_at"),
        F.lit("track").alias("type"),
        F.lit("Line").alias("event"),
        F.col("Customer ID").cast("string").alias("user_id"),
        F.lit(None).cast("string").alias("account_id"),
        F.lit("shop").alias("source"),
    )
    calendar = Calendar("month", "UTC", "monday")
    activity = build_activity(resolved, calendar=calendar, provenance=MADE)

    cells = build_retention(
        activity, calendar=calendar, mode="on", watermark=datetime(2010, 12, 9, 20, 1, tzinfo=UTC), provenance=MADE
    ).collect()

    assert {(f"{row.cohort:%Y-%m}", row.offset): row.retained for row in cells if row.retained} == published
    assert {row.cohort.month for row in cells if not row.is_observed and row.offset == 12} == {12}
    assert all(
        (row.rate is None) == (row.cohort.year * 12 + row.cohort.month + row.offset >= 2010 * 12 + 12) for row in cells
    )
