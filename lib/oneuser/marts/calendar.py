"""Calendar intervals of a time zone as whole numbers that differ by 1 from one interval to the next, and watermarks.

Nothing here depends on the zone of the session or of the machine: instants are counted in microseconds since 1970, and
what a clock on a wall shows is such a number too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.core.suggestions import did_you_mean
from oneuser.core.zoned_times import checked_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import Column

Unit = Literal["hour", "day", "week", "month", "quarter"]
WeekStart = Literal["monday", "sunday"]

UNITS: tuple[str, ...] = get_args(Unit)
WEEK_STARTS: tuple[str, ...] = get_args(WeekStart)
HOUR_US = 3_600_000_000
QUARTER_HOUR_US = HOUR_US // 4
DAY_US = 24 * HOUR_US
_DAYS_PER_WEEK = 7
# months of a unit, and its number in a year
_MONTHS = {"month": 1, "quarter": 3}
_MONTHS_PER_YEAR = 12
# days from the first day of week 0 to 1970-01-01, a Thursday
_INTO_WEEK = {"monday": 3, "sunday": 4}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Calendar:
    """Intervals of a calendar: unit, time zone, first day of the week."""

    unit: Unit
    zone: str = "UTC"
    week_start: WeekStart = "monday"

    def interval_of(self, time: Column) -> Column:
        """Number of the interval that holds a time, as an int."""
        return interval_of(time, unit=self.unit, zone=self.zone, week_start=self.week_start)

    def start_of(self, interval: Column) -> Column:
        """Instant at which an interval begins."""
        return start_of(interval, unit=self.unit, zone=self.zone, week_start=self.week_start)

    def end_of(self, interval: Column) -> Column:
        """Instant at which an interval is over: the start of the next."""
        return end_of(interval, unit=self.unit, zone=self.zone, week_start=self.week_start)

    def first_day_of(self, interval: Column) -> Column:
        """First day of an interval; of an hour, the day that it lies in."""
        if self.unit == "hour":
            return F.date_from_unix_date(_day_number(self.start_of(interval), self.zone))
        return first_day_of(interval, unit=self.unit, week_start=self.week_start)


def checked_calendar(unit: str, zone: str = "UTC", week_start: str = "monday") -> Calendar:
    """A calendar of these words.

    Raises:
        ConfigError: for a unit, a zone or a first day of the week that there is not; it says which there are.
    """
    known_unit: Any = known_word("unit", unit, UNITS)
    known_start: Any = known_word("week_start", week_start, WEEK_STARTS)
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError, TypeError):
        raise ConfigError.single(
            "zone", f"{zone!r} is not a time zone; expected a name such as UTC or Europe/London"
        ) from None
    return Calendar(known_unit, zone, known_start)


def known_word(key: str, word: object, known: Iterable[str]) -> str:
    """One of the known words.

    Raises:
        ConfigError: for any other; it lists the known ones and names the nearest.
    """
    words = list(known)
    if isinstance(word, str) and word in words:
        return word
    hint = did_you_mean(word, words) if isinstance(word, str) else ""
    raise ConfigError.single(key, f"expected one of {', '.join(words)}, found {word!r}{hint}")


def checked_watermark(watermark: object) -> datetime:
    """The last instant up to which all sources are complete, in UTC.

    Raises:
        ConfigError: where it is no time, or one without a zone.
    """
    return checked_instant("watermark", watermark)


def micros_of(moment: datetime) -> int:
    """An instant in microseconds since 1970, without the rounding of a number of seconds."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(micros: int) -> datetime:
    """The instant in UTC that so many microseconds since 1970 are."""
    return _EPOCH + micros * _MICROSECOND


def instant(moment: datetime) -> Column:
    """A time with a zone as a column: the same instant in every session."""
    return F.timestamp_micros(F.lit(micros_of(moment)).cast("bigint"))


