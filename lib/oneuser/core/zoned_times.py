"""Times that are given with a call: instants, which name their zone, and days, which begin in a zone that is given.

A time without a zone is another instant on every machine, and is refused wherever one is asked for.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from oneuser.core.errors import ConfigError

_TEXT = "2026-03-01T00:00:00Z or 2026-03-01T00:00:00+01:00"
_OBJECT = "datetime(2026, 3, 1, tzinfo=UTC), or datetime(2026, 3, 1, tzinfo=ZoneInfo('Europe/Berlin'))"


def checked_instant(name: str, moment: object) -> datetime:
    """An instant in UTC.

    Args:
        name: What the time is called in errors, such as `watermark`.
        moment: A datetime with its zone, or the same as a text in ISO 8601.

    Raises:
        ConfigError: where it is no time, or one without a zone, which would mean another instant on every machine.
    """
    found = _read(moment)
    if found is None:
        raise ConfigError.single(name, f"expected a time with its zone, such as {_example(moment)}, found {moment!r}")
    return _in_utc(name, found, moment)


def checked_bound(name: str, moment: object, zone: str) -> datetime:
    """Where a range begins or ends, in UTC: an instant, or a day, from its start in a zone.

    Args:
        name: What the time is called in errors, such as `since`.
        moment: A datetime with its zone, a date, or one of them as a text in ISO 8601.
        zone: A time zone that there is.

    Raises:
        ConfigError: where it is neither a day nor a time, or a time without a zone.
    """
    day = _day(moment)
    # of a midnight that clocks skip, the end of the skip; of one that they show twice, the first
    found = _read(moment) if day is None else datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    if found is None:
        expected = f"expected a day, such as 2026-03-01, or a time with its zone, such as {_example(moment)}"
        raise ConfigError.single(name, f"{expected}, found {moment!r}")
    return _in_utc(name, found, moment)


def _day(moment: object) -> date | None:
    if isinstance(moment, datetime):
        return None
    if isinstance(moment, str):
        try:
            return date.fromisoformat(moment)
        except ValueError:
            return None
    return moment if isinstance(moment, date) else None


def _read(moment: object) -> datetime | None:
    """A datetime, be it written as a text; null where it is none, or no time at all, as NaT."""
    if isinstance(moment, str):
        try:
            return datetime.fromisoformat(moment)
        except ValueError:
            return None
    return moment if isinstance(moment, datetime) and moment == moment else None  # noqa: PLR0124 - NaT is not itself


def _in_utc(name: str, found: datetime, moment: object) -> datetime:
    if found.utcoffset() is None:
        shown = found.replace(tzinfo=None).isoformat(" ")
        raise ConfigError.single(
            name,
            f"{shown} has no time zone, so it is another instant on every machine; write for example "
            f"{_example(moment)}",
        )
    # kinds of their own, such as those of Airflow and pandas, bring an arithmetic of their own
    try:
        utc = found.astimezone(UTC)
    except OverflowError:
        raise ConfigError.single(name, f"{found.isoformat(' ')} lies outside the years 1 to 9999 of UTC") from None
    return datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=UTC)


def _example(moment: object) -> str:
    """As the time was written: as a text, or as an object."""
    return _TEXT if isinstance(moment, str) else _OBJECT
