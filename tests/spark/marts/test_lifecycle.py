"""Lifecycle, engagement, activation and risk against plain Python, in a session far from UTC."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.lifecycle import (
    activation,
    at_risk,
    count_broken,
    dau_mau,
    lifecycle,
    power_curve,
    power_users,
    stickiness,
)
from tests.oracle.product_events import (
    BERLIN,
    MICROSECOND,
    Event,
    as_text,
    collect_cases,
    counted,
    ended,
    frame_of,
    in_order,
    interval_of,
    random_events,
    shown,
)

EVENTS = random_events(seed=11)
# at the end of a day in Berlin to the microsecond, just before it, and in the middle
WATERMARKS = [
    datetime(2026, 4, 19, 22, tzinfo=UTC),
    datetime(2026, 4, 19, 22, tzinfo=UTC) - MICROSECOND,
    datetime(2026, 3, 29, 12, 30, tzinfo=UTC),
]
CALENDARS = [
    ("day", BERLIN, "monday", WATERMARKS[0]),
    ("day", BERLIN, "monday", WATERMARKS[1]),
    ("week", "America/New_York", "sunday", WATERMARKS[2]),
    ("month", "UTC", "monday", datetime(2026, 4, 1, tzinfo=UTC)),
    ("hour", BERLIN, "monday", datetime(2026, 2, 12, 3, tzinfo=UTC)),
]


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(spark: SparkSession) -> Iterator[None]:
    spark.conf.set("spark.sql.session.timeZone", "Asia/Kathmandu")
    yield
    spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    return frame_of(spark, EVENTS)


def active_intervals(known: list[Event], unit: str, zone: str, week_start: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for event in known:
        found[str(event.entity)].add(interval_of(event.when, unit, zone, week_start))
    return found


def lifecycle_by_hand(unit: str, zone: str, week_start: str, watermark: datetime) -> list[tuple[Any, ...]]:
    active = active_intervals(counted(EVENTS, watermark), unit, zone, week_start)
    rows = []
    for k in range(min(min(mine) for mine in active.values()), ended(watermark, unit, zone, week_start) + 1):
        new = sum(min(mine) == k for mine in active.values())
        returning = sum({k - 1, k} <= mine for mine in active.values())
        back = sum(k in mine and k - 1 not in mine and min(mine) < k for mine in active.values())
        dormant = sum(k - 1 in mine and k not in mine for mine in active.values())
        n_active = sum(k in mine for mine in active.values())
        rows.append((shown(k, unit, week_start), new, returning, back, dormant, n_active))
    return rows


def test_lifecycle_is_that_of_the_definition(events: DataFrame) -> None:
    frames = [lifecycle(events, unit=u, zone=z, week_start=w, watermark=m) for u, z, w, m in CALENDARS]
    columns = ("new", "returning", "resurrecting", "dormant", "active")

    found = collect_cases(
        [rows.select(as_text("interval", case[0]), *columns) for rows, case in zip(frames, CALENDARS, strict=True)]
    )
    broken = collect_cases([count_broken(rows) for rows in frames])

    assert frames[0].columns[:5] == ["interval", "new", "returning", "resurrecting", "dormant"]
    assert found == [sorted(lifecycle_by_hand(*case)) for case in CALENDARS]
    assert all(rows for rows in found)
    for rows in found:
        for before, (_, new, _, back, dormant, n_active) in zip([0, *(row[5] for row in rows)], rows, strict=False):
            assert n_active - before == new + back - dormant
    assert broken == [[(0,)]] * len(CALENDARS)


def test_a_broken_sum_is_counted(events: DataFrame) -> None:
    rows = lifecycle(events, unit="month", watermark=WATERMARKS[0])
    # one active person too few in February, one too many in March
    more = {"new": F.month("interval") == F.lit(2), "dormant": F.month("interval") == F.lit(3)}

    planted = rows.withColumns({name: F.col(name) + is_it.cast("int") for name, is_it in more.items()})

    assert count_broken(planted).collect()[0][0] == 2


def test_stickiness_counts_intervals_in_a_half_open_range(events: DataFrame) -> None:
    cases: list[tuple[str, str, str, Any, Any]] = [
        ("day", BERLIN, "monday", date(2026, 3, 20), date(2026, 4, 10)),
        ("week", "UTC", "sunday", datetime(2026, 3, 1, 22, tzinfo=UTC), datetime(2026, 4, 1, 22, tzinfo=UTC)),
        # what happens at either end is told apart
        ("hour", "UTC", "monday", datetime(2026, 3, 1, 22, tzinfo=UTC), datetime(2026, 3, 8, 22, tzinfo=UTC)),
    ]
    expected = []
    for unit, zone, week_start, *bounds in cases:
        since, until = (
            one if isinstance(one, datetime) else datetime(one.year, one.month, one.day, tzinfo=ZoneInfo(zone))
            for one in bounds
        )
        known = [event for event in counted(EVENTS, until) if since <= event.when < until]
        numbers = Counter(len(mine) for mine in active_intervals(known, unit, zone, week_start).values())
        expected.append(sorted(numbers.items()))

    frames = [stickiness(events, unit=u, zone=z, week_start=w, since=s, until=e) for u, z, w, s, e in cases]

    assert frames[0].columns[:2] == ["n_intervals", "n_entities"]
    assert collect_cases([rows.select("n_intervals", "n_entities") for rows in frames]) == expected


def days_by_hand(zone: str, watermark: datetime, n_days: int) -> dict[str, set[int]]:
    last = ended(watermark, "day", zone, "monday")
    active = active_intervals(counted(EVENTS, watermark), "day", zone, "monday")
    within = {entity: {day for day in mine if last - n_days < day <= last} for entity, mine in active.items()}
    return {entity: mine for entity, mine in within.items() if mine}


def test_engagement_is_that_of_the_last_full_days(events: DataFrame) -> None:
    cases = [(BERLIN, WATERMARKS[0]), (BERLIN, WATERMARKS[1]), ("UTC", WATERMARKS[2])]
    nobody = ("UTC", datetime(2000, 1, 1, tzinfo=UTC))
    ratios, curves = [], []
    for zone, watermark in cases:
        active = days_by_hand(zone, watermark, 28)
        n_days = Counter(len(mine) for mine in active.values())
        daily = [sum(day in mine for mine in active.values()) for day in set().union(*active.values())]
        ratios.append((sum(daily) / 28, len(active)))
        curves.append([(n, n_days[n], n_days[n] / len(active)) for n in range(1, 29)])

    found = collect_cases([dau_mau(events, zone=z, watermark=m) for z, m in [*cases, nobody]])
    found_curves = collect_cases([power_curve(events, zone=z, watermark=m) for z, m in [*cases, nobody]])

    for (mean, n_actives), [row] in zip(ratios, found, strict=False):
        assert row[1:3] == (mean, n_actives)
        assert row[0] == pytest.approx(mean / n_actives, rel=1e-15)
    last = date.fromordinal(ended(WATERMARKS[0], "day", BERLIN, "monday"))
    assert found[0][0][3:5] == (last - timedelta(27), last)
    assert found[3][0][:3] == (None, 0.0, 0)
    assert [[row[:3] for row in rows] for rows in found_curves[:3]] == curves
    assert [row[:3] for row in found_curves[3]] == [(n, 0, None) for n in range(1, 29)]


def test_power_users_are_those_with_enough_days_or_the_top_decile(events: DataFrame) -> None:
    watermark = WATERMARKS[0]
    days = {entity: len(mine) for entity, mine in days_by_hand(BERLIN, watermark, 28).items()}
    longer = {entity: len(mine) for entity, mine in days_by_hand(BERLIN, watermark, 60).items()}
    top = {e for e, n in longer.items() if 10 * sum(other >= n for other in longer.values()) <= len(longer)}
    assert 0 < len(top) < len(longer)

    by_days, by_decile = collect_cases(
        [
            power_users(events, zone=BERLIN, watermark=watermark, min_days=9).select("entity_id", "n_days", "min_days"),
            power_users(events, zone=BERLIN, watermark=watermark, rule="top_decile", days=60).select(
                "entity_id", "n_days", "min_days"
            ),
        ]
    )

    assert by_days == sorted((entity, n, 9) for entity, n in days.items() if n >= 9)
    assert by_days
    assert by_decile == sorted((entity, longer[entity], min(longer[one] for one in top)) for entity in top)


def at_risk_by_hand(
    zone: str, watermark: datetime, min_days: int, n_days: int, drop: float, factor: float
) -> list[tuple[Any, ...]]:
    last = ended(watermark, "day", zone, "monday")
    rows = []
    for entity, mine in active_intervals(counted(EVENTS, watermark), "day", zone, "monday").items():
        days = sorted(day for day in mine if day <= last)
        recent = sum(day > last - n_days for day in days)
        previous = sum(last - 2 * n_days < day <= last - n_days for day in days)
        if previous < min_days:
            continue
        gaps = [later - day for day, later in pairwise(days)]
        median = statistics.median(gaps) if gaps else None
        silence = last - days[-1]
        is_drop = round((previous - recent) / previous, 9) >= drop
        is_silent = median is not None and silence > factor * median
        if is_drop or is_silent:
            shown_day = date.fromordinal(days[-1]).isoformat()
            rows.append((entity, previous, recent, is_drop, silence, median, is_silent, shown_day))
    return sorted(rows)


def test_at_risk_is_who_dropped_or_fell_silent(events: DataFrame) -> None:
    cases = [
        (BERLIN, WATERMARKS[0], 2, 28, 0.5, 3.0),
        (BERLIN, WATERMARKS[1], 1, 28, 0.3, 1.0),
        ("UTC", WATERMARKS[2], 1, 14, 1.0, 1.5),
    ]

    frames = [
        at_risk(events, zone=z, watermark=m, min_days=a, days=d, drop=p, silence_factor=f) for z, m, a, d, p, f in cases
    ]
    found = collect_cases([rows.select(*rows.columns[:7], F.col("last_day").cast("string")) for rows in frames])

    expected = [at_risk_by_hand(*case) for case in cases]
    assert found == expected
    assert (
        {row[3] for rows in expected for row in rows} == {row[6] for rows in expected for row in rows} == {True, False}
    )


def activation_by_hand(case: dict[str, Any]) -> list[tuple[Any, ...]]:
    unit, zone, week_start, watermark = case["calendar"]
    window, known = timedelta(days=case["window_days"]), counted(EVENTS, watermark)
    cohorts: dict[int, list[tuple[bool, timedelta | None]]] = defaultdict(list)
    for entity in {event.entity for event in known}:
        mine = [event for event in known if event.entity == entity]
        starts = [event.when for event in mine if case["starts"](event)]
        if not starts:
            continue
        began, firsts = min(starts), []
        for is_step in case["is_step"]:
            done = [e.when for e in mine if is_step(e) and began <= e.when <= began + window]
            firsts.append(min(done, default=None))
        done_at = None if None in firsts else max(one for one in firsts if one is not None)
        took = None if done_at is None else done_at - began
        cohorts[interval_of(began, unit, zone, week_start)].append((began + window <= watermark, took))
    rows = []
    for k, members in cohorts.items():
        eligible = [took for is_over, took in members if is_over]
        times = [took // timedelta(seconds=1) for took in eligible if took is not None]
        rows.append(
            (
                shown(k, unit, week_start),
                len(members),
                len(eligible),
                sum(took is not None for _, took in members),
                len(times),
                len(times) / len(eligible) if eligible else None,
                statistics.median(times) if times else None,
                len(eligible) == len(members),
            )
        )
    return sorted(rows, key=in_order)


def test_activation_is_of_those_whose_window_is_over(events: DataFrame) -> None:
    a, b = (lambda e: e.name == "A"), (lambda e: e.name == "B")
    pro = lambda e: e.name == "C" and e.property_of("plan") == "pro"  # noqa: E731
    five = lambda e: e.name == "C" and e.property_of("n") in ("5", "5.0")  # noqa: E731
    cases: list[dict[str, Any]] = [
        {
            "calendar": ("week", BERLIN, "monday", WATERMARKS[0]),
            "window_days": 3,
            "steps": ["A", "B"],
            "is_step": [a, b],
            "starts": lambda _: True,
        },
        {
            "calendar": ("day", BERLIN, "sunday", datetime(2026, 3, 24, 12, tzinfo=UTC)),
            "window_days": 25.5,
            "steps": ["A", {"event": "C", "where": {"n": 5}}],
            "is_step": [a, five],
            "start": {"event": "C", "where": {"plan": ["pro", "none"]}},
            "starts": pro,
        },
        {
            "calendar": ("day", "UTC", "monday", datetime(2026, 4, 1, tzinfo=UTC)),
            "window_days": 20,
            "steps": ["B"],
            "is_step": [b],
            "start": "B",
            "starts": b,
        },
    ]

    frames = []
    for case in cases:
        unit, zone, week_start, watermark = case["calendar"]
        rows = activation(
            events,
            steps=case["steps"],
            window_days=case["window_days"],
            unit=unit,
            zone=zone,
            week_start=week_start,
            watermark=watermark,
            start=case.get("start"),
        )
        frames.append(rows.select(as_text("interval", unit), *rows.columns[1:8]))

    expected = [activation_by_hand(case) for case in cases]
    assert collect_cases(frames) == expected
    assert {row[5] is None for row in expected[1]} == {True, False}


def test_a_time_without_a_zone_and_unknown_words_are_refused(events: DataFrame) -> None:
    naive: Any = datetime(2026, 4, 1)  # noqa: DTZ001
    with pytest.raises(ConfigError, match="time zone"):
        lifecycle(events, unit="day", watermark=naive)
    with pytest.raises(ConfigError, match="since: 2026-04-01 00:00:00 has no time zone"):
        stickiness(events, unit="day", since=naive, until=WATERMARKS[0])
    with pytest.raises(ConfigError, match="until: must be after since"):
        stickiness(events, unit="day", since=date(2026, 3, 1), until=date(2026, 3, 1))
    with pytest.raises(ConfigError, match="unit"):
        lifecycle(events, unit="fortnight", watermark=WATERMARKS[0])
    local = events.withColumn("event_time", F.col("event_time").cast("timestamp_ntz"))
    with pytest.raises(ConfigError, match="event_time is timestamp_ntz, expected timestamp"):
        dau_mau(local, watermark=WATERMARKS[0])
    with pytest.raises(ConfigError, match="entity_id is missing; did you mean entity"):
        dau_mau(events.withColumnRenamed("entity_id", "entity_ids"), watermark=WATERMARKS[0])
    with pytest.raises(ConfigError, match="drop: expected a share"):
        at_risk(events, watermark=WATERMARKS[0], min_days=1, drop=50)
    with pytest.raises(ConfigError, match="min_days: expected a whole number of at least 1, found 0"):
        at_risk(events, watermark=WATERMARKS[0], min_days=0)
    steps = [{"event": "A", "where": {"plan": "pro"}}]
    with pytest.raises(ConfigError, match="properties is missing"):
        activation(events.drop("properties"), steps=steps, window_days=1, watermark=WATERMARKS[0])
