"""Whose is a contested identifier, and from when: intervals from the events that claim it. Pure Python.

A moment is (microseconds since 1970 UTC, message key); byte strings compare as unsigned bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneuser.identity.ledger import Moment

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
    """From when on a component owns a contested identifier, `start` inclusive, until the next interval starts.

    `start` is None where it reaches back to the beginning, `owner` is None where nobody owns it.
    """

    start: Moment | None
    owner: int | None


def divide(contested: Contested, events: Iterable[ClaimEvent]) -> list[Interval]:
    """Divide the time of a contested identifier among the components that claim it.

    Its claims are the events that carry it with a known identifier, of a stronger type if it is known itself; where
    there is none, all that carry it with anything. The claimant is the best other identifier of the event, and the
    component that holds it owns the identifier from then on; the first owner had it before, too.

    Args:
        contested: The identifier.
        events: The linking events that carry it, in any order.

    Returns:
        At least one interval, in order of time, no two neighbours of one owner. Without any claim its own component
        owns it.
    """
    claims: list[Interval] = []
    any_company: list[Interval] = []
    for event in sorted(events, key=lambda event: event.at):
        if not event.others:
            continue
        owner = min(event.others, key=lambda other: other.rank).component_id
        _extend(any_company, event.at, owner)
        if any(_may_claim(other, contested) for other in event.others):
            _extend(claims, event.at, owner)
    return claims or any_company or [Interval(None, contested.component_id)]


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


def _extend(intervals: list[Interval], at: Moment, owner: int) -> None:
    if not intervals or intervals[-1].owner != owner:
        intervals.append(Interval(at if intervals else None, owner))
