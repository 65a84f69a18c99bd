"""Random events of a product, and calendar intervals in plain Python."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

BERLIN = "Europe/Berlin"
START = datetime(2026, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEMA = "entity_id string, event_time timestamp, event string, properties string, account_id string"


@dataclass(frozen=True)
class Event:
    """One event; nothing in it is sure to be there."""

    entity: str | None
    at: datetime | None
    name: str | None
    properties: str | None = None
    account: str | None = None

    @property
    def when(self) -> datetime:
        """The time, of events that have one."""
        assert self.at is not None
        return self.at

    def property_of(self, name: str) -> Any:
        """A property as text; null where there is none."""
        try:
            value = json.loads(self.properties or "{}").get(name)
        except ValueError:
            return None
        return value if value is None or isinstance(value, str) else json.dumps(value)


def random_events(*, seed: int, n_events: int = 900, days: int = 75) -> list[Event]:
    """Over a change of clocks in Berlin, at hours about midnight, often in the same instant; some of nobody."""
    chance = random.Random(seed)
    events = []
    for _ in range(n_events):
        who = chance.randrange(24)
        # some come daily, some stay away for long
        day = chance.randrange(days) if who % 3 else chance.choice([0, 1, 2, 30, 46, 47, 60]) + who % 4
        hour = chance.choice([0, 0, 12, 21, 22, 22, 23, 23])
        instant = START + timedelta(days=day, hours=hour) + chance.choice([0, 0, 0, 1, -1]) * MICROSECOND
        plan = chance.choice(['{"plan": "pro"}', '{"plan": "free", "n": 5}', '{"n": 5.0}', "{", None])
        events.append(
            Event(
                chance.choice([f"e{who}"] * 9 + [None]),
                chance.choice([instant] * 19 + [None]),
                chance.choice(["A", "B", "C", "D", None]),
                plan,
                chance.choice([f"acc{who % 5}"] * 6 + [None]),
            )
        )
    return events


def counted(events: list[Event], watermark: datetime) -> list[Event]:
    """Events of somebody, with a time, not after the watermark."""
    return [event for event in events if event.entity is not None and event.at is not None and event.at <= watermark]


def frame_of(spark: SparkSession, events: list[Event]) -> DataFrame:
    rows = [(event.entity, event.at, event.name, event.properties, event.account) for event in events]
    return spark.createDataFrame(rows, SCHEMA)


def interval_of(moment: datetime, unit: str, zone: str, week_start: str) -> int:
    """Number of the interval; hours only of zones that are whole hours off UTC."""
    if unit == "hour":
        return (moment - EPOCH) // HOUR
    day = moment.astimezone(ZoneInfo(zone)).date()
    if unit == "day":
        return day.toordinal()
    if unit == "week":
        return (day.toordinal() - 1 + (1 if week_start == "sunday" else 0)) // 7
    months = day.year * 12 + day.month - 1
    return months // (3 if unit == "quarter" else 1)


def first_day_of(interval: int, unit: str, week_start: str) -> date:
    if unit == "day":
        return date.fromordinal(interval)
    if unit == "week":
        return date.fromordinal(interval * 7 + 1 - (1 if week_start == "sunday" else 0))
    months = interval * (3 if unit == "quarter" else 1)
    return date(months // 12, months % 12 + 1, 1)


def shown(interval: int, unit: str, week_start: str) -> str:
    """As text: its first day, or the hour in UTC."""
    if unit == "hour":
        return str(interval * 3_600_000_000)
    return first_day_of(interval, unit, week_start).isoformat()


def ended(moment: datetime, unit: str, zone: str, week_start: str) -> int:
    """The last interval that is over at an instant."""
    return interval_of(moment, unit, zone, week_start) - 1


def as_text(column: str, unit: str = "day") -> Any:
    """An interval as `shown` has it."""
    return F.unix_micros(column).cast("string") if unit == "hour" else F.col(column).cast("string")


def collect_cases(frames: list[DataFrame]) -> list[list[tuple[Any, ...]]]:
    """The rows of several frames of one shape, in one job; sorted, nulls first."""
    tagged = [frame.select(F.lit(n).alias("_case"), "*") for n, frame in enumerate(frames)]
    found: list[list[tuple[Any, ...]]] = [[] for _ in frames]
    for row in reduce(DataFrame.union, tagged).collect():
        found[row[0]].append(tuple(row)[1:])
    return [sorted(rows, key=in_order) for rows in found]


def in_order(row: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    return [(value is not None, value if value is not None else 0) for value in row]
