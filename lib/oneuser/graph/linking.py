"""Which messages link which identifiers, over rows that are at hand. Pure Python.

What `linking_messages.py`, `edges.py`, `over_shared.py` and `protection.py` describe for Spark, under the same names:
for a simulation, and for as few rows as one process takes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from oneuser.core.message_identifiers import ALIAS, OBSERVED, PREVIOUS_ANONYMOUS, best_first, reading_holds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from oneuser.core.message_identifiers import Carried, MessageRow

Pair = tuple[int, int]  # identifier_ids, the smaller first


def eligible_identifiers(messages: Collection[MessageRow], blocked: Collection[int]) -> list[MessageRow]:
    """The messages with what may link: neither blocked nor a reading of a previousId that does not hold, best first.

    Args:
        messages: All stored messages.
        blocked: Identifiers that the configuration blocks.
    """
    observed = {member.identifier_id for message in messages for member in message.members if member.link in OBSERVED}
    return [replace(message, members=_eligible(message.members, observed, blocked)) for message in messages]


def _eligible(members: tuple[Carried, ...], observed: Collection[int], blocked: Collection[int]) -> tuple[Carried, ...]:
    is_anonymous = any(member.link == PREVIOUS_ANONYMOUS and member.identifier_id in observed for member in members)
    kept = (
        member
        for member in members
        if (member.link in OBSERVED or reading_holds(member.link, is_anonymous)) and member.identifier_id not in blocked
    )
    return tuple(sorted(kept, key=best_first))


def linking_messages(eligible: Iterable[MessageRow], may_link: Collection[bytes] | None = None) -> list[MessageRow]:
    """The messages that may link their identifiers.

    Args:
        eligible: What `eligible_identifiers` gives.
        may_link: Keys of the messages that have consent; null where none is required.
    """
    return [
        message
        for message in eligible
        if _has_several(message) and not message.names_two_people and (may_link is None or message.key in may_link)
    ]


def _has_several(message: MessageRow) -> bool:
    return len({member.identifier_id for member in message.members}) > 1


def without_members(messages: Iterable[MessageRow], left_out: Collection[int]) -> list[MessageRow]:
    """The messages without some identifiers. What is left may be a single one, or none."""
    return [replace(m, members=tuple(i for i in m.members if i.identifier_id not in left_out)) for m in messages]


def find_pairs(message: MessageRow) -> Iterator[Pair]:
    """What a message asserts: its best identifier with each other one that it names, and both ends of an alias."""
    centre, *others = [member.identifier_id for member in message.members if member.link in OBSERVED] or [0]
    yield from (sorted_pair(centre, other) for other in others if other != centre)
    yield from _alias_pairs(message)


def _alias_pairs(message: MessageRow) -> Iterator[Pair]:
    new_id = next((member for member in message.members if member.link == ALIAS), None)
    for old_id in message.members:
        if new_id is not None and old_id.link not in OBSERVED and old_id.identifier_id != new_id.identifier_id:
            yield sorted_pair(new_id.identifier_id, old_id.identifier_id)


def find_renames(messages: Iterable[MessageRow], excluded: Collection[Pair]) -> set[Pair]:
    """Aliases between two values of one unique type: their ends count as one value.

    Args:
        messages: What `linking_messages` gives, before over-shared values are left out.
        excluded: Pairs that a manual rule keeps apart.
    """
    renames = set()
    for message in messages:
        unique = {member.identifier_id: member.id_type for member in message.members if member.is_unique}
        for one, other in _alias_pairs(message):
            if one in unique and other in unique and unique[one] == unique[other]:
                renames.add((one, other))
    return renames.difference(excluded)


def count_persons_per_value(
    messages: Iterable[MessageRow], classes: Mapping[int, int], bounds: Mapping[int, int]
) -> dict[int, int]:
    """How many people the messages with a value carry, of the values whose type has a bound.

    People are counted by distinct values of one other type that is unique, an alias class counting once; of a value
    that no unique type ever accompanies, of one other known type.

    Args:
        messages: What `linking_messages` gives.
        classes: The class of each value that aliases join.
        bounds: `max_persons_per_value` by priority of the type.
    """
    by_unique: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    by_known: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for message in messages:
        for value in message.members:
            if value.priority not in bounds:
                continue
            for other in message.members:
                if other.id_type == value.id_type:
                    continue
                if other.is_unique:
                    by_unique[value.identifier_id][other.id_type].add(
                        classes.get(other.identifier_id, other.identifier_id)
                    )
                elif other.is_known:
                    by_known[value.identifier_id][other.id_type].add(other.identifier_id)
    counted = {**by_known, **by_unique}
    return {value: max(map(len, by_type.values())) for value, by_type in counted.items()}


def find_over_shared(
    messages: Iterable[MessageRow], classes: Mapping[int, int], bounds: Mapping[int, int]
) -> frozenset[int]:
    """Values of more people than the bound of their type allows; arguments as of `count_persons_per_value`."""
    messages = list(messages)
    bound = {m.identifier_id: bounds[m.priority] for row in messages for m in row.members if m.priority in bounds}
    persons = count_persons_per_value(messages, classes, bounds)
    return frozenset(value for value, n_persons in persons.items() if n_persons > bound[value])


def sorted_pair(one: int, other: int) -> Pair:
    """Two identifiers as a pair."""
    return (one, other) if one < other else (other, one)
