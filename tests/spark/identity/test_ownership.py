"""Whose event a message is, whose identifier when, and what was recorded when, on literal rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.graph import COMPONENTS, EVENT_IDENTIFIERS
from oneuser.contracts.identity import IDENTIFIER_MAP, IDENTIFIER_OWNERSHIP
from oneuser.graph.linking_messages import eligible_identifiers, linking_messages, observed_identifiers
from oneuser.identity.claims_rows import divide_batches
from oneuser.identity.history import as_of_run, record_ownership, record_users
from oneuser.identity.ownership import build_claims, build_ownership, divide_claims, find_owners_over_time
from oneuser.identity.resolution import resolve_events
from tests.frames import assert_rows

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TYPES = {"user_id": 1, "email": 2, "anonymous_id": 9}
KNOWN = frozenset({"user_id", "email"})
OWNED = "message string, user_id string, unowned string"
EVENTS = (
    "message_key binary, event_time timestamp, received_at timestamp, type string, event string, source string, "
    "group_id string"
)
# number, type, component, contested; a shared browser (3) that replay left with 1
PLACES = [
    (1, "user_id", 1, False),
    (2, "user_id", 2, False),
    (3, "anonymous_id", 1, True),
    (4, "email", 2, False),
    (5, "anonymous_id", 5, False),
]
MESSAGES: dict[str, tuple[int, ...]] = {
    "m1": (3,), "m2": (1, 3), "m3": (3,), "m4": (2, 3), "m5": (3,), "m6": (3, 5), "m7": (1, 2), "m8": (5,), "m9": (),
}  # fmt: skip


def at(message: str) -> datetime:
    return MONDAY + timedelta(hours=int(message[1:]))


def observed(spark: SparkSession) -> DataFrame:
    kind = {number: id_type for number, id_type, _, _ in PLACES}
    rows = [
        (
            message.encode(),
            n,
            kind[n],
            [m for m in numbers if kind[m] == kind[n]].index(n),
            at(message),
            None,
            "event",
            len(numbers),
            1,
        )
        for message, numbers in MESSAGES.items()
        for n in numbers
    ]
    return spark.createDataFrame(rows, EVENT_IDENTIFIERS.schema)


def components(spark: SparkSession) -> DataFrame:
    rows = [
        (n, c, c, t, bytes([n]), TYPES[t], t in KNOWN, contested, False, at("m1"), b"m1", at("m9"), 1)
        for n, t, c, contested in PLACES
    ]
    return spark.createDataFrame(rows, COMPONENTS.schema)


def intervals(spark: SparkSession, policy: Any) -> DataFrame:
    eligible = eligible_identifiers(observed(spark), None, priorities=TYPES)
    messages = linking_messages(eligible, unique_priorities=[1])
    claims = build_claims(components(spark), messages)
    return divide_claims(claims, policy=policy, divide=divide_batches)


def mapped(spark: SparkSession) -> DataFrame:
    rows = [
        (n, t, f"usr_{c}", TYPES[t], t in KNOWN, contested, False, at("m1"), at("m9"), 1)
        for n, t, c, contested in PLACES
    ]
    return spark.createDataFrame(rows, IDENTIFIER_MAP.schema)


def owners(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([(c, f"usr_{c}") for c in (1, 2, 5)], "component_id bigint, user_id string")


def owned(spark: SparkSession, policy: str) -> DataFrame:
    """Whose each message is: the columns of `OWNED`."""
    events = spark.createDataFrame(
        [(m.encode(), at(m), None, "track", "e", "web", None) for m in MESSAGES],
        EVENTS,
    )
    people = mapped(spark)
    ownership = build_ownership(people, intervals(spark, policy), owners(spark))
    resolved = resolve_events(
        events,
        observed_identifiers(observed(spark), None, priorities=TYPES),
        people,
        ownership,
        unique_priorities=[1],
    )
    return resolved.selectExpr("decode(message_key, 'UTF-8') AS message", "user_id", "unowned")


def test_a_shared_browser_goes_with_whoever_logged_in_last(spark: SparkSession) -> None:
    found = owned(spark, "time_sliced")

    # then the first owner had it before too; a message with two people has none; an uncontested browser comes first
    assert_rows(
        found, OWNED,
        ("m1", "usr_1", None), ("m2", "usr_1", None), ("m3", "usr_1", None), ("m4", "usr_2", None),
        ("m5", "usr_2", None), ("m6", "usr_5", None), ("m7", None, "unique_in_event"), ("m8", "usr_5", None),
        ("m9", None, None),
    )  # fmt: skip


def test_an_alias_whose_new_id_is_out_of_the_graph_belongs_to_its_old_one(spark: SparkSession) -> None:
    # of three aliases the second renames to a blocked id, the third from one
    places = [(1, "user_id", 1), (2, "user_id", 2), (4, "email", 2)]
    people = spark.createDataFrame(
        [(n, t, f"usr_{c}", TYPES[t], True, False, False, MONDAY, MONDAY, 1) for n, t, c in places],
        IDENTIFIER_MAP.schema,
    )
    carried = [
        ("m1", 2, "user_id", "alias"), ("m1", 1, "user_id", "previous"),
        ("m2", 9, "user_id", "alias"), ("m2", 1, "user_id", "previous"), ("m2", 4, "email", "event"),
        ("m3", 2, "user_id", "alias"), ("m3", 9, "user_id", "previous"),
    ]  # fmt: skip
    rows = [(m.encode(), n, t, 0, at(m), None, link, 2, 1) for m, n, t, link in carried]
    events = spark.createDataFrame(
        [(m.encode(), at(m), None, "alias", None, "web", None) for m in ("m1", "m2", "m3")],
        EVENTS,
    )
    blocked = spark.createDataFrame([(9, "blocked_value")], "identifier_id bigint, rule string")
    owning = eligible_identifiers(spark.createDataFrame(rows, EVENT_IDENTIFIERS.schema), blocked, priorities=TYPES)

    found = resolve_events(events, owning, people, unique_priorities=[1])

    assert_rows(
        found.selectExpr("decode(message_key, 'UTF-8') AS message", "user_id", "unowned"), OWNED,
        ("m1", "usr_2", None), ("m2", "usr_1", None), ("m3", "usr_2", None),
    )  # fmt: skip


def test_every_event_of_the_instant_of_a_claim_is_in_its_interval(spark: SparkSession) -> None:
    # the key of m0 is smaller than that of the claim m4 at the same instant
    people = mapped(spark)
    ownership = build_ownership(people, intervals(spark, "time_sliced"), owners(spark))
    events = spark.createDataFrame([(b"m0", at("m4"), None, "track", "e", "web", None)], EVENTS)
    carried = spark.createDataFrame(
        [(b"m0", 3, "anonymous_id", 0, at("m4"), None, "event", 1, 1)], EVENT_IDENTIFIERS.schema
    )

    found = resolve_events(events, eligible_identifiers(carried, None, priorities=TYPES), people, ownership)

    assert [row["user_id"] for row in found.collect()] == ["usr_2"]


def test_the_policies_give_it_to_the_last_owner_or_to_nobody(spark: SparkSession) -> None:
    last = owned(spark, "last_owner").where("message IN ('m1', 'm5')")
    quarantined = owned(spark, "quarantine").where("message IN ('m1', 'm2')")

    assert_rows(last, OWNED, ("m1", "usr_2", None), ("m5", "usr_2", None))
    assert_rows(quarantined, OWNED, ("m1", None, "quarantined"), ("m2", "usr_1", None))


def test_a_contested_identifier_has_an_interval_for_each_owner_and_the_others_have_one(spark: SparkSession) -> None:
    divided = intervals(spark, "time_sliced")
    ownership = build_ownership(mapped(spark), divided, owners(spark))

    assert_rows(
        ownership.select("identifier_id", "interval", "user_id", "valid_from", "valid_to"),
        "identifier_id bigint, interval int, user_id string, valid_from timestamp, valid_to timestamp",
        (1, 0, "usr_1", None, None),
        (2, 0, "usr_2", None, None),
        (3, 0, "usr_1", None, at("m4")),
        (3, 1, "usr_2", at("m4"), None),
        (4, 0, "usr_2", None, None),
        (5, 0, "usr_5", None, None),
    )
    assert [list(row["owners"]) for row in find_owners_over_time(divided).collect()] == [[1, 2]]


def test_history_supersedes_what_changes_and_can_be_read_as_of_any_run(spark: SparkSession) -> None:
    def people(**users: str) -> DataFrame:
        rows = [(int(n[1:]), "user_id", u, 1, True, False, False, MONDAY, MONDAY, 1) for n, u in users.items()]
        return spark.createDataFrame(rows, IDENTIFIER_MAP.schema)

    recorded = None
    states = [
        {"i1": "a", "i2": "b"},
        {"i1": "a", "i2": "c"},
        {"i1": "a", "i2": "c"},
        {"i1": "a"},
        {"i1": "a", "i2": "b"},
    ]
    for run_seq, state in enumerate(states, start=1):
        recorded = record_users(people(**state), recorded, run_seq=run_seq, as_of=at(f"m{run_seq}"))
        recorded = spark.createDataFrame(recorded.collect(), recorded.schema)
    assert recorded is not None

    for run_seq, state in enumerate(states, start=1):
        held = as_of_run(recorded, run_seq).selectExpr("'i' || identifier_id AS identifier", "user_id")
        assert_rows(held, "identifier string, user_id string", *state.items())
    assert recorded.count() == 4
    closed = recorded.where("user_id = 'c'").first()
    assert closed is not None
    assert (closed["recorded_run"], closed["superseded_run"]) == (2, 4)


def test_nothing_is_superseded_before_it_was_recorded_by_a_run_as_of_an_earlier_time(spark: SparkSession) -> None:
    def people(user: str) -> DataFrame:
        return spark.createDataFrame(
            [(1, "user_id", user, 1, True, False, False, MONDAY, MONDAY, 1)], IDENTIFIER_MAP.schema
        )

    first = record_users(people("a"), None, run_seq=1, as_of=at("m2"))
    rows = record_users(people("b"), first, run_seq=2, as_of=at("m1"))

    ends = rows.selectExpr("recorded_run", "superseded_run", "superseded_at >= recorded_at AS is_after")
    assert_rows(ends, "recorded_run bigint, superseded_run bigint, is_after boolean", (1, 2, True), (2, None, None))


def test_an_interval_that_moves_is_recorded_anew(spark: SparkSession) -> None:
    divided = build_ownership(mapped(spark), intervals(spark, "time_sliced"), owners(spark))
    first = record_ownership(divided, None, run_seq=1, as_of=at("m1"))
    first = spark.createDataFrame(first.collect(), IDENTIFIER_OWNERSHIP.schema)
    whole = build_ownership(mapped(spark), intervals(spark, "last_owner"), owners(spark))

    second = record_ownership(whole, first, run_seq=2, as_of=at("m2"))

    assert_rows(
        second.where("2 IN (recorded_run, superseded_run)").select(
            "identifier_id", "interval", "recorded_run", "superseded_run"
        ),
        "identifier_id bigint, interval int, recorded_run bigint, superseded_run bigint",
        (3, 0, 2, None),
        (3, 0, 1, 2),
        (3, 1, 1, 2),
    )
    assert record_ownership(divided, first, run_seq=2, as_of=at("m2")).where("recorded_run = 2").isEmpty()
