"""Texts and numbers to instants: ISO 8601, epochs by magnitude, declared patterns and zones. All are microseconds UTC.

Local times that a change of clocks makes ambiguous mean the earlier instant; those that it skips are read with the
offset from before the change, as Java does.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oneuser.core.reasons import Reason
from oneuser.core.time_patterns import python_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
DAY = 86_400 * _SECOND
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,12})?")
_MAX_TEXT = 64
_LEAST_WHOLE_TIME = len("2024-01-31T00:00:00Z")
# up to the year 5138 in seconds; each further unit begins where the one before it ends
_UNITS = (
    (10**11, _SECOND, 1, Reason.TIME_EPOCH_S),
    (10**14, 1000, 1, Reason.TIME_EPOCH_MS),
    (10**17, 1, 1, Reason.TIME_EPOCH_US),
)
_MEMO_SIZE = 50_000

# of this form every parser reads the same; whether it is a day and an hour at all is not said
_PLAIN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$"

Instant = tuple[int | None, Reason | None]


def make_time_reader(pattern: str | None = None, zone: str | None = None) -> Callable[[Any], Instant]:
    """A function from a raw value to (microseconds since 1970 UTC, how it was found).

    The first is null for a value that is missing or no time; the second says `time.missing`, `time.invalid`, the unit
    of an epoch, or what was assumed of a local time, and is null for a time that was simply read.
    """
    declared_zone: tzinfo | None = ZoneInfo(zone) if zone else None
    directives = python_pattern(pattern) if pattern else None
    memo: dict[str, Instant] = {}

    def read_plain_time(value: Any) -> Instant:
        # nearly every time is unlike any other: nothing to remember
        if type(value) is not str:
            return _read_other(value, None)
        if len(value) >= _LEAST_WHOLE_TIME:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                return _read_text(value, None, None)
            if moment.tzinfo is not None:
                return micros(moment), None
        return _read_text(value, None, None)

    def read_time(value: Any) -> Instant:
        if type(value) is not str:
            return _read_other(value, declared_zone)
        found = memo.get(value)
        if found is None:
            found = _read_text(value, directives, declared_zone)
            if len(memo) >= _MEMO_SIZE:
                memo.clear()
            memo[value] = found
        return found

    return read_time if pattern or zone else read_plain_time


def plain_instants(values: Sequence[Any]) -> npt.NDArray[np.int64]:
    """Microseconds since 1970 of times in the usual form, ISO 8601 with a zone; below zero for any other value."""
    texts: Any = pa.array([value if type(value) is str else None for value in values], pa.string())
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


def _read_text(text: str, directives: str | None, zone: tzinfo | None) -> Instant:
    text = text.strip()
    if not text:
        return None, Reason.TIME_MISSING
    if len(text) > _MAX_TEXT:
        return None, Reason.TIME_INVALID
    try:
        moment = datetime.strptime(text, directives) if directives else datetime.fromisoformat(text)  # noqa: DTZ007
    except ValueError:
        if directives is None and _NUMBER.fullmatch(text):
            return _from_epoch(Decimal(text))
        return None, Reason.TIME_INVALID
    if directives is None and text.isdecimal() and len(text) != len("20240131"):
        return _from_epoch(Decimal(text))
    return _from_datetime(moment, zone)


def _read_other(value: Any, zone: tzinfo | None) -> Instant:
    if value is None:
        return None, Reason.TIME_MISSING
    if isinstance(value, datetime):
        return _from_datetime(value, zone)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None, Reason.TIME_INVALID
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return _from_epoch(number) if number.is_finite() else (None, Reason.TIME_INVALID)


def _from_datetime(moment: datetime, zone: tzinfo | None) -> Instant:
    flag = None
    if moment.tzinfo is None:
        moment, flag = _localised(moment, zone)
    try:
        return micros(moment), flag
    except OverflowError:
        return None, Reason.TIME_INVALID


def _localised(moment: datetime, zone: tzinfo | None) -> tuple[datetime, Reason | None]:
    """A local time with its zone; without a declared zone it is taken for UTC, and the flag says so."""
    if zone is None:
        return moment.replace(tzinfo=UTC), Reason.TIME_NO_ZONE
    first = moment.replace(tzinfo=zone, fold=0)
    before, after = first.utcoffset(), moment.replace(tzinfo=zone, fold=1).utcoffset()
    if before is None or after is None or before == after:
        return first, None
    return first, Reason.TIME_DST_GAP if before < after else Reason.TIME_DST_OVERLAP


def _from_epoch(number: Decimal) -> Instant:
    size = abs(number)
    for bound, factor, divisor, flag in _UNITS:
        if size < bound:
            return int(number * factor / divisor), flag
    if size < 10**20:
        return int(number / 1000), Reason.TIME_EPOCH_NS
    return None, Reason.TIME_INVALID
