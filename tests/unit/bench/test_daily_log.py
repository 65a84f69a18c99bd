"""The log of the daily benchmark is the same every time, and lives as logs do."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from tests.bench.daily_log import DailyLog, date_of

EVENTS, DAYS = 800, 50
LOG = DailyLog(EVENTS)


class Lived(NamedTuple):
    """Days on which each cookie and each user id was seen, user ids by cookie, and all messages by day of arrival."""

    cookies: dict[str, list[int]]
    users: dict[str, list[int]]
    users_of_cookie: dict[str, set[str]]
    messages: list[list[dict[str, Any]]]


@pytest.fixture(scope="module")
def lived() -> Lived:
    found = Lived(defaultdict(list), defaultdict(list), defaultdict(set), [])
    for day in range(DAYS):
        of_day = [orjson.loads(line) for line in LOG.lines_of(day)]
        found.messages.append(of_day)
        for cookie in {message["anonymousId"] for message in of_day if "anonymousId" in message}:
            found.cookies[cookie].append(day)
        for user in {message["userId"] for message in of_day if "userId" in message}:
            found.users[user].append(day)
        for message in of_day:
            if "userId" in message and "anonymousId" in message:
                found.users_of_cookie[message["anonymousId"]].add(message["userId"])
    return found


def days_late(message: dict[str, Any]) -> int:
    happened, arrived = (datetime.fromisoformat(message[name]) for name in ("timestamp", "receivedAt"))
    return (arrived.date() - happened.date()).days


def test_a_day_is_the_same_every_time_whatever_was_drawn_before() -> None:
    assert DailyLog(EVENTS).lines_of(5) == LOG.lines_of(5)
    assert DailyLog(EVENTS, seed=8).lines_of(5) != LOG.lines_of(5)
    assert LOG.lines_of(6) != LOG.lines_of(5)


@pytest.mark.parametrize("events", [200, 1_003])
def test_every_day_has_as_many_lines_as_asked_for(events: int) -> None:
    assert {len(DailyLog(events).lines_of(day)) for day in (0, 1, 99)} == {events}


def test_too_few_lines_for_a_site_are_refused() -> None:
    with pytest.raises(ValueError, match="199 events a day: expected 200 or more"):
        DailyLog(199)


def test_files_of_days_stay_and_pairs_are_those_of_the_last_day(tmp_path: Path) -> None:
    LOG.write(tmp_path, range(2))
    first = tmp_path / "events" / f"day={date_of(0)}" / "part-0.jsonl"
    lines = first.read_text(encoding="utf-8").splitlines()
    first.write_text("{}\n", encoding="utf-8")

    LOG.write(tmp_path, range(3))

    assert lines == LOG.lines_of(0)
    assert first.read_text(encoding="utf-8") == "{}\n"
    assert len(list((tmp_path / "events").iterdir())) == 3
    written = (tmp_path / "pairs.csv").read_text(encoding="utf-8").splitlines()
    assert written == ["user,address", *(",".join(pair) for pair in LOG.pairs_of(2))]


def test_cookies_live_for_days_and_most_that_are_seen_are_young(lived: Lived) -> None:
    last = range(DAYS - 7, DAYS)
    ages = [day - days[0] for days in lived.cookies.values() for day in days if day in last]
    lives = sorted(days[-1] - days[0] for days in lived.cookies.values())

    assert sum(age <= 14 for age in ages) > 0.6 * len(ages)
    assert lives[len(lives) // 2] <= 7


def test_people_come_back_mostly_soon_and_some_after_a_long_time(lived: Lived) -> None:
    gaps = [later - day for days in lived.users.values() for day, later in pairwise(days)]

    assert sum(gap <= 7 for gap in gaps) > 0.6 * len(gaps)
    assert sum(gap > 21 for gap in gaps) > 0.01 * len(gaps)


def test_a_few_messages_arrive_up_to_a_month_late(lived: Lived) -> None:
    late = [days_late(message) for messages in lived.messages for message in messages]

    assert 0.003 < sum(days > 0 for days in late) / len(late) < 0.03
    assert 7 < max(late) <= 31


def test_a_few_messages_arrive_twice(lived: Lived) -> None:
    ids = [message["messageId"] for messages in lived.messages for message in messages if "messageId" in message]

    assert 0.005 < 1 - len(set(ids)) / len(ids) < 0.015


def test_people_log_in_on_cookies_that_were_seen_without_them_days_before(lived: Lived) -> None:
    anonymous = set()
    merged = 0
    for messages in lived.messages:
        known = {m["anonymousId"] for m in messages if "userId" in m and "anonymousId" in m}
        merged += len(known & anonymous)
        anonymous = (anonymous | {m["anonymousId"] for m in messages if "anonymousId" in m}) - known

    assert merged > DAYS


def test_some_devices_are_shared(lived: Lived) -> None:
    n_users = sorted(len(users) for users in lived.users_of_cookie.values())

    assert n_users.count(2) > 5
    # the public machine
    assert n_users[-1] > 10


def test_two_accounts_that_have_lived_apart_become_one(lived: Lived) -> None:
    met = [
        (message["previousId"], message["userId"], day)
        for day, messages in enumerate(lived.messages)
        for message in messages
        if message["type"] == "alias" and message["previousId"] in lived.users
    ]

    grown_up = [(former, user) for former, user, day in met if lived.users[user][0] < day > lived.users[former][0]]
    assert len(grown_up) > 1
    assert all(former != user for former, user in grown_up)


def test_the_customer_system_adds_pairs_and_takes_some_back() -> None:
    days = [set(DailyLog(10_000).pairs_of(day)) for day in range(40, 70)]

    added = sum(len(after - before) for before, after in pairwise(days))
    gone = sum(len(before - after) for before, after in pairwise(days))
    assert 0 < gone < added


def test_visitors_order_and_sign_up(lived: Lived) -> None:
    events = [message.get("event") for messages in lived.messages for message in messages]

    assert events.count("Order Completed") > DAYS
    assert events.count("Signed Up") > DAYS
