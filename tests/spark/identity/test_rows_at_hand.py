"""What Spark makes of random tables is what the plain functions make of the same rows, step by step."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.contracts.identity import IDENTIFIER_MAP
from oneuser.core.event_order import event_order, message_key_of
from oneuser.core.message_identifiers import Carried, MessageRow
from oneuser.graph import linking
from oneuser.graph.edges import build_edges, find_pairs
from oneuser.graph.linking_messages import eligible_identifiers, linking_messages, without_members
from oneuser.graph.over_shared import count_persons_per_value
from oneuser.graph.protection import find_renames
from oneuser.identity.claims import Interval
from oneuser.identity.owners import resolve_events as resolve_rows
from oneuser.identity.resolution import resolve_events
from oneuser.privacy.consent import find_consenting, find_refusing, read_preferences
from oneuser.privacy.consent_signals import find_consenting as find_consenting_rows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PRIORITIES = {"user_id": 1, "email": 2, "phone": 3, "anonymous_id": 4}
KNOWN, UNIQUE = {"user_id", "email", "phone"}, {"user_id", "email"}
UNIQUE_PRIORITIES = {PRIORITIES[name] for name in UNIQUE}
KINDS = list(PRIORITIES)
N_IDENTIFIERS, N_MESSAGES = 60, 400
BLOCKED = [3, 17, 29]
BOUNDS = {2: 1, 3: 2, 4: 1}


def id_type(number: int) -> str:
    return KINDS[number % len(KINDS)]


def random_message(chance: Random, number: int) -> MessageRow:
    """Few identifiers, times and receipts, so that everything meets; some aliases, some consent."""
    order = event_order(chance.choice([None, 1, 2]), number.to_bytes(16, "big"))
    numbers = chance.sample(range(N_IDENTIFIERS), chance.choice([1, 2, 2, 3, 4]))
    links = [(n, "event") for n in numbers]
    is_alias = chance.random() < 0.3
    if is_alias:
        # the two ends, and nothing else of a unique type
        links = [(n, link) for n, link in links if id_type(n) not in UNIQUE]
        links.append((4 * chance.randrange(4), "alias"))
        old = chance.randrange(4)
        both = [(4 * old, "previous_user"), (4 * old + 3, "previous_anonymous")]
        links += chance.choice([both, [(4 * old, "previous")]])
    preferences = chance.choice([None, {}, *[{"ads": True}] * 4, {"ads": False}, {"other": False}])
    carried = tuple(
        Carried(n, id_type(n), PRIORITIES[id_type(n)], n, id_type(n) in KNOWN, id_type(n) in UNIQUE, link)
        for n, link in links
    )
    return MessageRow(order[8:], (chance.randrange(3) * 1_000_000, order), carried, is_alias, preferences)


@pytest.fixture(scope="module")
def messages() -> list[MessageRow]:
    chance = Random(5)
    return [random_message(chance, number) for number in range(N_MESSAGES)]


def instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def received(message: MessageRow) -> datetime | None:
    receipt = message.moment[1][:8]
    return None if receipt == b"\xff" * 8 else instant(int.from_bytes(receipt, "big") - 2**63)


@pytest.fixture(scope="module")
def event_identifiers(spark: SparkSession, messages: list[MessageRow]) -> DataFrame:
    rows = []
    for message in messages:
        for one in message.members:
            of_type = sorted({other.identifier_id for other in message.members if other.id_type == one.id_type})
            rank = of_type.index(one.identifier_id)
            at = instant(message.moment[0])
            n_links = len(message.members)
            rows.append(
                (message.key, one.identifier_id, one.id_type, rank, at, received(message), one.link, n_links, 1)
            )
    return spark.createDataFrame(rows, EVENT_IDENTIFIERS.schema).persist()


@pytest.fixture(scope="module")
def eligible(spark: SparkSession, event_identifiers: DataFrame) -> DataFrame:
    blocked = spark.createDataFrame([(n,) for n in BLOCKED], "identifier_id bigint")
    return eligible_identifiers(event_identifiers, blocked, priorities=PRIORITIES).persist()


@pytest.fixture(scope="module")
def eligible_rows(messages: list[MessageRow]) -> list[MessageRow]:
    return linking.eligible_identifiers(messages, BLOCKED)


def members_of(rows: Iterable[MessageRow]) -> dict[bytes, list[tuple[int, str]]]:
    return {m.key: [(one.identifier_id, one.link) for one in m.members] for m in rows}


def members_in(rows: DataFrame) -> dict[bytes, list[tuple[int, str]]]:
    return {
        bytes(row["message_key"]): [(one["identifier_id"], one["link"]) for one in row["members"]]
        for row in rows.select("message_key", "members").collect()
    }


def test_what_may_link_and_by_which_messages(
    spark: SparkSession, messages: list[MessageRow], eligible: DataFrame, eligible_rows: list[MessageRow]
) -> None:
    carried = {(m.key, one.identifier_id, one.link) for m in eligible_rows for one in m.members}
    found = eligible.select("message_key", "identifier_id", "link").collect()
    assert Counter((bytes(row[0]), row[1], row[2]) for row in found) == Counter(carried)

    events = spark.createDataFrame(
        [
            (m.key, None if m.preferences is None else json.dumps({"categoryPreferences": dict(m.preferences)}))
            for m in messages
        ],
        "message_key binary, consent string",
    )
    told = read_preferences(events, ["ads"])
    consenting = find_consenting(told, eligible, find_refusing(told, eligible, known_types=KNOWN))
    may_link = find_consenting_rows(eligible_rows, ["ads"])
    with_identifiers = {m.key for m in eligible_rows if m.members}
    assert {bytes(row[0]) for row in consenting.collect()} & with_identifiers == may_link & with_identifiers
    assert 0 < len(may_link) < sum((m.preferences or {}).get("ads", False) for m in messages)

    frame = linking_messages(eligible, unique_priorities=UNIQUE_PRIORITIES, may_link=consenting)
    rows = linking.linking_messages(eligible_rows, may_link)
    # one identifier by two kinds of link is no pair, and harmless
    several = frame.where(F.size(F.array_distinct("members.identifier_id")) > 1)
    assert members_in(several) == members_of(rows)
    assert any(m.names_two_people for m in eligible_rows)


def test_pairs_renames_and_the_people_of_a_value(
    spark: SparkSession, eligible: DataFrame, eligible_rows: list[MessageRow]
) -> None:
    frame = linking_messages(eligible, unique_priorities=UNIQUE_PRIORITIES).persist()
    rows = linking.linking_messages(eligible_rows)
    excluded = sorted(linking.find_renames(rows, ()))[:1]

    renames = find_renames(
        frame, spark.createDataFrame(excluded, "src bigint, dst bigint"), unique_priorities=UNIQUE_PRIORITIES
    )
    assert {(row["src"], row["dst"]) for row in renames.collect()} == linking.find_renames(rows, excluded) != set()

    classes = {0: 0, 4: 0, 8: 8, 12: 8}
    class_rows = spark.createDataFrame(list(classes.items()), "identifier_id bigint, value_class bigint")
    known = {PRIORITIES[name] for name in KNOWN}
    counted = count_persons_per_value(
        frame, class_rows, bounds=BOUNDS, unique_priorities=UNIQUE_PRIORITIES, known_priorities=known
    )
    near = {row["identifier_id"]: row["n_persons"] for row in counted.collect()}
    persons = linking.count_persons_per_value(rows, classes, BOUNDS)
    bound = {n: BOUNDS[PRIORITIES[id_type(n)]] for n in persons}
    assert near == {n: found for n, found in persons.items() if found >= 0.8 * bound[n]}
    over_shared = linking.find_over_shared(rows, classes, BOUNDS)
    assert over_shared == {n for n in persons if persons[n] > bound[n]} != set()

    left_out = spark.createDataFrame([(n,) for n in over_shared], "identifier_id bigint")
    edges = build_edges(find_pairs(without_members(frame, left_out))).collect()
    moments: dict[tuple[int, int], list[Any]] = {}
    for message in linking.without_members(rows, over_shared):
        for pair in linking.find_pairs(message):
            moments.setdefault(pair, []).append(message.moment)
    dated = {}
    for row in edges:
        first, last = (
            (row[f"{end}_event_time"].astimezone(UTC), bytes(row[f"{end}_event_order"])) for end in ("first", "last")
        )
        one, other = dated.get((row["src"], row["dst"]), (first, last))
        dated[row["src"], row["dst"]] = min(one, first), max(other, last)
    assert dated == {
        pair: tuple((instant(at), order) for at, order in (min(when), max(when))) for pair, when in moments.items()
    }


def test_owners_of_messages(
    spark: SparkSession, messages: list[MessageRow], eligible: DataFrame, eligible_rows: list[MessageRow]
) -> None:
    chance = Random(9)
    # some identifiers are out of the graph, some contested
    components = {n: n // 6 for n in range(N_IDENTIFIERS) if n not in BLOCKED and n % 11}
    intervals = {
        n: (Interval(None, chance.randrange(9)), Interval((1_000_000, b""), chance.choice([None, chance.randrange(9)])))
        for n in components
        if n % 5 == 0
    }
    people = [
        (n, id_type(n), f"usr_{c}", PRIORITIES[id_type(n)], id_type(n) in KNOWN, n in intervals, False, EPOCH, EPOCH, 1)
        for n, c in components.items()
    ]
    spans = [
        (n, place, None if one.owner is None else f"usr_{one.owner}", one.start and instant(one.start[0]))
        for n, parts in intervals.items()
        for place, one in enumerate(parts)
    ]
    events = [(m.key, instant(m.moment[0]), received(m), "track", "e", "web", None) for m in messages]

    found = resolve_events(
        spark.createDataFrame(
            events,
            "message_key binary, event_time timestamp, received_at timestamp, type string, event string, "
            "source string, group_id string",
        ),
        eligible,
        spark.createDataFrame(people, IDENTIFIER_MAP.schema),
        spark.createDataFrame(spans, "identifier_id bigint, interval int, user_id string, valid_from timestamp"),
        unique_priorities=UNIQUE_PRIORITIES,
    )

    wanted = resolve_rows(eligible_rows, components, intervals)
    assert {bytes(row["message_key"]): row["user_id"] for row in found.collect()} == {
        key: None if owner is None else f"usr_{owner}" for key, owner in wanted.items()
    }
    assert len(set(wanted.values())) > 9
    assert all(message_key_of(m.moment[1]) == m.key for m in messages)
