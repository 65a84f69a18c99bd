"""Sessions and touches against a plain walk over random events; channels and conversions on cases."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import CONVERSIONS, SESSIONS, TOUCHES
from oneuser.core.config import ChannelRule, Conversion
from oneuser.marts.provenance import Made
from oneuser.marts.sessions.channel_rules import declared_rules, default_rules
from oneuser.marts.sessions.channels import add_channel
from oneuser.marts.sessions.conversions import build_conversions
from oneuser.marts.sessions.sessions import build_sessions
from oneuser.marts.sessions.touches import build_touches

START = datetime(2026, 3, 1, tzinfo=UTC)
MADE = Made(params_id="p", identity_run=3)
GAP = timedelta(minutes=30)
SOURCE_OF_TOUCHES = "webinars"
CAME_FROM = "campaign_source", "campaign_medium", "campaign_name", "click_id_type", "referrer_host", "page_host"
EVENTS = (
    "message_key binary, event string, properties string, campaign_source string, campaign_medium string, "
    "campaign_name string, campaign_content string, click_id_type string, referrer_host string, page_host string"
)

Event = tuple[bytes, datetime, str, str | None, str | None, str | None, str]


def random_events(*, seed: int) -> list[Event]:
    """Minutes are drawn from few values, so that gaps of exactly 30 minutes and equal times are common."""
    chance = random.Random(seed)
    events = []
    for number in chance.sample(range(1000), 200):
        user = chance.choice([None, "a", "b", "c", "d", "e"])
        moment = START + timedelta(minutes=10 * chance.randrange(300), microseconds=chance.choice([0, 0, 0, 1]))
        source = chance.choice(["web", "web", "app", SOURCE_OF_TOUCHES])
        events.append((number.to_bytes(16, "big"), moment, "track", "Seen", user, f"account of {user}", source))
    return events


def sessions_by_hand(events: list[Event]) -> dict[bytes, tuple[str, datetime, datetime, int, str]]:
    """First message of each session: person, start, end, number of events, source."""
    by_user = defaultdict(list)
    for event in sorted(events, key=lambda event: (event[1], event[0])):
        if event[4] is not None and event[6] != SOURCE_OF_TOUCHES:
            by_user[event[4]].append(event)
    found = {}
    for user, mine in by_user.items():
        groups: list[list[Event]] = []
        for event in mine:
            if groups and event[1] - groups[-1][-1][1] < GAP:
                groups[-1].append(event)
            else:
                groups.append([event])
        for group in groups:
            found[group[0][0]] = (user, group[0][1], group[-1][1], len(group), group[0][6])
    return found


def naive(moment: datetime) -> datetime:
    return moment.astimezone().replace(tzinfo=None)


def test_sessions_and_touches_are_those_of_a_plain_walk(spark: SparkSession) -> None:
    events = random_events(seed=11)
    resolved = spark.createDataFrame(events, EVENTS_RESOLVED.schema)
    expected = sessions_by_hand(events)

    sessions = build_sessions(resolved, gap_minutes=30, touch_sources=[SOURCE_OF_TOUCHES], made=MADE)
    rows = sessions.collect()

    assert sessions.columns == SESSIONS.columns
    assert {
        bytes(row.first_message_key): (row.user_id, row.started_at, row.ended_at, row.n_events, row.source)
        for row in rows
    } == {key: (user, naive(a), naive(b), n, source) for key, (user, a, b, n, source) in expected.items()}
    assert all(row.account_id == f"account of {row.user_id}" for row in rows)
    assert len({bytes(row.session_id) for row in rows}) == len(rows)
    assert all(len(row.session_id) == 16 for row in rows)

    # a touch for each session, and for each owned event of a source whose events are touches
    known = [
        (key, "Seen", "{}", "google", "cpc", "spring", None, None, None, "shop.example") for key, *_ in events[::2]
    ]
    touches = build_touches(
        sessions,
        resolved,
        spark.createDataFrame(known, EVENTS),
        rules=default_rules(),
        touch_sources=[SOURCE_OF_TOUCHES],
        made=MADE,
    )
    touched = touches.collect()
    alone = [event for event in events if event[6] == SOURCE_OF_TOUCHES and event[4] is not None]
    assert touches.columns == TOUCHES.columns
    assert sorted((row.kind, row.user_id, row.touched_at) for row in touched) == sorted(
        [("session", user, naive(begin)) for user, begin, *_ in expected.values()]
        + [("event", str(event[4]), naive(event[1])) for event in alone]
    )
    assert {row.channel for row in touched} == {"Paid Search", "Direct"}
    paid = {event[0] for event in events[::2]} & (set(expected) | {event[0] for event in alone})
    assert sum(row.channel == "Paid Search" for row in touched) == len(paid)
    assert len({bytes(row.touch_id) for row in touched}) == len(touched)


def test_partitions_and_row_order_do_not_change_a_session(spark: SparkSession) -> None:
    events = random_events(seed=12)
    shuffled = random.Random(1).sample(events, len(events))
    one, other = (
        build_sessions(
            spark.createDataFrame(rows, EVENTS_RESOLVED.schema).repartition(parts), gap_minutes=30, made=MADE
        ).collect()
        for rows, parts in ((events, 1), (shuffled, 5))
    )

    assert sorted(map(str, one)) == sorted(map(str, other))


# source, medium, campaign, click id, referrer, landing host -> channel
CHANNELS: list[tuple[tuple[str | None, ...], str]] = [
    ((None, None, None, None, None, "shop.example"), "Direct"),
    (("", " ", None, None, "", None), "Direct"),
    (("(direct)", "(none)", None, None, None, None), "Direct"),
    ((None, None, None, None, "shop.example", "www.shop.example"), "Direct"),
    ((None, None, None, None, "blog.shop.example", "shop.example"), "Direct"),
    ((None, None, None, None, "www.google.co.uk", "shop.example"), "Organic Search"),
    ((None, None, None, None, "google.example.com", "shop.example"), "Referral"),
    ((None, None, None, None, "notgoogle.com", "shop.example"), "Referral"),
    ((None, None, None, None, "duckduckgo.com", None), "Organic Search"),
    ((None, None, None, None, "mail.google.com", "shop.example"), "Email"),
    ((None, None, None, None, "l.facebook.com", "shop.example"), "Organic Social"),
    ((None, None, None, None, "t.co", "shop.example"), "Organic Social"),
    ((None, None, None, None, "m.youtube.com", "shop.example"), "Organic Video"),
    ((None, None, None, None, "partner.example", "shop.example"), "Referral"),
    ((None, None, None, "gclid", "www.google.com", "shop.example"), "Paid Search"),
    ((None, None, None, "msclkid", None, None), "Paid Search"),
    ((None, None, None, "fbclid", "l.facebook.com", None), "Organic Social"),
    ((None, None, None, "ttclid", None, None), "Paid Social"),
    ((None, None, None, "dclid", None, None), "Display"),
    (("Google", "CPC", "brand", None, None, None), "Paid Search"),
    (("google", "cpc", "Cross-Network all", None, None, None), "Cross-network"),
    (("facebook", "cpm", None, None, None, None), "Paid Social"),
    (("facebook", "paid_social", None, "fbclid", None, None), "Paid Social"),
    (("youtube", "cpv", None, None, None, None), "Paid Video"),
    (("somewhere", "cpm", None, None, None, None), "Display"),
    (("somewhere", "banner", None, None, None, None), "Display"),
    (("somewhere", "ppc", None, None, None, None), "Paid Search"),
    (("somewhere", "paid-else", None, None, None, None), "Unassigned"),
    (("crm", "email", None, None, "mail.google.com", None), "Email"),
    (("newsletter", None, None, None, None, None), "Email"),
    (("partner", "affiliate", None, None, None, None), "Affiliates"),
    (("spotify", "audio", None, None, None, None), "Audio"),
    (("crm", "sms", None, None, None, None), "SMS"),
    (("crm", "web-push", None, None, None, None), "Push"),
    (("linkedin", "social", None, None, None, None), "Organic Social"),
    (("instagram", None, None, None, None, None), "Organic Social"),
    (("youtube.com", None, None, None, None, None), "Organic Video"),
    (("bing", "organic", None, None, None, None), "Organic Search"),
    (("partner", "referral", None, None, None, None), "Referral"),
    (("partner", None, "spring", None, "www.google.com", None), "Unassigned"),
]


def test_the_built_in_channels_are_the_usual_ones(spark: SparkSession) -> None:
    cases = [(number, *fields) for number, (fields, _) in enumerate(CHANNELS)]
    touches = spark.createDataFrame(cases, ", ".join(["n int", *[f"{name} string" for name in CAME_FROM]]))

    found = {row.n: row for row in add_channel(touches, rules=default_rules()).collect()}

    wrong = [
        (fields, expected, found[number].channel, found[number].channel_rule)
        for number, (fields, expected) in enumerate(CHANNELS)
        if found[number].channel != expected
    ]
    assert not wrong
    assert {expected for _, expected in CHANNELS} == {rule.channel for rule in default_rules()}


def test_of_several_rules_the_first_that_holds_wins(spark: SparkSession) -> None:
    rules = declared_rules(
        [
            ChannelRule(name="blog", channel="Content", when={"referrer_host": {"matches": r"(^|\.)blog\.example$"}}),
            ChannelRule(name="mail", channel="Mail", when={"utm_medium": {"in": ["email", "Mail"]}}),
            ChannelRule(
                name="ads", channel="Ads", when={"click_id": {"present": True}, "utm_source": {"equals": "google"}}
            ),
            ChannelRule(name="bare", channel="None", when={"landing_host": {"present": False}}),
        ]
    )
    cases = [
        (0, None, "MAIL", None, None, "www.blog.example", "blog.example"),
        (1, None, "mail", None, None, None, "x"),
        (2, "google", None, None, "gclid", None, "x"),
        (3, "bing", None, None, "gclid", None, "x"),
        (4, "bing", None, None, "gclid", None, None),
    ]
    touches = spark.createDataFrame(cases, ", ".join(["n int", *[f"{name} string" for name in CAME_FROM]]))

    found = sorted(add_channel(touches, rules=rules).select("n", "channel", "channel_rule").collect())

    assert [tuple(row)[1:] for row in found] == [
        ("Content", "blog"), ("Mail", "mail"), ("Ads", "ads"), ("Unassigned", "(no rule)"), ("None", "bare"),
    ]  # fmt: skip


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
    ('{"plan": "pro", "total": {"currency": "EUR"}}', (None, "GBP", False), (None, "EUR", False)),
]


@pytest.fixture(scope="module")
def converted(spark: SparkSession) -> dict[tuple[int, str], Row]:
    """Conversions by number of the event and kind, with whether their value is unreadable."""
    rows = [("Order", properties) for properties, _, _ in MONEY] + [("Signed Up", None), ("Other", '{"revenue": 1}')]
    keys = [number.to_bytes(16, "big") for number in range(len(rows))]
    resolved = [
        (key, START, "track", event, None if number == 1 else "a", None, "web")
        for number, (key, (event, _)) in enumerate(zip(keys, rows, strict=True))
    ]
    events = [(key, event, properties, *[None] * 7) for key, (event, properties) in zip(keys, rows, strict=True)]
    found = build_conversions(
        spark.createDataFrame(resolved, EVENTS_RESOLVED.schema),
        spark.createDataFrame(events, EVENTS),
        kinds=KINDS,
        made=MADE,
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
    sessions = build_sessions(resolved, gap_minutes=30, made=MADE)

    empty: list[DataFrame] = [
        sessions,
        build_touches(sessions, resolved, events, rules=default_rules(), touch_sources=["web"], made=MADE),
        build_conversions(resolved, events, kinds=KINDS, made=MADE),
    ]
    assert [rows.agg(F.count(F.lit(1)).alias("n")).collect()[0].n for rows in empty] == [0, 0, 0]
