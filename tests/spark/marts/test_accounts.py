from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, IDENTIFIER_MAP
from oneuser.core.event_order import event_order
from oneuser.identity.resolution import build_dim_user
from oneuser.marts.accounts.accounts import build_dim_account
from oneuser.marts.accounts.memberships import (
    add_account_at,
    build_account_memberships,
    current_accounts,
    resolve_statements,
)
from oneuser.marts.accounts.statements import state_domains, state_members, state_mentions, state_messages
from oneuser.marts.accounts.timeline import MembershipRules
from tests.frames import assert_rows, assert_same_rows

START = datetime(2026, 3, 1, tzinfo=UTC)
GROUP_EVENTS = (
    "user_id string, account_id string, event_time timestamp, received_at timestamp, message_key binary, type string"
)
OWNED = (
    "user_id string, group_id string, event_time timestamp, received_at timestamp, message_key binary, type string, "
    "event string"
)
NEVER = datetime.max.replace(tzinfo=UTC)

Row = tuple[str | None, str | None, datetime, datetime | None, bytes, str]
Membership = tuple[str, str, datetime, datetime | None]


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
        (
            chance.choice(users),
            chance.choice(accounts),
            at(chance.randrange(12)),
            chance.choice([None, at(0), at(1)]),
            number.to_bytes(16, "big"),
            "group",
        )
        for number in chance.sample(range(500), 80)
    ]


def memberships_by_hand(rows: list[Row]) -> set[Membership]:
    """Walk each person's instants; the last message of an instant says where they are."""
    by_user: dict[str, dict[datetime, str]] = defaultdict(dict)
    for user, account, moment, *_ in sorted(rows, key=lambda row: (row[2], row[3] or NEVER, row[4])):
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


def account_of(user: str | None, moment: datetime, memberships: set[Membership]) -> str | None:
    mine = ((account, begin, end) for who, account, begin, end in memberships if who == user)
    return next((account for account, begin, end in mine if begin <= moment and (end is None or moment < end)), None)


def test_group_messages_become_stretches_accounts_and_the_account_of_a_time(spark: SparkSession) -> None:
    rows = random_group_events(seed=7)
    expected = memberships_by_hand(rows)
    messages = spark.createDataFrame(rows, GROUP_EVENTS)

    memberships = build_account_memberships(messages)

    assert_rows(memberships, ACCOUNT_MEMBERSHIPS, *((u, a, "group", True, start, end) for u, a, start, end in expected))

    # the account at any time is that of the stretch which holds it; a row's own account counts more
    asked = [
        (user, at(hour), "own" if hour == 3 else None) for user in (None, "a", "b", "nobody") for hour in range(-1, 14)
    ]
    times = spark.createDataFrame(asked, "user_id string, event_time timestamp, group_id string")
    answered = add_account_at(times, memberships, own="group_id").select("user_id", "event_time", "account_id")
    answers = [(user, moment, own or account_of(user, moment, expected)) for user, moment, own in asked]
    assert_rows(answered, "user_id string, event_time timestamp, account_id string", *answers)

    # the rules for several accounts, of which there is one at a time, say the same
    owned = spark.createDataFrame([(u, a, t, r, k, kind, None) for u, a, t, r, k, kind in rows], OWNED)
    resolved = resolve_statements(state_messages(owned), MembershipRules(is_single=True))
    assert_same_rows(resolved, memberships)

    # one row per account that any message carries
    accounts = {row.account_id: row for row in build_dim_account(messages, memberships, as_of=at(99)).collect()}
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
    assert build_dim_account(messages, memberships, as_of=at(99)).collect() == []


def assert_stretches(memberships: DataFrame, *stretches: tuple[str, str, str, bool, int | None, int | None]) -> None:
    """Memberships, with hours since the start for times."""
    rows = [(*who, *(None if hour is None else at(hour) for hour in (start, end))) for *who, start, end in stretches]
    assert_rows(memberships, ACCOUNT_MEMBERSHIPS, *rows)


def test_messages_join_leave_and_repeat_themselves(spark: SparkSession) -> None:
    rows = [
        ("ann", "a", at(1), None, b"\x01", "group", None),
        ("ann", "a", at(2), None, b"\x02", "group", None),  # says it again
        ("ann", "b", at(3), None, b"\x03", "group", None),
        ("ann", "b", at(4), None, b"\x04", "track", "Left"),
        ("ann", "b", at(5), None, b"\x05", "track", "Order"),  # carries the account and says nothing about it
        ("bob", "a", at(1), None, b"\x06", "group", "Left"),  # a group message joins whatever it is called
        ("bob", None, at(2), None, b"\x07", "track", "Left"),
        (None, "a", at(1), None, b"\x08", "group", None),
    ]
    owned = spark.createDataFrame(rows, OWNED)

    statements = state_messages(owned, leave_events=("Left",))

    assert_rows(
        statements.select("user_id", "kind", "account_id", "event_order"),
        "user_id string, kind string, account_id string, event_order binary",
        ("ann", "joins", "a", event_order(None, b"\x01")),
        ("ann", "joins", "b", event_order(None, b"\x03")),
        ("ann", "leaves", "b", event_order(None, b"\x04")),
        ("bob", "joins", "a", event_order(None, b"\x06")),
    )
    assert_stretches(
        resolve_statements(statements, MembershipRules(is_single=False)),
        ("ann", "a", "group", False, 3, 4),
        ("ann", "a", "group", True, 1, 3),
        ("ann", "a", "group", True, 4, None),
        ("ann", "b", "group", True, 3, 4),
        ("bob", "a", "group", True, 1, None),
    )
    assert_rows(
        state_mentions(owned).select("user_id", "account_id", "n_events"),
        "user_id string, account_id string, n_events bigint",
        ("ann", "a", 2),
        ("ann", "b", 3),
        ("bob", "a", 1),
    )


