"""When a message happened: its own time, corrected for the skew of its clock, or its receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from oneuser.core.reasons import Reason
from oneuser.events.instants import DAY, make_time_reader, plain_instants
from oneuser.events.spec import Expression, Mapping, Time
from oneuser.events.syntax import RefusedLine
from oneuser.events.values import make_getter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from oneuser.events.instants import Instant

    Reader = Callable[[dict[str, Any]], Instant]


class EventTimes:
    """Reads the times of messages of one source, in microseconds since 1970 UTC.

    `earliest` and `horizon` are the first and the latest credible instant. A message that says it happened more than a
    day after its receipt is from the future, whatever the horizon; how long before its receipt it happened is no reason
    to doubt it, since old history is imported too.
    """

    def __init__(self, mapping: Mapping, *, is_table: bool, earliest: int, horizon: int) -> None:
        self._event_time = _reader(mapping.event_time, is_table=is_table, earliest=earliest)
        self._original_time = _reader(mapping.original_time, is_table=is_table, earliest=earliest)
        self._sent_at = _reader(mapping.sent_at, is_table=is_table, earliest=earliest)
        self._received_at = _reader(mapping.received_at, is_table=is_table, earliest=earliest)
        self._earliest = earliest
        self._horizon = horizon
        declared = [part for part in (mapping.event_time, mapping.received_at) if isinstance(part, Time)]
        self._is_plain = not any(part.pattern or part.zone for part in declared)

    def read(self, message: dict[str, Any]) -> tuple[int, int | None, Reason | None]:
        """Event time, receipt (null where there is none that can be), and how the first was found where not just read.

        Raises:
            RefusedLine: where neither the message's time nor its receipt can be.
        """
        received_at, _ = self._received_at(message)
        if received_at is not None and not self._earliest <= received_at <= self._horizon:
            received_at = None
        event_time, flag = self._event_time(message)
        if flag == Reason.TIME_MISSING:
            event_time, flag = self._from_device_clock(message, received_at)
        latest = self._horizon if received_at is None else min(received_at + DAY, self._horizon)
        if event_time is None:
            problem = flag or Reason.TIME_MISSING
        elif event_time < 0:
            problem = Reason.TIME_BEFORE_1970
        elif event_time < self._earliest:
            problem = Reason.TIME_TOO_EARLY
        elif event_time > latest:
            problem = Reason.TIME_FUTURE
        else:
            return event_time, received_at, flag
        if received_at is None:
            raise RefusedLine(Reason.TIME_INVALID if problem == Reason.TIME_IMPLAUSIBLE else problem)
        return received_at, received_at, problem

    def read_plain(
        self, event_times: Sequence[Any], receipts: Sequence[Any]
    ) -> tuple[list[int | None], list[int | None]]:
        """Event times and receipts of many messages; the first is null where it takes `read` to find both.

        Args:
            event_times: Values as they are written.
            receipts: The same of receipts.
        """
        if not self._is_plain:
            return [None] * len(event_times), [None] * len(receipts)
        times, received = plain_instants(event_times), plain_instants(receipts)
        is_received = (received >= self._earliest) & (received <= self._horizon)
        is_missing = np.array([receipt is None for receipt in receipts], bool)
        latest = np.where(is_received, np.minimum(received + DAY, self._horizon), self._horizon)
        is_plain = (times >= self._earliest) & (times <= latest) & (is_received | is_missing)
        return _or_null(times, is_plain), _or_null(received, is_received)

    def _from_device_clock(self, message: dict[str, Any], received_at: int | None) -> Instant:
        """The uncorrected time, moved by as much as the device's clock was wrong when it sent the message."""
        original_time, flag = self._original_time(message)
        sent_at, _ = self._sent_at(message)
        if original_time is None or sent_at is None or received_at is None:
            return original_time, flag
        return original_time + received_at - sent_at, Reason.TIME_SKEW


def _or_null(instants: npt.NDArray[np.int64], is_valid: npt.NDArray[np.bool_]) -> list[int | None]:
    found: list[int | None] = instants.tolist()
    return (
        found
        if is_valid.all()
        else [instant if valid else None for instant, valid in zip(found, is_valid.tolist(), strict=True)]
    )


def _reader(expression: Expression | None, *, is_table: bool, earliest: int) -> Reader:
    if expression is None:
        return lambda _: (None, Reason.TIME_MISSING)
    getter = make_getter(expression, is_table=is_table)
    declared = expression if isinstance(expression, Time) else Time(expression)
    read_time = make_time_reader(declared.pattern, declared.zone, earliest=earliest)
    return lambda message: read_time(getter(message))
