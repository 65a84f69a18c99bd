"""Calendar intervals in a time zone, as whole numbers that differ by 1 from one interval to the next.

Sessions run in UTC, so a time shifted by its zone's offset shows that zone's wall clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

Unit = Literal["day", "week", "month"]
WeekStart = Literal["monday", "sunday"]

_DAYS_PER_WEEK = 7
_MONTHS_PER_YEAR = 12
# days from the first day of week 0 to 1970-01-01, a Thursday
_INTO_WEEK = {"monday": 3, "sunday": 4}


def interval_of(time: Column, *, unit: Unit, zone: str, week_start: WeekStart) -> Column:
    """Number of the interval that holds a time, as an int. Days and weeks count from 1970, months from year 0."""
    day = F.to_date(F.from_utc_timestamp(time, zone))
    if unit == "month":
        return F.year(day) * F.lit(_MONTHS_PER_YEAR) + F.month(day) - F.lit(1)
    days = F.unix_date(day)
    if unit == "day":
        return days
    return F.floor((days + F.lit(_INTO_WEEK[week_start])) / F.lit(_DAYS_PER_WEEK)).cast("int")


def first_day_of(interval: Column, *, unit: Unit, week_start: WeekStart) -> Column:
    """First day of an interval, as a date."""
    if unit == "month":
        year = F.floor(interval / F.lit(_MONTHS_PER_YEAR)).cast("int")
        return F.make_date(year, F.pmod(interval, F.lit(_MONTHS_PER_YEAR)) + F.lit(1), F.lit(1))
    if unit == "day":
        return F.date_from_unix_date(interval)
    return F.date_from_unix_date(interval * F.lit(_DAYS_PER_WEEK) - F.lit(_INTO_WEEK[week_start]))


def start_of(interval: Column, *, unit: Unit, zone: str, week_start: WeekStart) -> Column:
    """Instant at which an interval begins: its first midnight, or where clocks skip that, the end of the skip."""
    midnight = first_day_of(interval, unit=unit, week_start=week_start).cast("timestamp")
    return F.to_utc_timestamp(midnight, zone)
