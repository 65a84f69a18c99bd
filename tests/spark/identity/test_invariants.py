"""Invariants and comparisons find what is planted, and nothing where nothing is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.identity import IDENTIFIER_MAP, IDENTIFIER_OWNERSHIP, USER_IDS
from oneuser.identity.invariants import count_violations, ledger_invariants, ownership_invariants
from oneuser.inspection.differences import Difference, compare
from tests.frames import assert_rows

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOON, EVENING = MONDAY + timedelta(hours=3), MONDAY + timedelta(hours=9)
Interval = tuple[int, int, str | None, datetime | None, datetime | None]


def ledger(spark: SparkSession, *rows: tuple[str, str, str | None, int | None]) -> DataFrame:
    """User ID, status, redirect and anchor."""
    whole = [(u, s, to, anchor, None, [], 1, MONDAY, b"m", b"k", 1) for u, s, to, anchor in rows]
    return spark.createDataFrame(whole, USER_IDS.schema)


def owned(spark: SparkSession, *rows: tuple[int, str]) -> DataFrame:
    whole = [(n, "email", user, 2, True, False, False, MONDAY, MONDAY, 1) for n, user in rows]
    return spark.createDataFrame(whole, IDENTIFIER_MAP.schema)


def divided(spark: SparkSession, *rows: Interval) -> DataFrame:
    """Identifier, interval, owner, start and end; the message of an instant is always the same."""
    whole = [
        (n, i, user, start, start and b"m", end, end and b"m", 1, MONDAY, None, None) for n, i, user, start, end in rows
    ]
    return spark.createDataFrame(whole, IDENTIFIER_OWNERSHIP.schema)


def named(spark: SparkSession, *users: str) -> DataFrame:
    return spark.createDataFrame([(user,) for user in users], "user_id string")


def test_nothing_breaks_an_invariant_where_all_is_well(spark: SparkSession) -> None:
    users = ledger(spark, ("a", "live", None, 1), ("b", "retired", "a", 2), ("c", "erased", None, None))
    mapped = owned(spark, (1, "a"), (2, "a"))
    intervals = divided(spark, (1, 0, "a", None, None), (2, 0, "a", None, NOON), (2, 1, None, NOON, None))
    invariants = [
        *ledger_invariants(users, mapped), *ownership_invariants(users, mapped, intervals, named(spark, "a", "b", "c")),
    ]  # fmt: skip

    assert count_violations(invariants).isEmpty()


def test_what_is_planted_is_counted(spark: SparkSession) -> None:
    users = ledger(
        spark, ("a", "live", None, 1), ("b", "retired", "c", 1), ("c", "vacant", None, None), ("d", "live", None, 2)
    )
    mapped = owned(spark, (1, "a"), (1, "b"), (2, "a"), (3, "a"))
    intervals = divided(spark, (1, 0, "a", None, None), (2, 0, "c", None, None), (3, 0, "a", None, None))
    invariants = [*ledger_invariants(users, mapped), *ownership_invariants(users, mapped, intervals, named(spark, "x"))]

    assert_rows(
        count_violations(invariants),
        "name string, n bigint",
        ("every_person_is_live", 1),
        ("every_live_id_is_a_person", 1),
        ("redirects_end_in_one_hop", 1),
        ("no_identifier_on_two_people", 1),
        ("every_owner_is_live", 1),
        ("no_two_ids_on_one_anchor", 1),
        ("every_id_resolves", 1),
    )


def test_intervals_must_cover_all_time_once(spark: SparkSession) -> None:
    broken: dict[int, list[Any]] = {
        1: [(0, None, NOON), (1, EVENING, None)],  # a gap
        2: [(0, None, EVENING), (1, NOON, None)],  # an overlap
        3: [(0, NOON, None)],  # no beginning
        4: [(0, None, NOON)],  # no end
        5: [(0, None, NOON), (2, NOON, None)],  # a number left out
        6: [(0, None, None), (1, None, None)],  # all time twice
        7: [],
    }
    sound = {8: [(0, None, NOON), (1, NOON, EVENING), (2, EVENING, None)]}
    rows = [(n, i, "a", start, end) for n, spans in (broken | sound).items() for i, start, end in spans]
    mapped = owned(spark, *((n, "a") for n in (*broken, *sound)))
    users = ledger(spark, ("a", "live", None, 1))

    invariants = ownership_invariants(users, mapped, divided(spark, *rows), named(spark, "a"))

    (cover,) = [one for one in invariants if one.name == "intervals_cover_all_time"]
    assert_rows(cover.violations, "broken string", *((str(n),) for n in broken))


def test_tables_are_compared_row_by_row(spark: SparkSession) -> None:
    shape = "number bigint, user string, at timestamp"
    published = spark.createDataFrame([(1, "a", None), (2, None, MONDAY), (3, "c", None), (5, "e", MONDAY)], shape)
    expected = spark.createDataFrame([(1, "a", None), (2, "b", MONDAY), (4, "d", None), (5, "e", NOON)], shape)

    found = compare("t", published, expected, key=["number"], columns=["user"], examples=2)
    timed = compare("t", published, expected, key=["number"], columns=["user", "at"], examples=0)

    assert (found.n_missing, found.n_surplus, found.n_different, found.holds) == (1, 1, 1, False)
    assert found.examples == [
        Difference("different", {"number": 2}, {"user": None}, {"user": "b"}),
        Difference("surplus", {"number": 3}, {"user": "c"}, None),
    ]
    assert (timed.n_different, timed.examples) == (2, [])
    assert compare("t", published, published, key=["number"], columns=["user", "at"], examples=2).holds
