"""Retention by its definition, in plain Python: every cell is counted by asking each member.

Nothing here is shared with the real thing, and nothing is clever: times are moved to the zone by zoneinfo, intervals
are found by dates, and a cell goes through all returns of all members.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
HOURS = {"hour": 1, "day": 24, "week": 168, "month": 720, "quarter": 2160}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# entity, time, name, properties
Event = tuple[str | None, datetime | None, str | None, Mapping[str, str]]
# size, returned in the same interval, retained, retained of the eligible, eligible
Counts = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Case:
    """What is asked, in the words of `retain`."""

    unit: str
    watermark: datetime
    zone: str = "UTC"
    week_start: str = "monday"
    mode: Any = "on"
    membership: str = "first_ever"
    min_events: int = 1
    basis: str = "calendar"
    start: str | None = None
    start_where: Mapping[str, str] = field(default_factory=dict)
    return_event: str | None = None
    return_where: Mapping[str, str] = field(default_factory=dict)
    breakdown: str | None = None
    breakdown_at: str = "start"

    def words(self) -> dict[str, Any]:
        """Arguments of `retain`."""
        return {**self.__dict__, "start_where": self.start_where or None, "return_where": self.return_where or None}

    def interval_of(self, moment: datetime) -> int:
        local = moment.astimezone(ZoneInfo(self.zone))
        if self.unit == "hour":
            into = (local.utcoffset() or timedelta()) % HOUR
            return (moment + into - EPOCH) // HOUR
        day = local.date()
        return {
            "day": day.toordinal(),
            "week": (day.toordinal() - (1 if self.week_start == "monday" else 0)) // 7,
            "month": day.year * 12 + day.month - 1,
            "quarter": day.year * 4 + (day.month - 1) // 3,
        }[self.unit]

    def first_day(self, interval: int) -> date:
        if self.unit == "day":
            return date.fromordinal(interval)
        if self.unit == "week":
            return date.fromordinal(interval * 7 + (1 if self.week_start == "monday" else 0))
        months = interval * (3 if self.unit == "quarter" else 1)
        return date(months // 12, months % 12 + 1, 1)

    def start_of(self, interval: int) -> datetime:
        if self.unit == "hour":
            into = (EPOCH + interval * HOUR).astimezone(ZoneInfo(self.zone)).utcoffset() or timedelta()
            return EPOCH + interval * HOUR - into % HOUR
        day = self.first_day(interval)
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def floored(self, moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(self.zone)).replace(minute=0, second=0, microsecond=0).astimezone(UTC)

    def offset(self, start: datetime, moment: datetime) -> int:
        if self.basis == "calendar":
            return self.interval_of(moment) - self.interval_of(start)
        if self.basis == "rolling_hour_floored":
            start, moment = self.floored(start), self.floored(moment)
        return (moment - start) // (HOURS[self.unit] * HOUR)

    def is_observed(self, start: datetime, offset: int) -> bool:
        if self.basis == "calendar":
            return self.start_of(self.interval_of(start) + offset + 1) <= self.watermark
        if self.basis == "rolling_hour_floored":
            start = self.floored(start)
        return start + (offset + 1) * HOURS[self.unit] * HOUR <= self.watermark


@dataclass
class Member:
    """One start, and the returns that may count for it."""

    case: Case
    start: datetime
    is_return: bool
    returns: list[datetime]

    def n_returns(self, offset: int) -> int:
        return sum(self.case.offset(self.start, moment) == offset for moment in self.returns)

    def is_back(self, offset: int) -> bool:
        return self.n_returns(offset) >= self.case.min_events

    def is_back_at_once(self) -> bool:
        is_later = any(moment > self.start and self.case.offset(self.start, moment) == 0 for moment in self.returns)
        return is_later and self.n_returns(0) - self.is_return >= self.case.min_events

    def is_retained(self, offset: int, until: int) -> bool:
        """In the mode of the case; `until` is the end of a bracket."""
        furthest = max((self.case.offset(self.start, moment) for moment in self.returns), default=0)
        mode = self.case.mode
        if mode in ("on", "before"):
            return self.is_back(offset)
        if mode == "on_or_after":
            return any(self.is_back(later) for later in range(offset, furthest + 1))
        if mode == "on_or_before":
            return any(self.is_back(earlier) for earlier in range(1, offset + 1))
        if mode == "streak":
            return all(self.is_back(each) for each in range(1, offset + 1))
        return any(self.is_back(each) for each in range(offset, until + 1))


def passes(event: Event, name: str | None, where: Mapping[str, str]) -> bool:
    return name in (None, event[2]) and all(event[3].get(key) == value for key, value in where.items())


def find_members(events: Sequence[Event], case: Case) -> dict[tuple[int, str | None], list[Member]]:
    """Members by cohort: its interval, and the value of the breakdown."""
    by_entity: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event[0] is not None and event[1] is not None:
            by_entity[event[0]].append(event)
    cohorts: dict[tuple[int, str | None], list[Member]] = defaultdict(list)
    for mine in by_entity.values():
        returns = [
            event for event in mine
            if passes(event, case.return_event, case.return_where) and event[1] <= case.watermark
        ]  # fmt: skip

        def value_of(event: Event) -> str | None:
            return event[3].get(case.breakdown) if case.breakdown else None

        # of several at once: no return before a return, then by what they say
        starts = sorted(
            (event for event in mine if passes(event, case.start, case.start_where)),
            key=lambda event: (event[1], event in returns, value_of(event) is not None, value_of(event) or ""),
        )
        named = min((event[1] for event in mine if passes(event, case.start, {})), default=None)
        if case.membership == "first_ever":
            starts = [event for event in starts if event[1] == named][:1]
        elif case.membership == "first_matching":
            starts = starts[:1]
        seen = set()
        for event in starts:
            interval = case.interval_of(event[1])
            if interval in seen:
                continue
            seen.add(interval)
            counted = [
                back[1] for back in returns
                if case.breakdown_at == "start" or value_of(back) == value_of(event)
            ]  # fmt: skip
            cohorts[interval, value_of(event)].append(Member(case, event[1], event in returns, counted))
    return cohorts


def count_cells(events: Sequence[Event], case: Case) -> dict[tuple[Any, str | None, int, int], Counts]:
    """Counts by cohort (its first day, or its instant), value of the breakdown, offset and last offset of a bracket."""
    found = {}
    returned = [
        event[1] for event in events
        if event[0] is not None and event[1] is not None
        and passes(event, case.return_event, case.return_where) and event[1] <= case.watermark
    ]  # fmt: skip
    for (interval, value), members in find_members(events, case).items():
        if isinstance(case.mode, list):
            offsets = [(0, 0), *((one["from"], one["until"]) for one in case.mode)]
        elif case.mode == "before":
            first = min([0, *(case.offset(one.start, min(returned)) for one in members if returned)])
            offsets = [(offset, offset) for offset in range(first, 1)]
        else:
            last = max(case.offset(one.start, case.watermark) for one in members)
            offsets = [(offset, offset) for offset in range(max(last, 0) + 1)]
        cohort = case.start_of(interval) if case.unit == "hour" else case.first_day(interval)
        at_once = sum(one.is_back_at_once() for one in members)
        for offset, until in offsets:
            eligible = [one for one in members if case.is_observed(one.start, until)]
            counts = [
                len(some) if offset == 0 else sum(one.is_retained(offset, until) for one in some)
                for some in (members, eligible)
            ]
            found[cohort, value, offset, until] = (len(members), at_once, *counts, len(eligible))
    return found


# so long before and after a change of clocks, so many times lie
SPAN = {
    "hour": timedelta(hours=9), "day": timedelta(days=6), "week": timedelta(days=40), "month": timedelta(days=170),
    "quarter": timedelta(days=400),
}  # fmt: skip


def random_events(*, seed: int, unit: str, around: datetime) -> list[Event]:
    """Histories of a dozen entities: times that meet, lie on borders of intervals and within the same quarter hour."""
    chance = random.Random(seed)
    span = SPAN[unit]
    events: list[Event] = []
    for entity in "abcdefghijkl":
        first = around - span * chance.random()
        for _ in range(chance.randrange(1, 16)):
            time = first + (around + span - first) * chance.random() ** 2
            step = chance.choice([HOUR, timedelta(minutes=15), timedelta(minutes=1), timedelta(seconds=1)])
            time -= (time - EPOCH) % step
            copies = chance.choice([1, 1, 1, 2, 3])
            for number in range(copies):
                properties = {"plan": chance.choice(["pro", "team"])} if chance.random() < 0.8 else {}
                late = timedelta(minutes=chance.choice([0, 0, 4, 90])) * number
                events.append((entity, time + late, chance.choice(["A", "A", "B", "C", None]), properties))
    events += [(None, around, "A", {}), ("a", None, "A", {})]
    chance.shuffle(events)
    return events
