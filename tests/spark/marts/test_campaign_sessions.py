"""Sessions cut at campaigns too, against a plain walk over random events; and cut again from open ends alone."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.marts.provenance import Provenance
from oneuser.marts.sessions.campaigns import find_campaigns
from oneuser.marts.sessions.open_ends import find_open_ends
from oneuser.marts.sessions.sessions import build_sessions
from oneuser.stages.found_rows import since_then

START = datetime(2026, 3, 1, tzinfo=UTC)
MADE = Provenance(params_id="p", identity_run=3)
GAP = timedelta(minutes=30)
TOUCHES = "webinars"
PEOPLE = [f"person {number}" for number in range(80)]
# source, medium, name, type of click id; the second says the same as the first, the last nothing
CAMPAIGNS = [
    ("google", "cpc", None, None), (" Google ", "CPC", "", None), ("google", "cpc", "spring", None),
    ("google", "cpc", None, "gclid"), (None, None, None, "fbclid"), (" ", "", None, None),
]  # fmt: skip
RESOLVED = (
    "message_key binary, user_id string, account_id string, event_time timestamp, received_at timestamp, source string"
)
EVENTS = (
    "message_key binary, campaign_source string, campaign_medium string, campaign_name string, click_id_type string"
)

Campaign = tuple[str | None, ...]
# first message: person, start, end, number of events
Found = dict[bytes, tuple[str, datetime, datetime, int]]


@dataclass(frozen=True)
class Event:
    key: bytes
    user: str | None
    at: datetime
    source: str
    campaign: Campaign


def random_event(chance: random.Random) -> Event:
    """Moments are few, so that gaps of exactly 30 minutes and several events in one instant are common."""
    campaign = chance.choice([*CAMPAIGNS, *[(None,) * 4] * 6])
    at = START + timedelta(minutes=15 * chance.randrange(12))
    source = TOUCHES if chance.random() < 0.1 else "web"
    return Event(chance.randbytes(16), chance.choice([*PEOPLE, None]), at, source, campaign)


def said(campaign: Campaign) -> Campaign | None:
    folded = tuple((part or "").strip().lower() or None for part in campaign)
    return folded if any(folded) else None


def walk(events: dict[bytes, Event]) -> Found:
    """One event after the other, knowing nothing but the session so far."""
    by_user = defaultdict(list)
    for event in sorted(events.values(), key=lambda event: (event.at, event.key)):
        if event.user is not None and event.source != TOUCHES:
            by_user[event.user].append(event)
    found: Found = {}
    for user, mine in by_user.items():
        first, last, n_events, so_far = mine[0], mine[0], 0, said(mine[0].campaign)
        for event in mine:
            campaign = said(event.campaign)
            if event.at - last.at >= GAP or (campaign is not None and campaign != so_far):
                first, n_events, so_far = event, 0, campaign
            last, n_events = event, n_events + 1
            found[first.key] = (user, first.at, last.at, n_events)
    return found


def frames(spark: SparkSession, events: dict[bytes, Event]) -> tuple[DataFrame, DataFrame]:
    resolved = [(one.key, one.user, None, one.at, None, one.source) for one in events.values()]
    carried = [(one.key, *one.campaign) for one in events.values()]
    return spark.createDataFrame(resolved, RESOLVED), find_campaigns(spark.createDataFrame(carried, EVENTS))


def as_found(sessions: DataFrame) -> Found:
    rows = sessions.select("first_message_key", "user_id", "started_at", "ended_at", "n_events").collect()
    assert len({row[0] for row in rows}) == len(rows)
    return {
        bytes(key): (user, start.replace(tzinfo=UTC), end.replace(tzinfo=UTC), n_events)
        for key, user, start, end, n_events in rows
    }


def cut(resolved: DataFrame, campaigns: DataFrame) -> DataFrame:
    return build_sessions(resolved, gap_minutes=30, touch_sources=[TOUCHES], campaigns=campaigns, provenance=MADE)


def test_sessions_cut_at_campaigns_are_those_of_a_plain_walk_and_so_they_are_from_open_ends(
    spark: SparkSession,
) -> None:
    chance = random.Random(5)
    before = {event.key: event for event in (random_event(chance) for _ in range(800))}
    now = dict(before)
    # one change for most people: a new event, one that goes, that is read with another campaign or time, or moves
    for user, key in {event.user: key for key, event in before.items() if event.user}.items():
        kind = chance.randrange(6)
        event = now.pop(key)
        if kind in {1, 2}:
            now[key] = replace(event, campaign=random_event(chance).campaign, at=random_event(chance).at)
        elif kind in {3, 4}:
            new = random_event(chance)
            now[key], now[new.key] = event, replace(new, user=user)
        elif kind == 5:
            now[key] = replace(event, user=chance.choice(PEOPLE))
    expected_before, expected = walk(before), walk(now)
    # what must be among the cases: sessions that end in the instant in which the next one begins
    instants = [(user, end) for user, _, end, _ in expected_before.values()]
    assert sum((user, start) in instants for user, start, end, _ in expected_before.values() if start < end) > 20

    stored = cut(*frames(spark, before)).localCheckpoint()
    assert as_found(stored) == expected_before

    changed = [
        (one.user, one.at)
        for key in before.keys() | now.keys()
        for one in (before.get(key), now.get(key))
        if before.get(key) != now.get(key) and one is not None and one.user is not None
    ]
    open_ends = find_open_ends(
        spark.createDataFrame(changed, "user_id string, event_time timestamp")
        .groupBy("user_id")
        .agg(F.min("event_time").alias("since")),
        stored,
        gap_minutes=30,
        cut_at_campaign=True,
    ).localCheckpoint()
    resolved, campaigns = frames(spark, now)
    gone = since_then(stored, open_ends, time="started_at").select("session_id")
    standing = stored.join(gone, on="session_id", how="left_anti")
    again = cut(since_then(resolved, open_ends, time="event_time"), campaigns)

    assert as_found(standing.unionByName(again)) == expected
    # and some of it does stand
    touched = {user for user, _ in changed}
    assert standing.where(F.col("user_id").isin(*touched)).count() > 20
