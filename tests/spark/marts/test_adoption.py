"""Feature usage and adoption against plain Python, in a session far from UTC."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.adoption import (
    account_adoption,
    account_feature_usage,
    adopting_accounts,
    adoption,
    breadth,
    count_adopters,
    depth,
    feature_usage,
)
from tests.oracle.product_events import (
    BERLIN,
    EPOCH,
    MICROSECOND,
    Event,
    collect_cases,
    counted,
    frame_of,
    in_order,
    interval_of,
    random_events,
)

EVENTS = random_events(seed=8, n_events=700)
WATERMARK = datetime(2026, 4, 10, 22, tzinfo=UTC)
PRO = {"event": "B", "where": {"plan": "pro"}}
FEATURES: dict[str, Any] = {"alpha": "A", "beta": PRO, "all of B": "B"}


_COUNTS = ("n_tried", "n_adopted", "n_active", "n_eligible", "n_adopted_eligible")


def known_ever() -> list[Event]:
    return [event for event in EVENTS if event.at is not None and event.at <= WATERMARK]


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(spark: SparkSession) -> Iterator[None]:
    spark.conf.set("spark.sql.session.timeZone", "Asia/Kathmandu")
    yield
    spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    return frame_of(spark, EVENTS)


def is_use(event: Event, feature: str) -> bool:
    return {
        "alpha": event.name == "A",
        "beta": event.name == "B" and event.property_of("plan") == "pro",
        "all of B": event.name == "B",
    }[feature]


def in_window(window_days: float | None) -> list[Event]:
    known = counted(EVENTS, WATERMARK)
    if window_days is None:
        return known
    return [event for event in known if event.when >= WATERMARK - timedelta(days=window_days)]


def usage_by_hand(window_days: float | None, whose: str) -> dict[tuple[str, str], list[Event]]:
    uses = defaultdict(list)
    for event in in_window(window_days):
        for feature in FEATURES:
            if getattr(event, whose) is not None and is_use(event, feature):
                uses[getattr(event, whose), feature].append(event)
    return uses


def days_of(uses: list[Event]) -> int:
    return len({interval_of(event.when, "day", BERLIN, "monday") for event in uses})


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def test_usage_is_added_up_by_entity_and_by_account(events: DataFrame) -> None:
    arguments: dict[str, Any] = {"features": FEATURES, "zone": BERLIN, "watermark": WATERMARK}
    frames = [
        feature_usage(events, **arguments),
        feature_usage(events, **arguments, window_days=14),
        account_feature_usage(events, **arguments, window_days=30.5),
    ]
    times = [F.unix_micros(column) for column in ("first_used_at", "last_used_at")]
    ours = [rows.select(*rows.columns[: 5 if "n_users" in rows.columns else 4], *times) for rows in frames[:2]]
    account = frames[2].select("account_id", "feature", "n_uses", "n_days", "n_users", *times)

    found = [*collect_cases(ours), *collect_cases([account])]

    for rows, window_days in zip(found[:2], (None, 14), strict=True):
        assert rows == sorted(
            (
                *key,
                len(uses),
                days_of(uses),
                micros(min(event.when for event in uses)),
                micros(max(event.when for event in uses)),
            )
            for key, uses in usage_by_hand(window_days, "entity").items()
        )
    assert [row[:5] for row in found[2]] == sorted(
        (*key, len(uses), days_of(uses), len({event.entity for event in uses}))
        for key, uses in usage_by_hand(30.5, "account").items()
    )


def test_breadth_and_depth_are_read_off_usage(events: DataFrame) -> None:
    usage = feature_usage(events, features=FEATURES, zone=BERLIN, window_days=40, watermark=WATERMARK)
    adopted = {
        key: len(uses) for key, uses in usage_by_hand(40, "entity").items() if len(uses) >= 2 and days_of(uses) >= 2
    }
    tried = usage_by_hand(40, "entity")

    by_entity, by_feature = (
        collect_cases([rows])[0]
        for rows in (breadth(usage, min_uses=2, min_days=2), depth(usage, min_uses=2, min_days=2))
    )

    assert by_entity == sorted(
        (entity, sum(one == entity for one, _ in adopted), sum(one == entity for one, _ in tried))
        for entity in {entity for entity, _ in tried}
    )
    assert {row[1] for row in by_entity} >= {0, 1}
    expected = []
    for feature in FEATURES:
        uses = [n for (_, one), n in adopted.items() if one == feature]
        expected.append((feature, len(uses), sum(uses), sum(uses) / len(uses) if uses else None))
    assert by_feature == sorted(expected)
    assert depth(usage, min_uses=10**6).select("depth").distinct().collect() == [(None,)]


def adoption_by_hand(feature: str, min_uses: int, min_days: int, window_days: float, could: Any) -> tuple[Any, ...]:
    uses = {entity: mine for (entity, one), mine in usage_by_hand(window_days, "entity").items() if one == feature}
    active = {event.entity for event in in_window(window_days)}
    adopted = {e for e, mine in uses.items() if len(mine) >= min_uses and days_of(mine) >= min_days}

    def out_of(part: set[Any], whole: set[Any]) -> float | None:
        return len(part) / len(whole) if whole else None

    return (
        len(uses),
        len(adopted),
        out_of(adopted, active),
        None if could is None else out_of(adopted & could, could),
        out_of(adopted, set(uses)),
        len(active),
    )


def test_adoption_is_out_of_the_active_and_of_the_eligible(spark: SparkSession, events: DataFrame) -> None:
    listed = spark.createDataFrame([("e1",), ("e2",), ("e2",), ("e7",), ("never came",), (None,)], "entity_id string")
    had_c = {event.entity for event in counted(EVENTS, WATERMARK) if event.name == "C"}
    cases: list[tuple[str, int, int, float, Any, Any]] = [
        ("alpha", 2, 2, 28, listed, {"e1", "e2", "e7", "never came"}),
        ("beta", 1, 1, 7, "C", had_c),
        ("beta", 2, 1, 60, None, None),
        ("alpha", 1, 1, 0.0001, listed.where(F.lit(False)), set()),
    ]

    found = collect_cases(
        [
            adoption(
                events,
                feature=FEATURES[feature],
                eligible=eligible,
                min_uses=m,
                min_days=d,
                window_days=w,
                watermark=WATERMARK,
                zone=BERLIN,
            )
            for feature, m, d, w, eligible, _ in cases
        ]
    )

    expected = [adoption_by_hand(feature, m, d, w, could) for feature, m, d, w, _, could in cases]
    assert [rows[0][:6] for rows in found] == expected
    assert [rows[0][6] for rows in found] == [4, len(had_c), None, 0]
    assert expected[0][1] < expected[0][0]


def test_rows_may_stand_for_several_events(events: DataFrame) -> None:
    arguments: dict[str, Any] = {"features": FEATURES, "zone": BERLIN, "watermark": WATERMARK}
    threefold = events.withColumn("n_events", F.lit(3))

    one, three = collect_cases(
        [
            feature_usage(rows, **arguments).select("entity_id", "feature", "n_uses", "n_days")
            for rows in (events, threefold)
        ]
    )

    assert three == [(entity, feature, 3 * n_uses, n_days) for entity, feature, n_uses, n_days in one]


def test_an_account_adopts_by_one_member_or_by_a_share_of_its_seats(spark: SparkSession, events: DataFrame) -> None:
    seats = spark.createDataFrame(
        [("acc0", 2), ("acc1", 1000), ("acc2", None), ("acc9", 3)], "account_id string, n_seats int"
    )
    arguments: dict[str, Any] = {
        "feature": "A", "min_uses": 2, "min_days": 2, "window_days": 30, "watermark": WATERMARK, "zone": BERLIN,
    }  # fmt: skip
    frames = [
        account_adoption(events, **arguments),
        account_adoption(events, **arguments, seats=seats, min_seats_percent=50),
    ]

    found = collect_cases(
        [rows.select("account_id", "n_active", "n_tried", "n_adopted", "n_seats", "is_adopted") for rows in frames]
    )

    known = [event for event in in_window(30) if event.account is not None]
    for rows, n_seats in zip(found, ({}, {"acc0": 2, "acc1": 1000, "acc9": 3}), strict=True):
        expected = []
        for account in {str(event.account) for event in known} | set(n_seats):
            members = defaultdict(list)
            for event in known:
                if event.account == account:
                    members[event.entity].append(event)
            uses = [[event for event in mine if event.name == "A"] for mine in members.values()]
            n = sum(len(mine) >= 2 and days_of(mine) >= 2 for mine in uses)
            there = n_seats.get(account)
            if not n_seats:
                is_adopted: bool | None = n > 0
            elif n == 0:
                is_adopted = False
            else:
                is_adopted = None if there is None else n > 0 and n >= there / 2
            expected.append((account, len(members), sum(bool(mine) for mine in uses), n, there, is_adopted))
        assert rows == sorted(expected, key=in_order)
    assert {row[5] for row in found[1]} == {True, False, None}

    counted_accounts = [
        count_adopters(people, is_eligible_known=True, n_missing=F.count_if("is_seat_missing"))
        for people in (
            adopting_accounts(events, **arguments, seats=seats, min_seats_percent=50),
            adopting_accounts(events, **arguments, eligible="C"),
        )
    ]
    by_seats, by_event = collect_cases([rows.select(*_COUNTS, "n_missing") for rows in counted_accounts])
    had_c = {event.account for event in known_ever() if event.name == "C" and event.account is not None}
    for rows, could, summed in ((found[1], {"acc0", "acc1", "acc9"}, by_seats), (found[0], had_c, by_event)):
        adopted = {row[0] for row in rows if row[5]}
        assert summed == [
            (sum(row[2] > 0 for row in rows), len(adopted), sum(row[1] > 0 for row in rows), len(could),
             len(adopted & could), sum(row[5] is None for row in rows))
        ]  # fmt: skip


def test_wrong_arguments_of_adoption_are_refused(spark: SparkSession, events: DataFrame) -> None:
    good: dict[str, Any] = {"feature": "A", "min_uses": 1, "min_days": 1, "window_days": 7, "watermark": WATERMARK}
    numbers = spark.createDataFrame([(1,)], "entity_id bigint")
    for function, wrong, message in [
        (adoption, {"min_days": 0}, "min_days: expected a whole number"),
        (adoption, {"window_days": True}, "window_days: expected a number of days"),
        (adoption, {"eligible": numbers}, "eligible: column entity_id is bigint, expected string"),
        (account_adoption, {"min_seats_percent": 50}, "seats: a percentage of seats needs"),
        (account_adoption, {"min_seats_percent": 101, "seats": numbers}, "at most 100"),
    ]:
        with pytest.raises(ConfigError, match=message):
            function(events, **{**good, **wrong})  # type: ignore[operator]
    with pytest.raises(ConfigError, match="account_id is missing"):
        account_adoption(events.drop("account_id"), **good)
    with pytest.raises(ConfigError, match="features: expected at least one"):
        feature_usage(events, features={}, watermark=WATERMARK)