def test_files_and_domains_say_it_through_identifiers(spark: SparkSession) -> None:
    owners = [
        (1, "ann", at(2)),
        (2, "ann", at(5)),
        (3, "ann", at(2)),
        (4, "bob", at(7)),
        (5, "bob", None),
    ]
    identifier_map = spark.createDataFrame(owners, "identifier_id bigint, user_id string, first_seen_at timestamp")
    identifiers = spark.createDataFrame(
        [(1, "email", b"k1"), (4, "email", b"k4"), (4, "phone", b"k1")],
        "identifier_id bigint, id_type string, id_key binary",
    )
    members = spark.createDataFrame(
        [
            ("email", b"k1", "acme", None, at(9)),
            ("email", b"k1", "acme", None, at(9)),
            ("email", b"k4", "zoo", at(8), None),
            ("email", b"unseen", "acme", None, None),
        ],
        "id_type string, id_key binary, account_id string, valid_from timestamp, valid_to timestamp",
    )
    domains = spark.createDataFrame(
        [(1, "first"), (3, "first"), (2, "second"), (4, "later"), (5, "linked"), (99, "gone")],
        "identifier_id bigint, account_id string",
    )

    by_file = resolve_statements(state_members(members, identifiers, identifier_map), MembershipRules(is_single=False))
    by_domain = resolve_statements(state_domains(domains, identifier_map), MembershipRules(is_single=False))

    assert_stretches(
        by_file,
        ("ann", "acme", "file", True, None, 9),
        ("bob", "zoo", "file", True, 8, None),
    )
    # the first domain of a person reaches back; one that nobody knows when it was seen is first
    assert_stretches(
        by_domain,
        ("ann", "first", "domain", False, 5, None),
        ("ann", "first", "domain", True, None, 5),
        ("ann", "second", "domain", True, 5, None),
        ("bob", "later", "domain", True, 7, None),
        ("bob", "linked", "domain", False, 7, None),
        ("bob", "linked", "domain", True, None, 7),
    )


def test_an_event_has_the_primary_account_of_its_time(spark: SparkSession) -> None:
    stretches = [
        ("ann", "a", "file", True, None, at(3)),
        ("ann", "b", "group", False, at(1), at(3)),
        ("ann", "b", "group", True, at(3), None),
    ]
    memberships = spark.createDataFrame(stretches, ACCOUNT_MEMBERSHIPS.schema)
    times = spark.createDataFrame(
        [("ann", at(hour)) for hour in range(5)] + [(None, at(2))], "user_id string, event_time timestamp"
    )

    found = add_account_at(times, memberships).select("user_id", "event_time", "account_id")

    assert_rows(
        found,
        "user_id string, event_time timestamp, account_id string",
        ("ann", at(0), "a"),
        ("ann", at(1), "a"),
        ("ann", at(2), "a"),
        ("ann", at(3), "b"),
        ("ann", at(4), "b"),
        (None, at(2), None),
    )


def test_a_person_has_one_primary_account_now_and_all_are_listed(spark: SparkSession) -> None:
    people = spark.createDataFrame(
        [(n, "email", user, 1, True, False, False, at(0), at(1), 1) for n, user in enumerate(["ann", "bob", "eve"])],
        IDENTIFIER_MAP.schema,
    )
    stretches = [
        ("ann", "b", "group", True, at(3), None),
        ("ann", "a", "file", False, None, at(9)),
        ("ann", "gone", "group", True, at(1), at(3)),
        ("bob", "later", "file", True, at(8), None),
    ]
    memberships = spark.createDataFrame(stretches, ACCOUNT_MEMBERSHIPS.schema)

    def assert_present(as_of: datetime, *accounts: tuple[str, str | None, list[str]]) -> None:
        rows = build_dim_user(people, current_accounts(memberships, as_of=as_of))
        shape = "user_id string, account_id string, account_ids array<string>"
        assert_rows(rows.select("user_id", "account_id", "account_ids"), shape, *accounts)

    assert_present(at(5), ("ann", "b", ["a", "b"]), ("bob", None, []), ("eve", None, []))
    assert_present(at(9), ("ann", "b", ["b"]), ("bob", "later", ["later"]), ("eve", None, []))