def interval_of(time: Column, *, unit: Unit, zone: str, week_start: WeekStart = "monday") -> Column:
    """Number of the interval that holds a time, as an int; null where that is null.

    Hours, days and weeks count from 1970, months and quarters from year 0. Hours begin where the zone's clocks show a
    full one and follow each other without a gap: one that clocks show twice is two. Where clocks change by half an
    hour, an hour is longer or shorter.
    """
    if unit == "hour":
        return whole(F.unix_micros(time) + _into_hour(time, zone), HOUR_US).cast("int")
    days = _day_number(time, zone)
    if unit in _MONTHS:
        day = F.date_from_unix_date(days)
        months = F.year(day) * F.lit(_MONTHS_PER_YEAR) + F.month(day) - F.lit(1)
        return whole(months, _MONTHS[unit]).cast("int")
    if unit == "day":
        return days
    return whole(days + F.lit(_INTO_WEEK[week_start]), _DAYS_PER_WEEK).cast("int")


def first_day_of(interval: Column, *, unit: Unit, week_start: WeekStart = "monday") -> Column:
    """First day of an interval of a day or more, as a date."""
    if unit in _MONTHS:
        months = interval * F.lit(_MONTHS[unit])
        year = whole(months, _MONTHS_PER_YEAR).cast("int")
        return F.make_date(year, F.pmod(months, F.lit(_MONTHS_PER_YEAR)) + F.lit(1), F.lit(1))
    if unit == "day":
        return F.date_from_unix_date(interval)
    return F.date_from_unix_date(interval * F.lit(_DAYS_PER_WEEK) - F.lit(_INTO_WEEK[week_start]))


def start_of(interval: Column, *, unit: Unit, zone: str, week_start: WeekStart = "monday") -> Column:
    """Instant at which an interval begins: its first midnight, or where clocks skip that, the end of the skip."""
    if unit == "hour":
        return _start_of_hour(interval, zone)
    days = F.unix_date(first_day_of(interval, unit=unit, week_start=week_start)).cast("bigint")
    return F.to_utc_timestamp(F.timestamp_micros(days * F.lit(DAY_US)), zone)


def end_of(interval: Column, *, unit: Unit, zone: str, week_start: WeekStart = "monday") -> Column:
    """Instant at which an interval is over, the first that is no part of it."""
    return start_of(interval + F.lit(1), unit=unit, zone=zone, week_start=week_start)


def quarter_of(time: Column) -> Column:
    """Start of the quarter of an hour in UTC that holds a time; days and hours of every zone are made of such.

    Since 1972, that is: before, Liberia's clocks were 44 minutes and 30 seconds behind.
    """
    micros = F.unix_micros(time)
    return F.timestamp_micros(micros - F.pmod(micros, F.lit(QUARTER_HOUR_US)))


def whole(number: Column, length: int) -> Column:
    """How often a length goes into a number, rounded down, without a rounding on the way."""
    return ((number - F.pmod(number, F.lit(length))) / F.lit(length)).cast("bigint")


def _day_number(time: Column, zone: str) -> Column:
    """Days from 1970-01-01 to the date that clocks show."""
    return whole(F.unix_micros(F.from_utc_timestamp(time, zone)), DAY_US).cast("int")


def _into_hour(time: Column, zone: str) -> Column:
    """By how much clocks are ahead of full hours in UTC: microseconds, less than an hour."""
    return F.pmod(F.unix_micros(F.from_utc_timestamp(time, zone)) - F.unix_micros(time), F.lit(HOUR_US))


def _start_of_hour(interval: Column, zone: str) -> Column:
    latest = interval.cast("bigint") * F.lit(HOUR_US)
    before, after = (
        F.timestamp_micros(latest - _into_hour(F.timestamp_micros(latest - F.lit(back)), zone)) for back in (HOUR_US, 0)
    )
    # where clocks change by part of an hour within this one, it may begin by the one or by the other
    is_begun = interval_of(before, unit="hour", zone=zone) == interval
    return F.when(is_begun, before).otherwise(after)
