"""Numbers, money, times and codes in words for people."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from oneuser.core.money import exponent_of

if TYPE_CHECKING:
    from datetime import date, datetime

NOT_KNOWN = "–"
HIDDEN = "hidden"

_QUARANTINE_CODES = {
    "json.syntax": "not one valid JSON object",
    "json.multi": "several objects on one line",
    "json.dup_key": "an identifier, time or type given twice",
    "json.root": "the event was not where the source says",
    "limit.line": "line too long",
    "limit.depth": "nested too deeply",
    "limit.traits": "too many traits",
    "spec.no_identity": "no identifier and no account",
    "spec.no_type": "no type of event",
    "spec.no_root": "no event where the source says it sits",
    "spec.unknown_type": "unknown type of event",
    "spec.alias": "an alias without both IDs",
    "spec.group": "a group without a group ID",
    "time.missing": "no time",
    "time.invalid": "no readable time",
    "time.future": "a time in the future",
    "file.empty": "empty file",
    "file.encoding": "file in another encoding",
    "file.truncated": "file cut short",
    "id.blocked": "a placeholder or blocked value",
    "id.charset": "characters that no identifier has",
    "id.email": "no e-mail address",
    "id.phone": "no phone number",
    "id.type": "not text and not a whole number",
    "id.format": "not of its type's form",
    "id.length": "too long",
}

_RULES = {
    "unique": "they would give one person two values of a type of which everybody has one",
    "limit": "they would give one person more values of a type than its limit",
    "size": "they would make one person larger than anybody may be",
    "exclude": "a manual rule says that they are different people",
    "over_shared": "one end is a value that too many people share",
    "unique_in_event": "the message itself names two people",
    "quarantined": "it carries nothing but contested identifiers, which are quarantined",
}

_UNITS = {"day": "days", "week": "weeks", "month": "months"}
_MODES = {"on": "came back in that very interval", "on_or_after": "came back in that interval or later"}


def explain_code(code: str) -> str:
    """A reason's code in words; empty for a code that is not known here."""
    return _QUARANTINE_CODES.get(code, "")


def explain_rule(rule: str) -> str:
    """Why a rule refuses an edge or takes an event's owner away; empty for a rule that is not known here."""
    return _RULES.get(rule, "")


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
