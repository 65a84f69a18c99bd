"""Accounts above accounts: the roll-up joins with events at their time, and counts people once."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP
from oneuser.contracts.reference import ACCOUNT_PARENTS, ACCOUNT_PROFILES
from oneuser.marts.accounts.accounts import build_account_rollup, build_dim_account
from tests.frames import assert_rows

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 24
MESSAGES = "user_id string, account_id string, type string, event_time timestamp"
EVENTS = "event_id int, account_id string, event_time timestamp"
TOP_AND_COUNTS = (
    "top_account_id string, n_users bigint, n_current_users bigint, n_users_rolled_up bigint, "
    "n_current_users_rolled_up bigint"
)


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


def random_tree(seed: int) -> list[tuple[str, str, datetime | None, datetime | None]]:
    """Each account has parents among smaller ones, one after another, with gaps here and there."""
    chance = random.Random(seed)
    rows: list[tuple[str, str, datetime | None, datetime | None]] = []
    for number in range(1, 12):
        cuts = sorted(chance.sample(range(1, HOURS), chance.randrange(4)))
        starts: list[datetime | None] = [None, *map(at, cuts)]
        ends: list[datetime | None] = [*map(at, cuts), None]
        for start, end in zip(starts, ends, strict=True):
            if chance.random() < 0.8:
                rows.append((f"a{number}", f"a{chance.randrange(number)}", start, end))
    return rows


def above_by_hand(
    rows: list[tuple[str, str, datetime | None, datetime | None]], account: str, moment: datetime
) -> list[str]:
    """The account and those above it, nearest first."""
    chain = [account]
    while True:
        up = next(
            (
                parent
                for child, parent, start, end in rows
                if child == chain[-1] and (start is None or start <= moment) and (end is None or moment < end)
            ),
            None,
        )
        if up is None:
            return chain
        chain.append(up)


def rolled_up(events: DataFrame, rollup: DataFrame) -> DataFrame:
    """As an analyst writes it."""
    holds = (F.col("valid_from").isNull() | (F.col("valid_from") <= F.col("event_time"))) & (
        F.col("valid_to").isNull() | (F.col("event_time") < F.col("valid_to"))
    )
    return events.join(rollup, on="account_id", how="inner").where(holds)


@pytest.mark.parametrize("seed", range(3))
def test_every_event_counts_for_each_account_that_was_above_its_own_then(spark: SparkSession, seed: int) -> None:
    chance = random.Random(seed)
    tree = random_tree(seed)
    events = [
        (
            number,
            f"a{chance.randrange(14)}",
            at(chance.randrange(-1, HOURS + 1)) + timedelta(microseconds=chance.choice([-1, 0])),
        )
        for number in range(200)
    ]
    frame = spark.createDataFrame(events, EVENTS)

    rollup = build_account_rollup(spark.createDataFrame(tree, ACCOUNT_PARENTS.schema), frame)

    found: dict[int, dict[str, tuple[int, bool]]] = defaultdict(dict)
    for row in rolled_up(frame, rollup).collect():
        assert row.ancestor_id not in found[row.event_id]
        found[row.event_id][row.ancestor_id] = (row.depth, row.is_top)
    for number, account, moment in events:
        chain = above_by_hand(tree, account, moment)
        expected = {name: (depth, depth == len(chain) - 1) for depth, name in enumerate(chain)}
        assert found[number] == expected, (number, account, moment)


def test_without_parents_every_account_is_its_own_top(spark: SparkSession) -> None:
    accounts = spark.createDataFrame([("a",), ("b",), ("a",)], "account_id string")

    rollup = build_account_rollup(ACCOUNT_PARENTS.empty(spark), accounts)

    assert_rows(rollup, ACCOUNT_ROLLUP, ("a", "a", 0, True, None, None), ("b", "b", 0, True, None, None))


def test_accounts_count_their_people_and_those_below_them_once(spark: SparkSession) -> None:
    parents = spark.createDataFrame(
        [
            ("shop", "group", None, at(6)),  # sold at six
            ("shop", "other", at(6), None),
            ("mill", "group", None, None),
        ],
        ACCOUNT_PARENTS.schema,
    )
    memberships = spark.createDataFrame(
        [
            ("ann", "shop", "group", True, at(1), None),
            ("ann", "mill", "file", False, None, None),
            ("bob", "shop", "group", True, at(7), None),  # came after the sale
            ("eve", "mill", "group", True, at(2), at(3)),  # left
        ],
        ACCOUNT_MEMBERSHIPS.schema,
    )
    messages = spark.createDataFrame(
        [
            ("ann", "shop", "group", at(1)),
            ("bob", "shop", "group", at(7)),
            ("tom", "mill", "group", at(4)),  # for no time at all: something else was said in the same instant
            ("kim", "mill", "track", at(5)),  # has sent an event for it, and is no member
            (None, "orphan", "track", at(8)),
            ("kim", None, "track", at(8)),
        ],
        MESSAGES,
    )
    profiles = spark.createDataFrame([("shop", "The Shop", []), ("quiet", None, [])], ACCOUNT_PROFILES.schema)
    everyone = spark.createDataFrame([(name,) for name in ("shop", "mill", "orphan", "quiet")], "account_id string")
    rollup = build_account_rollup(parents, everyone)

    rows = build_dim_account(messages, memberships, as_of=at(10), profiles=profiles, rollup=rollup)

    assert_rows(
        rows.drop("first_seen_at", "last_seen_at"),
        f"account_id string, name string, parent_account_id string, {TOP_AND_COUNTS}",
        ("shop", "The Shop", "other", "other", 2, 2, 2, 2),
        ("mill", None, "group", "group", 3, 1, 3, 1),
        # ann by both of its accounts, eve by the mill; bob came when the shop was sold, tom was nowhere for any time
        ("group", None, None, "group", 0, 0, 2, 1),
        ("other", None, None, "other", 0, 0, 2, 2),
        ("orphan", None, None, "orphan", 0, 0, 0, 0),
        ("quiet", None, None, "quiet", 0, 0, 0, 0),
    )
    seen = {row.account_id: (row.first_seen_at, row.last_seen_at) for row in rows.collect()}
    assert seen["mill"][0] is not None
    assert seen["mill"][0] < seen["mill"][1]
    assert seen["group"] == seen["quiet"] == (None, None)

    # without parents a roll-up is the account itself
    alone = build_dim_account(messages, memberships, as_of=at(10))
    assert_rows(
        alone.drop("name", "parent_account_id", "first_seen_at", "last_seen_at"),
        f"account_id string, {TOP_AND_COUNTS}",
        ("shop", "shop", 2, 2, 2, 2),
        ("mill", "mill", 3, 1, 3, 1),
        ("orphan", "orphan", 0, 0, 0, 0),
    )
