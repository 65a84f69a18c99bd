"""Numbers, money, times and codes in words for people."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from oneuser.core.money import exponent_of

if TYPE_CHECKING:
    from datetime import date, datetime

NOT_KNOWN = "–"
HIDDEN = "hidden"

_RULES = {
    "unique": "they would give one person two values of a type of which everybody has one",
    "limit": "they would give one person more values of a type than its limit",
    "size": "they would make one person larger than anybody may be",
    "exclude": "a manual rule says that they are different people",
    "over_shared": "one end is a value that too many people share",
    "unique_in_event": "the message itself names two people",
    "quarantined": "it carries nothing but contested identifiers, which are quarantined",
}

_WITHHELD = {
    "linking": "messages with several identifiers link nobody",
    "attribution": "touches get no credit; the conversions stay",
    "export": "identities are left out of exports",
}

_UNITS = {"hour": "hours", "day": "days", "week": "weeks", "month": "months", "quarter": "quarters"}
_MODES = {
    "on": "came back in that very interval",
    "on_or_after": "came back in that interval or later",
    "on_or_before": "came back in that interval or earlier",
    "streak": "came back in that interval and in every one before it",
}


def explain_rule(rule: str) -> str:
    """Why a rule refuses an edge or takes an event's owner away; empty for a rule that is not known here."""
    return _RULES.get(rule, "")


def explain_withheld(what: str) -> str:
    """What is not done for want of consent."""
    return _WITHHELD.get(what, "")


def count(value: float | None) -> str:
    """A whole number, a dash for null."""
    return NOT_KNOWN if value is None else f"{round(value):,}"


def people(value: int | None) -> str:
    """A number of people; null is hidden."""
    return HIDDEN if value is None else f"{value:,}"


def share(part: float | None, whole: float | None) -> str:
    """Per cent with one place, never 100 % or 0 % by rounding; a dash where there is nothing to divide."""
    if part is None or not whole:
        return NOT_KNOWN
    ratio = part / whole
    if 0 < ratio < 0.0005:  # noqa: PLR2004 - half of the last place shown
        return "< 0.1 %"
    if 0.9995 <= ratio < 1:  # noqa: PLR2004 - same
        return "> 99.9 %"
    return f"{ratio * 100:.1f} %".replace("100.0 %", "100 %")


def money(minor: int | None, currency: str) -> str:
    """An amount in major units with its currency's code and all its decimals."""
    if minor is None:
        return NOT_KNOWN
    digits = exponent_of(currency)
    sign, units = ("−", -minor) if minor < 0 else ("", minor)
    whole, rest = divmod(units, 10**digits)
    return f"{sign}{whole:,}{f'.{rest:0{digits}d}' if digits else ''} {currency}"


def money_in_short(minor: int, currency: str) -> str:
    """An amount in whole major units."""
    return f"{round(minor / 10 ** exponent_of(currency)):,} {currency}"


def moment(value: datetime | None) -> str:
    """A moment in UTC to the minute. A time without a zone is in the machine's own, as Spark hands them out."""
    return NOT_KNOWN if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def seconds(value: float) -> str:
    """A duration."""
    minutes, rest = divmod(value, 60)
    return f"{int(minutes)} min {rest:.0f} s" if minutes else f"{rest:.1f} s"


def interval(starts: date, unit: str) -> str:
    """A cohort's name: its month, or its first day."""
    return f"{starts:%Y-%m}" if unit == "month" else f"{starts:%Y-%m-%d}"


def units(unit: str) -> str:
    """Plural of a unit of time."""
    return _UNITS.get(unit, unit)


def mode(name: str) -> str:
    """A mode of retention as a clause."""
    return _MODES.get(name, name.replace("_", " "))


def words(name: str) -> str:
    """A name such as time_decay as words."""
    return name.replace("_", " ")
