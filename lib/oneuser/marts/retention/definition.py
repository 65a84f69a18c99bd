"""What a retention is of: whose start, which returns, in which intervals. Checked once; functions below trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from oneuser.core.errors import ConfigError
from oneuser.core.suggestions import did_you_mean
from oneuser.marts.calendar import Calendar, checked_calendar, known_word
from oneuser.marts.event_filters import ANY_EVENT, EventFilter, checked_filter

if TYPE_CHECKING:
    from oneuser.marts.calendar import Unit

Mode = Literal["on", "on_or_after", "on_or_before", "streak", "bracket", "before"]
Membership = Literal["first_ever", "first_matching", "recurring"]
Basis = Literal["calendar", "rolling", "rolling_hour_floored"]
BreakdownAt = Literal["start", "start_and_return"]

MODES: tuple[str, ...] = get_args(Mode)
MEMBERSHIPS: tuple[str, ...] = get_args(Membership)
BASES: tuple[str, ...] = get_args(Basis)
BREAKDOWNS_AT: tuple[str, ...] = get_args(BreakdownAt)
# hours of an interval that begins with each member's own start
HOURS: Mapping[Unit, int] = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24, "quarter": 90 * 24}
_BRACKET = '{"mode": "bracket", "from": 1, "until": 7}'


@dataclass(frozen=True)
class Definition:
    """A retention, all but its watermark.

    `brackets` holds the first and the last interval of each; the mode is `bracket` where there are any.
    """

    calendar: Calendar
    mode: Mode = "on"
    brackets: tuple[tuple[int, int], ...] = ()
    membership: Membership = "first_ever"
    min_events: int = 1
    basis: Basis = "calendar"
    start: EventFilter = ANY_EVENT
    returns: EventFilter = ANY_EVENT
    breakdown: str | None = None
    breakdown_at: BreakdownAt = "start"
    max_offset: int | None = None

    @property
    def properties(self) -> tuple[str, ...]:
        """Properties that are asked for, in alphabetical order."""
        broken_down = {self.breakdown} if self.breakdown is not None else set()
        return tuple(sorted({*self.start.properties, *self.returns.properties, *broken_down}))

    @property
    def needs_events(self) -> bool:
        """Whether a count and two times of every quarter of an hour are not enough: single events are needed."""
        return self.basis == "rolling" and self.min_events > 1


def checked_definition(
    *,
    unit: str,
    zone: str = "UTC",
    week_start: str = "monday",
    mode: object = "on",
    membership: str = "first_ever",
    min_events: object = 1,
    basis: str = "calendar",
    start: object = None,
    start_where: object = None,
    return_event: object = None,
    return_where: object = None,
    breakdown: object = None,
    breakdown_at: str = "start",
    max_offset: object = None,
) -> Definition:
    """A definition of these words; see `retain` for each.

    Raises:
        ConfigError: naming the first word that there is not, with the nearest that there is.
    """
    name, brackets = _mode(mode)
    if breakdown is not None and not isinstance(breakdown, str):
        raise ConfigError.single("breakdown", f"expected the name of one property, found {breakdown!r}")
    known_membership: Any = known_word("membership", membership, MEMBERSHIPS)
    known_basis: Any = known_word("basis", basis, BASES)
    known_place: Any = known_word("breakdown_at", breakdown_at, BREAKDOWNS_AT)
    return Definition(
        calendar=checked_calendar(unit, zone, week_start),
        mode=name,
        brackets=brackets,
        membership=known_membership,
        min_events=checked_count("min_events", min_events),
        basis=known_basis,
        start=checked_filter("start", start, start_where),
        returns=checked_filter("return_event" if return_where is None else "return", return_event, return_where),
        breakdown=breakdown,
        breakdown_at=known_place,
        max_offset=None if max_offset is None else checked_count("max_offset", max_offset),
    )


def checked_count(key: str, value: object) -> int:
    """A whole number from 1 on.

    Raises:
        ConfigError: for anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError.single(key, f"expected a whole number from 1 on, found {value!r}")
    return value


def _mode(mode: object) -> tuple[Mode, tuple[tuple[int, int], ...]]:
    """Name of the mode, and its brackets in the order in which they end."""
    if mode == "bracket":
        raise ConfigError.single("mode", f"bracket needs its first and last interval: write {_BRACKET}")
    each = [mode] if isinstance(mode, Mapping) else mode
    if isinstance(each, Sequence) and not isinstance(each, str):
        found = {_bracket(one) for one in each}
        if not found:
            raise ConfigError.single("mode", f"an empty list has no brackets: write {_BRACKET}")
        return "bracket", tuple(sorted(found, key=lambda one: (one[1], one[0])))
    known: Any = known_word("mode", mode, MODES)
    return known, ()


def _bracket(one: object) -> tuple[int, int]:
    if not isinstance(one, Mapping):
        raise ConfigError.single("mode", f"expected brackets such as {_BRACKET}, found {one!r}")
    known_word("mode", one.get("mode", "bracket"), ["bracket"])
    unknown = next((str(key) for key in one if key not in {"mode", "from", "until"}), None)
    if unknown is not None:
        hint = did_you_mean(unknown, ["from", "until"])
        raise ConfigError.single("mode", f"a bracket has the keys mode, from and until, found {unknown!r}{hint}")
    first, last = checked_count("mode.from", one.get("from")), checked_count("mode.until", one.get("until"))
    if last < first:
        raise ConfigError.single("mode", f"the bracket ends before it begins: from {first} until {last}")
    return first, last
