"""Intervals of calendars against plain Python, where clocks change, in sessions of any zone."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.calendar import (
    Calendar,
    checked_calendar,
    checked_watermark,
    instant,
    micros_of,
    quarter_of,
)
from oneuser.spark.temporarily import session_settings

# clocks that change by an hour or half of one, at midnight, or by a whole day; zones off by half and by three quarters
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "Asia/Kolkata", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Apia",
]  # fmt: skip
SESSION_ZONES = ["UTC", "America/New_York", "Asia/Kolkata"]
UNITS: list[tuple[Any, Any]] = [
    ("hour", "monday"), ("day", "monday"), ("week", "monday"), ("week", "sunday"), ("month", "monday"),
    ("quarter", "monday"),
]  # fmt: skip
CHANGES = [
    "2026-03-29 01:00", "2026-10-25 01:00", "2026-03-08 07:00", "2026-11-01 06:00", "2018-11-04 03:00",
    "2019-02-17 02:00", "2026-03-08 05:00", "2026-11-01 05:00", "2026-04-04 15:00", "2026-10-03 15:30",
    "2011-12-30 10:00", "2026-01-01 00:00", "1970-01-01 00:00", "2024-02-29 12:00",
]  # fmt: skip


def first_day(day: date, unit: str, week_start: str) -> date:
    if unit == "week":
        return day - timedelta(days=(day.weekday() + (week_start == "sunday")) % 7)
    month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1}.get(unit)
    return day if month is None else day.replace(month=month, day=1)


def next_day(day: date, unit: str) -> date:
    """First day of the interval after that which begins on a day."""
    longer = {"day": 1, "week": 7, "month": 31, "quarter": 92}[unit]
    return first_day(day + timedelta(days=longer), unit, "sunday" if day.weekday() == 6 else "monday")


def midnight(day: date, zone: ZoneInfo) -> int:
    return micros_of(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))


def expected_bounds(moment: datetime, zone: str, unit: str, week_start: str) -> tuple[int, int]:
    """Start and end in microseconds."""
    place = ZoneInfo(zone)
    local = moment.astimezone(place)
    if unit == "hour":
        start = micros_of(local.replace(minute=0, second=0, microsecond=0).astimezone(UTC))
        return start, start + 3_600_000_000
    day = first_day(local.date(), unit, week_start)
    return midnight(day, place), midnight(next_day(day, unit), place)


@pytest.mark.parametrize("session_zone", SESSION_ZONES)
def test_intervals_are_those_of_the_zone_in_every_session(spark: SparkSession, session_zone: str) -> None:
    chance = random.Random(7)
    moments = [
        datetime.fromisoformat(change).replace(tzinfo=UTC) + timedelta(seconds=seconds, microseconds=micros)
        for change in CHANGES
        for seconds, micros in [(0, 0), (0, -1), *((chance.randrange(-180_000, 180_000), 7) for _ in range(12))]
    ]
    rows = spark.range(len(moments)).select(
        F.element_at(F.array(*[F.lit(micros_of(moment)) for moment in moments]), F.col("id").cast("int") + 1).alias(
            "us"
        )
    )
    time = F.timestamp_micros("us")
    zones = ["Europe/Berlin", *ZONES[SESSION_ZONES.index(session_zone) :: len(SESSION_ZONES)]]
    cases = [(zone, unit, week_start) for zone in zones for unit, week_start in UNITS]
    calendars = [Calendar(unit, zone, week_start) for zone, unit, week_start in cases]
    numbered = rows.select("us", *[one.interval_of(time).alias(f"n{i}") for i, one in enumerate(calendars)])
    bounded = numbered.select(
        "*",
        *[one.start_of(F.col(f"n{i}")).alias(f"start{i}") for i, one in enumerate(calendars)],
        *[one.end_of(F.col(f"n{i}")).alias(f"end{i}") for i, one in enumerate(calendars)],
    )
    answers = [
        F.array(f"n{i}", F.unix_micros(f"start{i}"), F.unix_micros(f"end{i}"), one.interval_of(F.col(f"start{i}")))
        for i, one in enumerate(calendars)
    ]
    # many expressions over few rows: compiling them would take longest
    plain = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
    with session_settings(spark, {"spark.sql.session.timeZone": session_zone, **plain}):
        found = {row[0]: row[1] for row in bounded.select("us", F.array(*answers)).collect()}

    for moment in moments:
        for (zone, unit, week_start), answer in zip(cases, found[micros_of(moment)], strict=True):
            number, start, end, of_start = answer
            case = (moment, zone, unit, week_start)
            assert start <= micros_of(moment) < end, case
            assert of_start == number, case
            if unit != "hour" or zone != "Australia/Lord_Howe":
                assert (start, end) == expected_bounds(moment, zone, unit, week_start), case
    for place, (zone, unit, _) in enumerate(cases):
        by_number = {answer[place][0]: answer[place][1:3] for answer in found.values()}
        for number, (_, end) in by_number.items():
            if number + 1 in by_number:
                assert by_number[number + 1][0] == end, (zone, unit, number)
    # numbers count on from 1970 and from year 0
    assert [answer[0] for answer in found[0][: len(UNITS)]] == [0, 0, 0, 0, 1970 * 12, 1970 * 4]


def test_quarters_and_literals_are_the_same_in_every_session(spark: SparkSession) -> None:
    moment = datetime(2026, 3, 29, 1, 44, 59, 999999, tzinfo=ZoneInfo("Asia/Kathmandu"))
    columns = [F.unix_micros(instant(moment)), F.unix_micros(quarter_of(instant(moment)))]
    hour = Calendar("hour", "Asia/Kathmandu")
    columns.append(F.unix_date(hour.first_day_of(hour.interval_of(instant(moment)))).cast("bigint"))

    with session_settings(spark, {"spark.sql.session.timeZone": "America/New_York"}):
        found = list(spark.range(1).select(*columns).collect()[0])

    quarter = datetime(2026, 3, 28, 19, 45, tzinfo=UTC)
    assert found == [micros_of(moment), micros_of(quarter), (date(2026, 3, 29) - date(1970, 1, 1)).days]


def test_a_watermark_has_a_zone() -> None:
    berlin = datetime(2026, 3, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert checked_watermark(berlin) == berlin
    assert checked_watermark(berlin).tzinfo is UTC
    with pytest.raises(ConfigError, match=r"2026-03-01 00:00:00 has no time zone.*tzinfo=UTC"):
        checked_watermark(datetime(2026, 3, 1))  # noqa: DTZ001 - that is what is tested
    with pytest.raises(ConfigError, match=r"2026-03-01 00:00:00 has no time zone.*T00:00:00\+01:00"):
        checked_watermark("2026-03-01")
    for wrong in (None, date(2026, 3, 1)):
        with pytest.raises(ConfigError, match="expected a time with its zone"):
            checked_watermark(wrong)


def test_what_no_calendar_has_is_named() -> None:
    assert checked_calendar("week", "Europe/Berlin", "sunday") == Calendar("week", "Europe/Berlin", "sunday")
    for words, said in [
        (("wek",), "hour, day, week, month, quarter, found 'wek'; did you mean week?"),
        (("day", "Europe/Berln"), "'Europe/Berln' is not a time zone"),
        (("day", "UTC", "mondy"), "did you mean monday?"),
    ]:
        with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
            checked_calendar(*words)
