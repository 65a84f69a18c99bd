"""RFM, lifetime value and retention of revenue against plain Python, in a session far from UTC."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.value import ltv, monthly_revenue, revenue_retention, rfm
from tests.oracle.product_events import (
    BERLIN,
    MICROSECOND,
    collect_cases,
    ended,
    first_day_of,
    in_order,
    interval_of,
)

START = datetime(2026, 1, 15, 22, tzinfo=UTC)
WATERMARK = datetime(2026, 6, 30, 22, tzinfo=UTC)
# two of these are more than 64 bits hold
HUGE = 9 * 10**18
# entity, when, value
Purchase = tuple[str | None, datetime | None, int | None]


def random_purchases(seed: int) -> list[Purchase]:
    chance = random.Random(seed)
    return [
        (
            chance.choice([*(f"e{n}" for n in range(12)), None]),
            chance.choice(
                [START + timedelta(days=chance.randrange(180), hours=chance.choice([0, 1, 2])) - MICROSECOND] * 15
                + [None]
            ),
            chance.choice([None, 0, 100, 999, -50, HUGE]),
        )
        for _ in range(130)
    ]


PURCHASES = random_purchases(4)


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(spark: SparkSession) -> Iterator[None]:
    spark.conf.set("spark.sql.session.timeZone", "Asia/Kathmandu")
    yield
    spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.fixture(scope="module")
def purchases(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(PURCHASES, "entity_id string, event_time timestamp, value_minor bigint")


def known_purchases(watermark: datetime) -> dict[str, list[tuple[datetime, int | None]]]:
    found = defaultdict(list)
    for entity, at, value in PURCHASES:
        if entity is not None and at is not None and at <= watermark:
            found[entity].append((at, value))
    return found


def rfm_by_hand(watermark: datetime, zone: str) -> list[tuple[Any, ...]]:
    rows = []
    for entity, mine in known_purchases(watermark).items():
        by_day: dict[date, list[int | None]] = defaultdict(list)
        for at, value in mine:
            by_day[at.astimezone(ZoneInfo(zone)).date()].append(value)
        first, last = min(by_day), max(by_day)
        values = [
            sum(value for value in of_day if value is not None)
            for day, of_day in by_day.items()
            if day > first and any(value is not None for value in of_day)
        ]
        rows.append(
            (
                entity,
                len(by_day) - 1,
                (last - first).days,
                (watermark.astimezone(ZoneInfo(zone)).date() - first).days,
                float(sum(values)) / len(values) if values else None,
            )
        )
    return sorted(rows, key=in_order)


def test_rfm_is_that_of_the_definition(purchases: DataFrame) -> None:
    cases = [(WATERMARK, BERLIN), (datetime(2026, 2, 20, 22, tzinfo=UTC) - MICROSECOND, "UTC")]
    day = F.date_from_unix_date(
        F.floor(F.unix_micros(F.from_utc_timestamp("event_time", BERLIN)) / F.lit(86_400_000_000)).cast("int")
    )
    by_day = purchases.select("entity_id", "value_minor", day.alias("day"))

    frames = [rfm(purchases, watermark=watermark, zone=zone) for watermark, zone in cases]
    found = collect_cases([*frames, rfm(by_day, watermark=WATERMARK, zone=BERLIN)])

    assert frames[0].columns[:5] == ["entity_id", "frequency", "recency", "T", "monetary_minor"]
    expected = [rfm_by_hand(*case) for case in cases]
    assert [[row[:5] for row in rows] for rows in found[:2]] == expected
    assert found[2] == found[0]
    assert {row[4] is None for rows in expected for row in rows} == {True, False}
    assert {row[1] == 0 for rows in expected for row in rows} == {True, False}


def ltv_by_hand(
    unit: str, zone: str, watermark: datetime, members: dict[str, datetime] | None
) -> list[tuple[int, int, int]]:
    known = known_purchases(watermark)
    started = members if members is not None else {entity: min(at for at, _ in mine) for entity, mine in known.items()}
    starts = {e: interval_of(at, unit, zone, "monday") for e, at in started.items() if at <= watermark}
    last = ended(watermark, unit, zone, "monday")
    rows = []
    for age in range(last - min(starts.values(), default=last + 1) + 1):
        old = [entity for entity, start in starts.items() if start + age <= last]
        revenue = sum(
            value or 0
            for entity in old
            for at, value in known.get(entity, [])
            if at >= started[entity] and interval_of(at, unit, zone, "monday") - starts[entity] <= age
        )
        rows.append((age, len(old), revenue))
    return rows


def test_lifetime_value_is_that_of_those_who_are_old_enough(spark: SparkSession, purchases: DataFrame) -> None:
    members = {f"e{n}": START + timedelta(days=20 * n, hours=1) for n in range(0, 14, 2)}
    joined = spark.createDataFrame(
        [*members.items(), ("e0", members["e0"] + timedelta(90)), (None, START), ("e1", None)],
        "entity_id string, started_at timestamp",
    )
    cases: list[tuple[str, str, datetime, Any, Any]] = [
        ("month", BERLIN, WATERMARK, None, None),
        ("month", BERLIN, WATERMARK - MICROSECOND, joined, members),
    ]

    found = collect_cases([ltv(purchases, unit=u, zone=z, watermark=w, members=rows) for u, z, w, rows, _ in cases])

    expected = [ltv_by_hand(u, z, w, mine) for u, z, w, _, mine in cases]
    assert [[row[:3] for row in rows] for rows in found] == expected
    assert all(rows and len({n for _, n, _ in rows}) > 1 for rows in expected)
    assert all(row[3] == float(row[2]) / row[1] for rows in found for row in rows)
    assert max(row[2] for rows in found for row in rows) > 2 * HUGE


def test_revenue_from_before_the_start_counts_nowhere_also_in_the_same_interval(spark: SparkSession) -> None:
    at = [datetime(2026, 5, day, hour, tzinfo=UTC) for day, hour in [(1, 8), (10, 8), (10, 12)]]
    rows = [("e1", moment, moment.date(), 10**n) for n, moment in enumerate(at)]
    both = spark.createDataFrame(rows, "entity_id string, event_time timestamp, day date, value_minor bigint")
    joined = spark.createDataFrame(
        [("e1", at[2]), ("e1", at[2] + timedelta(days=3))], "entity_id string, started_at timestamp"
    )

    found = collect_cases([ltv(rows, members=joined, watermark=WATERMARK) for rows in (both, both.drop("event_time"))])

    # where only days are known, all of the day of the start
    assert [[int(row[2]) for row in ages] for ages in found] == [[100], [110]]


def revenue_by_hand(
    rows: list[tuple[str, date, int]], watermark: datetime, zone: str, offsets: tuple[int, ...], *, is_first_only: bool
) -> list[tuple[Any, ...]]:
    mrr: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for entity, day, value in rows:
        if datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) < watermark:
            mrr[entity][day.year * 12 + day.month - 1] += value
    last, found = ended(watermark, "month", zone, "monday"), []
    for month in range(min(min(mine) for mine in mrr.values()), last + 1):
        base = [mine for mine in mrr.values() if mine.get(month, 0) > 0]
        if is_first_only:
            base = [mine for mine in base if min(m for m, value in mine.items() if value > 0) == month]
        for offset in offsets if base else ():
            there = sum(mine[month] for mine in base)
            later = [mine.get(month + offset, 0) for mine in base]
            gross = sum(min(mine[month], value) for mine, value in zip(base, later, strict=True))
            kept = sum(value > 0 for value in later)
            sums = (
                gross,
                sum(later),
                kept,
                float(gross) / float(there),
                float(sum(later)) / float(there),
                kept / len(base),
            )
            is_over = month + offset <= last
            shown = first_day_of(month, "month", "monday").isoformat()
            found.append((shown, offset, len(base), there, *(sums if is_over else (None,) * 6), is_over))
    return sorted(found, key=in_order)


def test_revenue_retention_is_gross_net_and_of_customers(spark: SparkSession) -> None:
    chance = random.Random(2)
    rows = [
        (f"e{n}", date(2025 + m // 12, m % 12 + 1, chance.choice([1, 15, 28])), chance.choice([0, 100, 250, HUGE, -30]))
        for n in range(15)
        for m in range(18)
        for _ in range(chance.choice([0, 1, 1, 1, 2]))
    ]
    frame = spark.createDataFrame(
        [*rows, (None, date(2025, 1, 1), 5), ("e1", None, 5)], "entity_id string, month date, mrr_minor bigint"
    )
    # 30 April is over in Berlin, and not in UTC
    watermark = datetime(2026, 4, 30, 22, tzinfo=UTC)
    cases: list[tuple[str, tuple[int, ...], str]] = [
        (BERLIN, (1, 3, 6, 12), "recurring"),
        ("UTC", (1, 2, 12), "recurring"),
        (BERLIN, (1, 3), "first_ever"),
    ]
    columns = (
        "offset", "n_customers", "mrr_minor", "gross_mrr_minor", "later_mrr_minor", "n_retained", "grr", "nrr",
        "logo_retention", "is_observed",
    )  # fmt: skip

    found = collect_cases(
        [
            revenue_retention(frame, watermark=watermark, zone=z, offsets=o, membership=m).select(  # type: ignore[arg-type]
                F.col("month").cast("string"), *columns
            )
            for z, o, m in cases
        ]
    )

    expected = [revenue_by_hand(rows, watermark, z, o, is_first_only=m == "first_ever") for z, o, m in cases]
    assert found == expected
    assert {row[-1] for row in expected[0]} == {True, False}
    assert max(row[3] for rows in found for row in rows) > 2 * HUGE


def months_by_hand(
    records: list[tuple[str | None, int, datetime | None, datetime | None]], watermark: datetime, zone: str
) -> list[tuple[str, str, int]]:
    """What holds at the end of each month, looked at month by month."""
    last = ended(watermark, "month", zone, "monday")
    first_days = {month: first_day_of(month, "month", "monday") for month in range(2020 * 12, last + 2)}
    ends = {
        month: datetime(first_days[month + 1].year, first_days[month + 1].month, 1, tzinfo=ZoneInfo(zone))
        for month in range(2020 * 12, last + 1)
    }

    def holds(begin: datetime | None, end: datetime | None, month: int) -> bool:
        return (begin is None or begin < ends[month]) and (end is None or end >= ends[month])

    known = {
        next((month for month in ends if begin < ends[month]), last)
        if begin is not None
        else max(month for month in ends if end >= ends[month])  # type: ignore[operator]
        for entity, _, begin, end in records
        if entity is not None and (begin is not None or end is not None)
    }
    return sorted(
        (entity, first_days[month].isoformat(), value)
        for entity, value, begin, end in records
        if entity is not None
        for month in range(min(known, default=last), last + 1)
        if holds(begin, end, month)
    )


def test_a_subscription_is_revenue_of_the_months_at_whose_end_it_holds(spark: SparkSession) -> None:
    chance = random.Random(7)
    # midnight in Berlin, and an instant before, about the ends of months; others within them
    instants = [
        datetime(2025 + m // 12, m % 12 + 1, day, hour, tzinfo=ZoneInfo(BERLIN)).astimezone(UTC) - before * MICROSECOND
        for m in range(20)
        for day, hour in ((1, 0), (1, 2), (15, 12))
        for before in (0, 1)
    ]
    records: list[tuple[str | None, int, datetime | None, datetime | None]] = []
    while len(records) < 60:
        begin, end = chance.choice([*instants, None]), chance.choice([*instants, None, None])
        if begin is None or end is None or begin < end:
            records.append((chance.choice(["e1", "e2", "e3", None]), chance.choice([0, 5, 7]), begin, end))
    schema = "entity_id string, mrr_minor bigint, valid_from timestamp, valid_to timestamp"
    watermark = datetime(2026, 4, 30, 22, tzinfo=UTC)
    forever: list[tuple[str | None, int, datetime | None, datetime | None]] = [("e1", 9, None, None)]
    early = [("e1", 9, datetime(1, 2, 1, tzinfo=UTC), None)]
    cases: list[tuple[Any, str]] = [(records, BERLIN), (records, "UTC"), (forever, "UTC"), (early, "UTC")]

    found = collect_cases(
        [
            monthly_revenue(spark.createDataFrame(rows, schema), watermark=watermark, zone=zone).select(
                "entity_id", F.col("month").cast("string"), "mrr_minor"
            )
            for rows, zone in cases
        ]
    )

    assert found[:3] == [months_by_hand(rows, watermark, zone) for rows, zone in cases[:3]]
    assert found[0] != found[1]
    assert found[2] == [("e1", "2026-03-01", 9)]
    assert (len(found[3]), found[3][0][1]) == (400, "1992-12-01")


def test_money_that_is_not_whole_and_rows_without_a_time_are_refused(purchases: DataFrame) -> None:
    with pytest.raises(ConfigError, match="value_minor is double, expected bigint: whole minor units"):
        rfm(purchases.withColumn("value_minor", F.col("value_minor") / F.lit(100)), watermark=WATERMARK)
    with pytest.raises(ConfigError, match="event_time is missing"):
        rfm(purchases.drop("event_time"), watermark=WATERMARK)
    with pytest.raises(ConfigError, match="offsets: expected a whole number of at least 1"):
        revenue_retention(purchases.withColumnRenamed("value_minor", "mrr_minor"), watermark=WATERMARK, offsets=[0])
    naive: Any = datetime(2026, 4, 1)  # noqa: DTZ001
    with pytest.raises(ConfigError, match="time zone"):
        ltv(purchases, watermark=naive)


def test_values_of_several_currencies_are_not_added_up(spark: SparkSession) -> None:
    rows = [
        ("a", WATERMARK - timedelta(1), 100, "EUR"),
        ("a", WATERMARK - timedelta(3), 50, None),
        ("b", WATERMARK - timedelta(1), 7, "USD"),
    ]
    both = spark.createDataFrame(rows, "entity_id string, event_time timestamp, value_minor bigint, currency string")
    euros = both.where("entity_id = 'a'").withColumn("value_minor", F.col("value_minor").cast("decimal(38,0)"))

    assert [row.monetary_minor for row in rfm(euros, watermark=WATERMARK).collect()] == [100.0]
    for frame in (rfm(both, watermark=WATERMARK), ltv(both, watermark=WATERMARK, unit="day")):
        with pytest.raises(Exception, match="one sum would hold more than one currency"):
            frame.collect()
