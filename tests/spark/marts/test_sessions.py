"""Sessions and touches against a plain walk over random events; conversions on cases."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from oneuser.config import Conversion
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import ACCOUNT_TOUCHES, CONVERSIONS, SESSIONS, TOUCHES
from oneuser.marts.provenance import Provenance
from oneuser.marts.sessions.channel_rules import default_rules
from oneuser.marts.sessions.conversions import build_conversions
from oneuser.marts.sessions.sessions import build_sessions
from oneuser.marts.sessions.touches import build_account_touches, build_touches, find_moments
from tests.frames import assert_rows, assert_same_rows

START = datetime(2026, 3, 1, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
MADE = Provenance(params_id="p", identity_run=3)
GAP = timedelta(minutes=30)
SOURCE_OF_TOUCHES = "webinars"
EVENTS = (
    "message_key binary, event string, properties string, campaign_source string, campaign_medium string, "
    "campaign_name string, campaign_content string, click_id_type string, referrer_host string, page_host string"
)

Event = tuple[bytes, datetime, datetime | None, str, str | None, str | None, str | None, str]


def random_events(*, seed: int) -> list[Event]:
    """Minutes are drawn from few values, so that gaps of exactly 30 minutes and equal times are common."""
    chance = random.Random(seed)
    events = []
    for number in chance.sample(range(1000), 200):
        user = chance.choice([None, "a", "b", "c", "d", "e"])
        moment = START + timedelta(minutes=10 * chance.randrange(300), microseconds=chance.choice([0, 0, 0, 1]))
        source = chance.choice(["web", "web", "app", SOURCE_OF_TOUCHES])
        received = chance.choice([None, START, START + timedelta(days=chance.choice([-30000, 1]))])
        key = number.to_bytes(16, "big")
        events.append((key, moment, received, "track", "Seen", user, f"account of {user}", source))
    return events


def sessions_by_hand(events: list[Event]) -> dict[bytes, tuple[str, datetime, datetime, int, str]]:
    """First message of each session: person, start, end, number of events, source."""
    by_user = defaultdict(list)
    for event in sorted(events, key=lambda event: (event[1], event[2] or NEVER, event[0])):
        if event[5] is not None and event[7] != SOURCE_OF_TOUCHES:
            by_user[event[5]].append(event)
    found = {}
    for user, mine in by_user.items():
        groups: list[list[Event]] = []
        for event in mine:
            if groups and event[1] - groups[-1][-1][1] < GAP:
                groups[-1].append(event)
            else:
                groups.append([event])
        for group in groups:
            found[group[0][0]] = (user, group[0][1], group[-1][1], len(group), group[0][7])
    return found


def test_sessions_and_touches_are_those_of_a_plain_walk(spark: SparkSession) -> None:
    events = random_events(seed=11)
    resolved = spark.createDataFrame(events, EVENTS_RESOLVED.schema[:8])
    expected = sessions_by_hand(events)

    sessions = build_sessions(resolved, gap_minutes=30, touch_sources=[SOURCE_OF_TOUCHES], provenance=MADE)
    rows = sessions.collect()

    assert sessions.columns == SESSIONS.columns
    assert_rows(
        sessions.select("first_message_key", "user_id", "account_id", "started_at", "ended_at", "n_events", "source"),
        "first_message_key binary, user_id string, account_id string, started_at timestamp, ended_at timestamp, "
        "n_events bigint, source string",
        *((key, user, f"account of {user}", *facts) for key, (user, *facts) in expected.items()),
    )
    assert len({bytes(row.session_id) for row in rows}) == len(rows)
    assert all(len(row.session_id) == 16 for row in rows)

    # a touch for each session, and for each owned event of a source whose events are touches
    known = [
        (key, "Seen", "{}", "google", "cpc", "spring", None, None, None, "shop.example") for key, *_ in events[::2]
    ]
    touches = build_touches(
        find_moments(sessions, resolved, touch_sources=[SOURCE_OF_TOUCHES]),
        spark.createDataFrame(known, EVENTS),
        rules=default_rules(),
        provenance=MADE,
    )
    touched = touches.collect()
    alone = [event for event in events if event[7] == SOURCE_OF_TOUCHES and event[5] is not None]
    assert touches.columns == TOUCHES.columns
    assert_rows(
        touches.select("kind", "user_id", "touched_at"),
        "kind string, user_id string, touched_at timestamp",
        *(("session", user, begin) for user, begin, *_ in expected.values()),
        *(("event", event[5], event[1]) for event in alone),
    )
    assert {row.channel for row in touched} == {"Paid Search", "Direct"}

    # and of the accounts that events of nobody name, where events of their source are touches
    own = build_account_touches(
        resolved.withColumn("account_id", F.when(F.hour("event_time") < 12, "acme")),
        spark.createDataFrame(known, EVENTS),
        touch_sources=[SOURCE_OF_TOUCHES],
        rules=default_rules(),
        provenance=MADE,
    )
    assert own.columns == ACCOUNT_TOUCHES.columns
    of_nobody = [event for event in events if event[7] == SOURCE_OF_TOUCHES and event[5] is None and event[1].hour < 12]
    assert of_nobody
    assert_rows(
        own.select("message_key", "account_id", "touched_at"),
        "message_key binary, account_id string, touched_at timestamp",
        *((event[0], "acme", event[1]) for event in of_nobody),
    )
    paid = {event[0] for event in events[::2]} & (set(expected) | {event[0] for event in alone})
    assert sum(row.channel == "Paid Search" for row in touched) == len(paid)
    assert len({bytes(row.touch_id) for row in touched}) == len(touched)


def test_partitions_and_row_order_do_not_change_a_session(spark: SparkSession) -> None:
    events = random_events(seed=12)
    shuffled = random.Random(1).sample(events, len(events))
    one, other = (
        build_sessions(
            spark.createDataFrame(rows, EVENTS_RESOLVED.schema[:8]).repartition(parts), gap_minutes=30, provenance=MADE
        )
        for rows, parts in ((events, 1), (shuffled, 5))
    )

    assert_same_rows(one, other)


# properties -> value and currency of `pounds`, `any` (null: not that kind); whether each has an unreadable value
KINDS = {
    "pounds": Conversion(event="Order", value="properties.revenue", currency={"const": "GBP"}),
    "any": Conversion(
        event="Order",
        value="properties.total.amount",
        currency="properties.total.currency",
        where={"properties.plan": {"in": ["pro", 5, True]}},
    ),
    "signup": Conversion(event="Signed Up"),
}
MONEY: list[tuple[str | None, tuple[int | None, str | None, bool], tuple[int | None, str | None, bool] | None]] = [
    ('{"revenue": 12.345}', (1235, "GBP", False), None),
    ('{"revenue": 1.005}', (101, "GBP", False), None),  # as a double it is less, and would round down
    ('{"revenue": "-1.005"}', (-101, "GBP", False), None),
    ('{"revenue": "1,000.00"}', (None, "GBP", True), None),
    ('{"revenue": "£5"}', (None, "GBP", True), None),
    ('{"revenue": "NaN"}', (None, "GBP", True), None),
    ('{"revenue": 1e99}', (None, "GBP", True), None),
    ('{"revenue": {"amount": 5}}', (None, "GBP", True), None),
    ('{"revenue": null}', (None, "GBP", False), None),
    ('{"revenue": ""}', (None, "GBP", False), None),
    (None, (None, "GBP", False), None),
    ('{"revenue": 1e3, "plan": "free"}', (100000, "GBP", False), None),
    ('{"plan": "pro", "total": {"amount": 1234.5, "currency": "jpy"}}', (None, "GBP", False), (1235, "JPY", False)),
    ('{"plan": 5.0, "total": {"amount": "1.2345", "currency": "KWD"}}', (None, "GBP", False), (1235, "KWD", False)),
    ('{"plan": true, "total": {"amount": 7, "currency": "euro"}}', (None, "GBP", False), (None, None, True)),
    ('{"plan": "5", "total": {"amount": 7}}', (None, "GBP", False), (None, None, True)),
    # no code, and so no money: yen have no hundredths, and hundred of them are no ten thousand
    (r'{"plan": "pro", "total": {"amount": "100", "currency": "JPY\n"}}', (None, "GBP", False), (None, None, True)),
    ('{"plan": "pro", "total": {"currency": "EUR"}}', (None, "GBP", False), (None, "EUR", False)),
]


@pytest.fixture(scope="module")
def converted(spark: SparkSession) -> dict[tuple[int, str], Row]:
    """Conversions by number of the event and kind, with whether their value is unreadable."""
    rows = [("Order", properties) for properties, _, _ in MONEY] + [("Signed Up", None), ("Other", '{"revenue": 1}')]
    keys = [number.to_bytes(16, "big") for number in range(len(rows))]
    resolved = [
        (key, START, None, "track", event, None if number == 1 else "a", None, "web")
        for number, (key, (event, _)) in enumerate(zip(keys, rows, strict=True))
    ]
    events = [(key, event, properties, *[None] * 7) for key, (event, properties) in zip(keys, rows, strict=True)]
    found = build_conversions(
        spark.createDataFrame(resolved, EVENTS_RESOLVED.schema[:8]),
        spark.createDataFrame(events, EVENTS),
        kinds=KINDS,
        provenance=MADE,
    )
    assert CONVERSIONS.conform(found).columns == CONVERSIONS.columns
    return {(int.from_bytes(row.message_key, "big"), row.conversion): row for row in found.collect()}


def test_money_is_read_from_decimal_text_and_rounded_half_up(converted: dict[tuple[int, str], Row]) -> None:
    def facts(row: Row | None) -> Any:
        return row and (row.value_minor, row.currency, row.is_value_invalid)

    for number, (properties, pounds, any_kind) in enumerate(MONEY):
        assert facts(converted[number, "pounds"]) == pounds, properties
        assert facts(converted.get((number, "any"))) == any_kind, properties


def test_an_event_is_each_kind_that_it_matches_and_no_other(converted: dict[tuple[int, str], Row]) -> None:
    signup = converted[len(MONEY), "signup"]

    assert (signup.value_minor, signup.currency, signup.is_value_invalid) == (None, None, False)
    assert {kind for number, kind in converted if number >= len(MONEY)} == {"signup"}
    assert len({bytes(row.conversion_id) for row in converted.values()}) == len(converted)


def test_a_conversion_of_nobody_is_kept(converted: dict[tuple[int, str], Row]) -> None:
    assert converted[1, "pounds"].user_id is None
    assert converted[0, "pounds"].user_id == "a"


def test_without_events_there_is_nothing(spark: SparkSession) -> None:
    resolved, events = EVENTS_RESOLVED.empty(spark), spark.createDataFrame([], EVENTS)
    sessions = build_sessions(resolved, gap_minutes=30, provenance=MADE)
    moments = find_moments(sessions, resolved, touch_sources=["web"])

    empty: list[DataFrame] = [
        sessions,
        build_touches(moments, events, rules=default_rules(), provenance=MADE),
        build_conversions(resolved, events, kinds=KINDS, provenance=MADE),
    ]
    assert [rows.agg(F.count(F.lit(1)).alias("n")).collect()[0].n for rows in empty] == [0, 0, 0]
