"""Whose is a contested identifier, and from when: intervals from the events that claim it. Pure Python.

A moment is (microseconds since 1970 UTC, event order); byte strings compare as unsigned bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneuser.core.event_order import Moment

Policy = Literal["time_sliced", "last_owner", "quarantine"]


@dataclass(frozen=True, slots=True)
class Companion:
    """What an event carries beside a contested identifier.

    `key_rank` is anything that orders identifiers of one type as their keys do, the smaller one first.
    """

    identifier_id: int
    component_id: int
    priority: int
    key_rank: Any
    is_known: bool

    @property
    def rank(self) -> tuple[int, Any]:
        """Rank among the identifiers of an event: type priority, then key. The smallest is the best."""
        return (self.priority, self.key_rank)


@dataclass(frozen=True, slots=True)
class ClaimEvent:
    """A linking event that carries a contested identifier, with all else that it carries and that is in the graph."""

    at: Moment
    others: tuple[Companion, ...]


@dataclass(frozen=True, slots=True)
class Contested:
    """A contested identifier, in the component where replay left it."""

    identifier_id: int
    component_id: int
    priority: int
    is_known: bool


@dataclass(frozen=True, slots=True)
class Interval:
    """From when on a component owns a contested identifier, until the next interval begins.

    `start` is the claim with which it begins: at the instant of that claim, every event of the instant included. It is
    None where the interval reaches back to the beginning; `owner` is None where nobody owns it.
    """

    start: Moment | None
    owner: int | None

    def has_begun(self, instant: int) -> bool:
        """Whether the interval has begun at an instant."""
        return self.start is None or self.start[0] <= instant


def divide(contested: Contested, events: Iterable[ClaimEvent]) -> list[Interval]:
    """Divide the time of a contested identifier among the components that claim it.

    Its claims are the events that carry it with a known identifier, of a stronger type if it is known itself; where
    there is none, all that carry it with anything. The claimant is the best other identifier of the event, and the
    component that holds it owns the identifier from that instant on; the first owner had it before, too. Of several
    claims in one instant the last one stands.

    Args:
        contested: The identifier.
        events: The linking events that carry it, in any order.

    Returns:
        At least one interval, in order of time, no two neighbours of one owner. Without any claim its own component
        owns it.
    """
    in_company = sorted((event for event in events if event.others), key=lambda event: event.at)
    claims = [event for event in in_company if any(_may_claim(other, contested) for other in event.others)]
    # by instant: the last one stands
    standing = {event.at[0]: event for event in claims or in_company}
    intervals: list[Interval] = []
    for event in standing.values():
        owner = min(event.others, key=lambda other: other.rank).component_id
        if not intervals or intervals[-1].owner != owner:
            intervals.append(Interval(event.at if intervals else None, owner))
    return intervals or [Interval(None, contested.component_id)]


def apply_policy(intervals: list[Interval], policy: Policy) -> list[Interval]:
    """The intervals that hold for the owners of events.

    Args:
        intervals: What `divide` returns.
        policy: `time_sliced` keeps them, `last_owner` gives all time to the last owner, `quarantine` to nobody.
    """
    if policy == "last_owner":
        return [Interval(None, intervals[-1].owner)]
    if policy == "quarantine":
        return [Interval(None, None)]
    return intervals


def _may_claim(other: Companion, contested: Contested) -> bool:
    return other.is_known and (not contested.is_known or other.priority < contested.priority)
