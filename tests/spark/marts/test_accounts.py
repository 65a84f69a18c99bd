from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession

from oneuser.marts.accounts.accounts import build_dim_account
from oneuser.marts.accounts.memberships import add_account_at, build_account_memberships

START = datetime(2026, 3, 1, tzinfo=UTC)
GROUP_EVENTS = "user_id string, account_id string, event_time timestamp, message_key binary"

Row = tuple[str | None, str | None, datetime, bytes]


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


def naive(moment: datetime | None) -> datetime | None:
    """As Spark hands timestamps back: in the zone of the process."""
    return None if moment is None else moment.astimezone().replace(tzinfo=None)


def random_group_events(*, seed: int) -> list[Row]:
    chance = random.Random(seed)
    users = [None, "a", "b", "c", "d"]
    accounts = [None, "x", "y", "z"]
    return [
        (chance.choice(users), chance.choice(accounts), at(chance.randrange(12)), number.to_bytes(16, "big"))
        for number in chance.sample(range(500), 80)
    ]


def memberships_by_hand(rows: list[Row]) -> set[tuple[str, str, datetime, datetime | None]]:
    """Walk each person's instants; the last message of an instant says where they are."""
    by_user: dict[str, dict[datetime, str]] = defaultdict(dict)
    for user, account, moment, _ in sorted(rows, key=lambda row: (row[2], row[3])):
        if user is not None and account is not None:
            by_user[user][moment] = account
    found = set()
    for user, said in by_user.items():
        stretches: list[tuple[str, datetime]] = []
        for moment, account in said.items():
            if not stretches or stretches[-1][0] != account:
                stretches.append((account, moment))
        ends = [moment for _, moment in stretches[1:]] + [None]
        found |= {(user, account, begin, end) for (account, begin), end in zip(stretches, ends, strict=True)}
    return found


def memberships_of(rows: DataFrame) -> set[tuple[str, str, datetime, datetime | None]]:
    return {tuple(row) for row in rows.collect()}


def test_group_messages_become_stretches_accounts_and_the_account_of_a_time(spark: SparkSession) -> None:
    rows = random_group_events(seed=7)
    expected = memberships_by_hand(rows)
    messages = spark.createDataFrame(rows, GROUP_EVENTS)

    memberships = build_account_memberships(messages)

    assert memberships_of(memberships) == {(u, a, naive(f), naive(t)) for u, a, f, t in expected}

    # the account at any time is that of the stretch which holds it; a row's own account counts more
    asked = [
        (user, at(hour), "own" if hour == 3 else None) for user in (None, "a", "b", "nobody") for hour in range(-1, 14)
    ]
    times = spark.createDataFrame(asked, "user_id string, event_time timestamp, group_id string")
    answered = {
        (row.user_id, row.event_time): row.account_id
        for row in add_account_at(times, memberships, own="group_id").collect()
    }
    assert answered == {
        (user, naive(moment)): own
        or next(
            (a for u, a, begin, end in expected if u == user and begin <= moment and (not end or moment < end)), None
        )
        for user, moment, own in asked
    }

    # one row per account that any message carries
    accounts = {row.account_id: row for row in build_dim_account(messages, memberships).collect()}
    for account in ("x", "y", "z"):
        carried = [row for row in rows if row[1] == account]
        assert accounts[account].first_seen_at == naive(min(row[2] for row in carried))
        assert accounts[account].last_seen_at == naive(max(row[2] for row in carried))
        assert accounts[account].n_users == len({row[0] for row in carried if row[0] is not None})
        assert accounts[account].n_current_users == sum(1 for _, a, _, end in expected if a == account and end is None)
    assert set(accounts) == {"x", "y", "z"}


def test_without_group_messages_nobody_has_an_account(spark: SparkSession) -> None:
    messages = spark.createDataFrame([], GROUP_EVENTS)
    memberships = build_account_memberships(messages)
    times = spark.createDataFrame([("a", at(0))], "user_id string, event_time timestamp")

    assert memberships.collect() == []
    assert [row.account_id for row in add_account_at(times, memberships).collect()] == [None]
    assert build_dim_account(messages, memberships).collect() == []
