"""Whose what is, over rows that are at hand: contested identifiers, messages, kinds of people. Pure Python.

What `ownership.py` and `resolution.py` describe for Spark.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

from oneuser.core.message_identifiers import ALIAS, OBSERVED, best_first
from oneuser.identity.claims import ClaimEvent, Companion, Contested, Interval, divide

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from oneuser.core.message_identifiers import MessageRow

Kind = Literal["known", "anonymous", "residual"]


def owner_rank(is_known: Any, is_contested: Any) -> Any:
    """Rank of an identifier as the owner of its message, before that of the best: the smallest one owns it.

    Known before anonymous, and of these uncontested before contested. Of columns of 0 and 1 a column, of truth values a
    number.
    """
    return 2 * (1 - is_known) + is_contested


def divide_claims(
    messages: Iterable[MessageRow], components: Mapping[int, int], contested: Mapping[int, Contested]
) -> dict[int, list[Interval]]:
    """The intervals of each contested identifier, whatever the policy of shared devices.

    Args:
        messages: The messages that link, at least those that carry a contested identifier.
        components: Component of each identifier in the graph; what is not in it claims nothing.
        contested: Contested identifiers by number.
    """
    events: dict[int, list[ClaimEvent]] = defaultdict(list)
    for message in messages:
        for member in message.members:
            if member.identifier_id in contested:
                others = tuple(
                    Companion(
                        other.identifier_id,
                        components[other.identifier_id],
                        other.priority,
                        other.type_rank,
                        other.is_known,
                    )
                    for other in message.members
                    if other.identifier_id != member.identifier_id and other.identifier_id in components
                )
                events[member.identifier_id].append(ClaimEvent(message.moment, others))
    return {number: divide(contested[number], events[number]) for number in sorted(contested)}


def resolve_events(
    messages: Iterable[MessageRow], components: Mapping[int, int], intervals: Mapping[int, Collection[Interval]]
) -> dict[bytes, int | None]:
    """The component that owns each message: that of its best identifier by `owner_rank`, at its time.

    In an alias whose new id is not in the graph, the old one takes its place. Null where the message names two people
    or carries nothing that is in the graph, and where a contested identifier is quarantined.

    Args:
        messages: What messages carry: `eligible_identifiers` of the graph.
        components: Component of each identifier in the graph.
        intervals: Intervals of each contested identifier, as the policy of shared devices leaves them.
    """
    owners: dict[bytes, int | None] = {}
    for message in messages:
        owners[message.key] = None
        here = [member for member in message.members if member.identifier_id in components]
        has_new_id = not message.is_alias or any(member.link == ALIAS for member in here)
        candidates = [member for member in here if member.link in OBSERVED or not has_new_id]
        if candidates and not message.names_two_people:
            best = min(
                candidates, key=lambda m: (owner_rank(m.is_known, m.identifier_id in intervals), best_first(m))
            ).identifier_id
            owners[message.key] = (
                _owner_at(intervals[best], message.moment[0]) if best in intervals else components[best]
            )
    return owners


def _owner_at(intervals: Iterable[Interval], instant: int) -> int | None:
    """The component that owns a contested identifier at an instant; null under quarantine."""
    owner = None
    for interval in intervals:
        if interval.has_begun(instant):
            owner = interval.owner
    return owner


def kinds_of_components(
    components: Mapping[int, int], known: Collection[int], cut_off: Collection[int]
) -> dict[int, Kind]:
    """Whether each component names a person, and whether it is one.

    Args:
        components: Component of each identifier in the graph.
        known: Identifiers of known types.
        cut_off: Identifiers that a limit or the size cut off.
    """
    kinds: dict[int, Kind] = dict.fromkeys(components.values(), "residual")
    for number, label in components.items():
        if number not in cut_off and kinds[label] == "residual":
            kinds[label] = "anonymous"
    for number, label in components.items():
        if number in known and kinds[label] == "anonymous":
            kinds[label] = "known"
    return kinds
