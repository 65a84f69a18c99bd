"""What may link: messages that name two people, over-shared values, consent, links and manual rules."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.graph import EVENT_IDENTIFIERS, REFUSED_EDGES
from oneuser.contracts.reference import LINKS
from oneuser.graph.edges import build_edges, find_pairs, included_pairs, link_pairs, touching
from oneuser.graph.linking_messages import eligible_identifiers, linking_messages, without_members
from oneuser.graph.over_shared import count_persons_per_value
from oneuser.graph.protection import find_renames
from oneuser.graph.refusals import date_refusals, record_refusals
from oneuser.privacy.consent import find_consenting, find_refusing, read_preferences
from tests.frames import assert_rows

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TYPES = {"user_id": 1, "email": 2, "anonymous_id": 9}
KIND = {"u": "user_id", "e": "email", "b": "anonymous_id"}


def number(name: str) -> int:
    return {"u": 100, "e": 200, "b": 300}[name[0]] + int(name[1:])


def observed(spark: SparkSession, **messages: str) -> DataFrame:
    """Rows of `event_identifiers` from `m3="u1 b1"`; `old=u1>u2` is an alias that renames u1 to u2."""
    rows = []
    for message, text in messages.items():
        day = int(message[1:])
        at = MONDAY + timedelta(days=day)
        old, arrow, rest = text.partition(">")
        names = (rest if arrow else text).split()
        end = (len(names) + len(arrow), day)
        for name in names:
            rank = sorted(n for n in names if n[0] == name[0]).index(name)
            link = "alias" if arrow and name[0] == "u" else "event"
            rows.append((message.encode(), number(name), KIND[name[0]], rank, at, None, link, *end))
        if arrow:
            rows.append((message.encode(), number(old.strip()), KIND[old.strip()[0]], 1, at, None, "previous", *end))
    return spark.createDataFrame(rows, EVENT_IDENTIFIERS.schema)


def linking(rows: DataFrame, unique: Collection[int] = (1,)) -> DataFrame:
    return linking_messages(eligible_identifiers(rows, None, priorities=TYPES), unique_priorities=unique)


def assert_messages(rows: DataFrame, *messages: str) -> None:
    assert_rows(rows.select("message_key"), "message_key binary", *((message.encode(),) for message in messages))


def assert_ends(edges: DataFrame, *ends: tuple[int, int]) -> None:
    assert_rows(edges.select("src", "dst"), "src bigint, dst bigint", *ends)


def pair(one: str, other: str) -> tuple[int, int]:
    first, second = sorted((number(one), number(other)))
    return first, second


def test_a_message_with_two_values_of_a_unique_type_links_nothing_but_an_alias_may(spark: SparkSession) -> None:
    rows = observed(spark, m1="u1 b1", m2="u1 u2 b2", m3="e1 e2 b3", m4="u1>u2", m5="b5")

    messages = linking(rows)

    assert_messages(messages, "m1", "m3", "m4")
    assert_ends(find_pairs(messages), pair("u1", "b1"), pair("e1", "e2"), pair("e1", "b3"), pair("u1", "u2"))


def test_a_value_is_near_its_bound_or_over_it_by_the_people_of_its_messages(spark: SparkSession) -> None:
    # given a browser of five people, one of four, and one of five of whom two are the same by an alias
    rows = observed(
        spark,
        **{f"m1{n}": f"u{n} b1" for n in range(5)},
        **{f"m2{n}": f"u{n} b2" for n in range(4)},
        **{f"m3{n}": f"u{n} b3" for n in (0, 1, 2, 3, 9)},
        m99="u9>u0",
    )
    messages = linking(rows)
    classes = find_renames(messages, None, unique_priorities=[1]).selectExpr(
        "dst AS identifier_id", "src AS value_class"
    )

    counted = count_persons_per_value(messages, classes, bounds={9: 4}, unique_priorities=[1], known_priorities=[1, 2])

    assert_rows(
        counted,
        "identifier_id bigint, n_persons bigint, bound bigint",
        (number("b1"), 5, 4),
        (number("b2"), 4, 4),
        (number("b3"), 4, 4),
    )


def test_people_are_counted_by_known_values_where_no_value_of_a_unique_type_is_ever_near(spark: SparkSession) -> None:
    # given a browser with three addresses, one with three addresses and a login, and a login with three addresses
    rows = observed(
        spark,
        **{f"m1{n}": f"e{n} b1" for n in range(3)},
        **{f"m2{n}": f"e{n} b2" for n in range(3)},
        m30="u1 b2",
        **{f"m4{n}": f"e{n} u2" for n in range(3)},
    )

    counted = count_persons_per_value(
        linking(rows), None, bounds={1: 2, 9: 2}, unique_priorities=[1], known_priorities=[1, 2]
    )

    assert_rows(
        counted,
        "identifier_id bigint, n_persons bigint, bound bigint",
        (number("b1"), 3, 2),
        (number("u2"), 3, 2),
    )


def test_an_over_shared_value_is_taken_out_of_its_messages_and_its_edges_are_listed(spark: SparkSession) -> None:
    messages = linking(observed(spark, m1="u1 e1 b1", m2="e1 b2", m3="u3 b3"))
    over_shared = spark.createDataFrame([(number("e1"),)], "identifier_id bigint")

    left = without_members(messages, over_shared)

    assert_ends(find_pairs(left), pair("u1", "b1"), pair("u3", "b3"))
    assert_ends(touching(find_pairs(messages), over_shared), pair("u1", "e1"), pair("e1", "b2"))


def test_an_alias_renames_only_within_a_unique_type_and_not_where_a_rule_excludes_it(spark: SparkSession) -> None:
    messages = linking(observed(spark, m1="u1>u2", m2="u3>u4", m3="b1>u5"))
    excluded = spark.createDataFrame([pair("u3", "u4")], "src bigint, dst bigint")

    renames = find_renames(messages, excluded, unique_priorities=[1])

    assert_ends(renames, pair("u1", "u2"))
    assert_ends(find_renames(messages, None, unique_priorities=[2]))


def consenting(spark: SparkSession, rows: DataFrame, told: Mapping[str, Any]) -> DataFrame:
    events = spark.createDataFrame(
        [
            (key.encode(), MONDAY + timedelta(days=int(key[1:])), None if text is None else json.dumps(text))
            for key, text in told.items()
        ],
        "message_key binary, event_time timestamp, consent string",
    )
    eligible = eligible_identifiers(rows, None, priorities=TYPES)
    preferences = read_preferences(events, ["ads"])
    refusing = find_refusing(preferences, eligible, known_types={"user_id", "email"})
    return find_consenting(preferences, eligible, None if preferences.where("refuses").isEmpty() else refusing)


def test_only_messages_that_carry_every_purpose_link(spark: SparkSession) -> None:
    rows = observed(spark, m1="u1 b1", m2="u2 b2", m3="u3 b3", m4="u4 b4")
    told = {
        "m1": {"categoryPreferences": {"ads": True, "other": False}},
        "m2": {"categoryPreferences": {"other": True}},
        "m3": None,
        "m4": {"categoryPreferences": "yes"},
    }

    assert_messages(consenting(spark, rows, told), "m1")


def test_a_refusal_holds_for_the_known_identifiers_of_its_message_before_and_after_it(spark: SparkSession) -> None:
    yes, no = {"categoryPreferences": {"ads": True}}, {"categoryPreferences": {"ads": False}}
    rows = observed(spark, m1="u1 b1", m2="u1 b2", m3="b2 e3", m4="b4", m5="b4 e5", m6="u6 b6", m7="u6 b7")
    told = {"m1": yes, "m2": no, "m3": yes, "m4": no, "m5": yes, "m6": no, "m7": yes}

    # then u1 refused last, so m1 does not link; b2 is not under a refusal, which was u1's; b4 said so alone; u6 changed
    # its mind
    assert_messages(consenting(spark, rows, told), "m3", "m7")


def test_a_signal_against_sale_and_sharing_refuses_the_purposes_that_it_is_said_to(spark: SparkSession) -> None:
    rows = [(b"m1", '{"optOut":true}'), (b"m2", '{"categoryPreferences":{"ads":true},"optOut":true}')]
    events = spark.createDataFrame([*rows, (b"m3", '{"categoryPreferences":{}}')], "message_key binary, consent string")
    columns = ["message_key", "agrees", "refuses"]
    schema = "message_key binary, agrees boolean, refuses boolean"

    refused = read_preferences(events, ["ads"], opt_out_refuses=["ads", "sale"]).select(*columns)
    told = read_preferences(events, ["ads"], opt_out_refuses=["sale"]).select(*columns)

    assert_rows(refused, schema, (b"m1", False, True), (b"m2", False, True), (b"m3", False, False))
    assert_rows(told, schema, (b"m1", False, False), (b"m2", True, False), (b"m3", False, False))


def test_links_and_manual_rules_make_edges_of_their_own_source(spark: SparkSession) -> None:
    links = spark.createDataFrame(
        [
            ("crm", *pair("u1", "e1"), MONDAY, 3, 1),
            ("crm", *pair("u1", "e1"), None, 3, 1),
            ("crm", *pair("u1", "e9"), MONDAY, 3, 1),
        ],
        LINKS.schema,
    )
    rules = spark.createDataFrame(
        [
            ("include", *pair("u1", "u2"), "same"),
            ("include", *pair("u1", "u3"), ""),
            ("exclude", *pair("u1", "u3"), ""),
        ],
        "action string, src bigint, dst bigint, reason string",
    )
    eligible = spark.createDataFrame([(number(n),) for n in ("u1", "u2", "u3", "e1")], "identifier_id bigint")

    edges = build_edges(link_pairs(links, eligible), included_pairs(rules, eligible, run_seq=7))
    again = build_edges(included_pairs(rules, eligible, edges, run_seq=8)).where("source = 'manual'")

    assert_rows(
        edges.select("src", "dst", "source", "n_events", "last_event_time", "priority", "first_run"),
        "src bigint, dst bigint, source string, n_events bigint, last_event_time timestamp, priority int, "
        "first_run bigint",
        (*pair("u1", "e1"), "crm", 2, MONDAY, 3, 1),
        (*pair("u1", "u2"), "manual", 1, None, None, 7),
    )
    # a rule that stays is no news in the run after
    assert [row["first_run"] for row in again.collect()] == [7]


def test_a_refusal_is_opened_kept_closed_and_opened_again(spark: SparkSession) -> None:
    pairs = spark.createDataFrame([(1, 2, MONDAY, MONDAY)], "src bigint, dst bigint, first_event_time timestamp, "
                                  "last_event_time timestamp")  # fmt: skip
    refused = date_refusals(spark.createDataFrame([(1, 2, "limit")], "src bigint, dst bigint, rule string"), pairs)
    nothing = refused.limit(0)
    table = REFUSED_EDGES.empty(spark)
    # what each run finds, and the stretches recorded after it
    runs: list[tuple[DataFrame, list[tuple[int, int | None]]]] = [
        (refused, [(1, None)]),
        (refused, [(1, None)]),
        (nothing, [(1, 3)]),
        (nothing, [(1, 3)]),
        (refused, [(1, 3), (5, None)]),
    ]
    for run_seq, (current, stretches) in enumerate(runs, start=1):
        recorded = record_refusals(current, table, run_seq=run_seq)

        rows = [("limit", 1, 2, MONDAY, MONDAY, opened, closed) for opened, closed in stretches]
        assert_rows(recorded, REFUSED_EDGES, *rows)
        table = spark.createDataFrame(rows, REFUSED_EDGES.schema)
