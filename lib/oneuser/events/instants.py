"""Texts and numbers to instants: ISO 8601, epochs by magnitude, declared patterns and zones. All are microseconds UTC.

A number is an epoch where that is in a credible year. Other digits are a calendar time if 8, 12 or 14 of them are one
(20250201, 202502011030, 20250201103000), and no time otherwise; a number and its text are treated alike.

Local times that a change of clocks makes ambiguous mean the earlier instant; those that it skips are read with the
offset from before the change, as Java does.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oneuser.core.reasons import Reason
from oneuser.core.time_patterns import MONTHS, ZONE, compile_time_pattern, moment_of
from oneuser.events.spec import EARLIEST_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
DAY = 86_400 * _SECOND
# the year 2100
_LATEST_EPOCH = 4_102_444_800 * _SECOND
_MAX_TEXT = 100
_NUMBER = re.compile(r"[+-]?(\d{1,20}(?:\.\d{0,20})?)(E[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
# with fewer digits before an exponent some have been lost: a spreadsheet shows six
_LEAST_DIGITS = 7
_LEAST_WHOLE_TIME = len("2024-01-31T00:00:00Z")
# up to the year 5138 in seconds; each further unit begins where the one before it ends
_UNITS = (
    (10**11, _SECOND, 1, Reason.TIME_EPOCH_S),
    (10**14, 1000, 1, Reason.TIME_EPOCH_MS),
    (10**17, 1, 1, Reason.TIME_EPOCH_US),
)
_BEYOND_EPOCHS = 10**20
# of numbers that may be a calendar time, by their digits, from 1900 to 2199
_CALENDARS = ((19000101, 22000000), (190001010000, 220000000000), (19000101000000, 22000000000000))
_MEMO_SIZE = 50_000

_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?)?", re.ASCII
)
_DAY_AND_OFFSET = re.compile(r"\d{4}(-?)\d\d\1\d\d[+-]", re.ASCII)
_DATE = r"(?P<year>\d{4})(-?)(?P<month>\d\d)\2(?P<day>\d\d)"
_TIME = r"(?P<hour>\d\d)(:?)(?P<minute>\d\d)(?:\6(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9})\d*)?)?"
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
# what the world writes beside what every parser of ISO 8601 takes; words of zones that mean several are in none
_FORMS = [
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        # 2025-02-01 09:18:26.123456 UTC, 20250201T091826,5z, 2025-02-01T10:18:26+01:00[Europe/Berlin]
        rf"{_DATE}(?:(?:T|\s{{1,3}}){_TIME}\s?(?:(?P<zone>{ZONE})(?:\[[A-Z_+\-/0-9]+\])?)?)?",
        # 2025-02-01+01:00, a day as XML has it
        rf"{_DATE}(?P<zone>{ZONE})",
        # Sat, 01 Feb 2025 09:18:26 GMT
        rf"(?:[A-Z]{{3}},\s*)?(?P<day>\d\d?)\s(?P<month_name>{MONTHS})\s(?P<year>\d{{4}})\s{_CLOCK}\s(?P<zone>{ZONE})",
        # Sat Feb 01 2025 10:18:26 GMT+0100 (Central European Standard Time)
        rf"[A-Z]{{3}}\s(?P<month_name>{MONTHS})\s(?P<day>\d\d)\s(?P<year>\d{{4}})\s{_CLOCK}\s(?P<zone>{ZONE})(?:\s\(.*\))?",
    )
]

# of this form every parser reads the same; whether it is a day and an hour at all is not said
_PLAIN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)\z"

# the same with a space, as databases export it
_SPACED = (
    (r"^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?) UTC\z", r"\1T\2Z"),
    (r"^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2}))\z", r"\1T\2"),
)

Instant = tuple[int | None, Reason | None]


def make_time_reader(
    pattern: str | None = None, zone: str | None = None, *, earliest: int = EARLIEST_TIME
) -> Callable[[Any], Instant]:
    """A function from a raw value to (microseconds since 1970 UTC, how it was found).

    The first is null for a value that is missing or no time; the second says `time.missing`, `time.invalid`,
    `time.implausible` (a number that is no time), the unit of an epoch, or what was assumed of a local time, and is
    null for a time that was simply read. Times that are written out are not judged.

    Args:
        pattern: The form of all times, in Java's letters; it holds for the digits of numbers too.
        zone: The zone of times that name none.
        earliest: The first instant that is believed of an epoch.
    """
    reader = _Reader(compile_time_pattern(pattern) if pattern else None, ZoneInfo(zone) if zone else None, earliest)
    memo: dict[str, Instant] = {}

    def read_plain_time(value: Any) -> Instant:
        # nearly every time is unlike any other: nothing to remember
        if type(value) is not str:
            return reader.read_other(value)
        if len(value) >= _LEAST_WHOLE_TIME:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                return reader.read_text(value)
            if moment.tzinfo is not None:
                return micros(moment), None
        return reader.read_text(value)

    def read_time(value: Any) -> Instant:
        if type(value) is not str:
            return reader.read_other(value)
        found = memo.get(value)
        if found is None:
            found = reader.read_text(value)
            if len(memo) >= _MEMO_SIZE:
                memo.clear()
            memo[value] = found
        return found

    return read_time if pattern or zone else read_plain_time


def make_day_reader(
    pattern: str | None = None, zone: str | None = None, *, earliest: int = EARLIEST_TIME
) -> Callable[[Any], Instant]:
    """A function from a raw value to (days since 1970, how it was found): the day that is written, in its own zone.

    What `make_time_reader` takes for a time has a day: of a time with an offset the one that stands before it, of an
    epoch, which has none, the one that it is in the declared zone, or else in UTC.
    """
    reader = _DayReader(compile_time_pattern(pattern) if pattern else None, ZoneInfo(zone) if zone else None, earliest)
    return lambda value: reader.read_text(value) if type(value) is str else reader.read_other(value)


def plain_instants(values: Sequence[Any]) -> npt.NDArray[np.int64]:
    """Microseconds since 1970 of times in the usual form, ISO 8601 with a zone; below zero for any other value.

    A space may stand for the T, and then the word UTC for the Z.
    """
    texts: Any = pa.array([value if type(value) is str else None for value in values], pa.string())
    if pc.any(pc.match_substring(texts, " ")).as_py():
        for written, usual in _SPACED:
            texts = pc.replace_substring_regex(texts, written, usual)
    plain = pc.if_else(pc.match_substring_regex(texts, _PLAIN), texts, pa.scalar(None, pa.string()))
    try:
        moments: Any = plain.cast(pa.timestamp("us", tz="UTC"))
    except pa.ArrowInvalid:
        # one of them is no day of the calendar or no hour of a day
        read = make_time_reader()
        instants = [read(text) for text in plain.to_pylist()]
        return np.array([-1 if instant is None or flag else instant for instant, flag in instants], np.int64)
    return moments.cast(pa.int64()).fill_null(-1).to_numpy()  # type: ignore[no-any-return]


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def latest_credible(now: datetime) -> int:
    """In microseconds since 1970: nothing can have happened more than a day from now."""
    return micros(now) + DAY


class _Reader:
    """Reads times of one declared form, of any form where `pattern` is null."""

    def __init__(self, pattern: re.Pattern[str] | None, zone: tzinfo | None, earliest: int) -> None:
        self._pattern = pattern
        self._zone = zone
        self._earliest = earliest

    def read_text(self, text: str) -> Instant:
        text = text.strip()
        if not text:
            return None, Reason.TIME_MISSING
        if len(text) > _MAX_TEXT:
            return None, Reason.TIME_INVALID
        if self._pattern is not None:
            return self._from_match(self._pattern.fullmatch(text))
        # most texts are a year and a dash
        number = _NUMBER.fullmatch(text) if text[4:5] != "-" else None
        if number is not None:
            digits, exponent = number.groups()
            if exponent and len(digits.replace(".", "").lstrip("0")) < _LEAST_DIGITS:
                return None, Reason.TIME_IMPLAUSIBLE
            return self._from_number(Decimal(text) if exponent or "." in digits else int(text))
        try:
            # Python takes any sign between day and hour, an offset's too
            moment = None if _DAY_AND_OFFSET.match(text) else datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None:
            return self._from_match(next(filter(None, (form.fullmatch(text) for form in _FORMS)), None))
        return self._from_datetime(moment)

    def read_other(self, value: Any) -> Instant:
        if value is None:
            return None, Reason.TIME_MISSING
        if isinstance(value, datetime):
            return self._from_datetime(value)
        if isinstance(value, date):
            return self._from_datetime(datetime.combine(value, time()))
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return None, Reason.TIME_INVALID
        number = Decimal(repr(value)) if isinstance(value, float) else value
        if isinstance(number, Decimal) and not number.is_finite():
            return None, Reason.TIME_INVALID
        if self._pattern is None:
            return self._from_number(number)
        return self.read_text(str(int(number)) if number == int(number) else format(number, "f"))

    def _from_match(self, found: re.Match[str] | None) -> Instant:
        if found is None:
            return None, Reason.TIME_INVALID
        try:
            return self._from_datetime(moment_of(found))
        except (ValueError, OverflowError):
            return None, Reason.TIME_INVALID

    def _from_number(self, number: int | Decimal) -> Instant:
        for first, last in _CALENDARS:
            if first <= number < last and number == int(number):
                calendar = _COMPACT.fullmatch(str(int(number)))
                try:
                    return self._from_datetime(moment_of(calendar))  # type: ignore[arg-type]
                except ValueError:
                    break
        instant, unit = _from_epoch(number)
        if instant is None or self._earliest <= instant < _LATEST_EPOCH:
            return self._from_epoch(instant, unit)
        return None, Reason.TIME_IMPLAUSIBLE

    def _from_epoch(self, instant: int | None, unit: Reason | None) -> Instant:
        return instant, unit

    def _from_datetime(self, moment: datetime) -> Instant:
        flag = None
        if moment.tzinfo is None:
            moment, flag = _localised(moment, self._zone)
        try:
            return micros(moment), flag
        except OverflowError:
            return None, Reason.TIME_INVALID


class _DayReader(_Reader):
    """Reads days as they are written: what an offset or a zone makes of them is another day."""

    def _from_datetime(self, moment: datetime) -> Instant:
        return moment.toordinal() - _EPOCH.toordinal(), None

    def _from_epoch(self, instant: int | None, unit: Reason | None) -> Instant:
        if instant is None:
            return None, unit
        local = (_EPOCH + timedelta(microseconds=instant)).astimezone(self._zone or UTC)
        return local.toordinal() - _EPOCH.toordinal(), unit


def _localised(moment: datetime, zone: tzinfo | None) -> tuple[datetime, Reason | None]:
    """A local time with its zone; without a declared zone it is taken for UTC, and the flag says so."""
    if zone is None:
        return moment.replace(tzinfo=UTC), Reason.TIME_NO_ZONE
    first = moment.replace(tzinfo=zone, fold=0)
    before, after = first.utcoffset(), moment.replace(tzinfo=zone, fold=1).utcoffset()
    if before is None or after is None or before == after:
        return first, None
    return first, Reason.TIME_DST_GAP if before < after else Reason.TIME_DST_OVERLAP


def _from_epoch(number: int | Decimal) -> Instant:
    size = number if number >= 0 else -number
    for bound, factor, divisor, flag in _UNITS:
        if size < bound:
            return int(number * factor // divisor), flag
    if size < _BEYOND_EPOCHS:
        return int(number // 1000), Reason.TIME_EPOCH_NS
    return None, Reason.TIME_INVALID
