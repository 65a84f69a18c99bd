"""From messages to what they link: blocks, readings of previousId, consent, alias classes, over-shared values.

Sections 1 and 2.1 to 2.2 of the identity rules, over all messages at once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.simulation.connect import connect
from oneuser.simulation.world import OBSERVED, Message, Pair, Rules, World
from oneuser.stages.identity_rules import TypeRules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from oneuser.events.identifiers import Identifier
    from oneuser.identity.ledger import Moment


@dataclass(frozen=True, slots=True)
class Observed:
    """One identifier of a message, and how it hangs on it."""

    number: int
    id_type: str
    key: bytes
    rules: TypeRules
    link: str

    @property
    def rank(self) -> tuple[int, bytes]:
        """Rank among the identifiers of a message; the smallest is the best."""
        return (self.rules.priority, self.key)


@dataclass(frozen=True, slots=True)
class Reading:
    """A message under the rules of this run.

    `members` are its identifiers of a configured type that are not blocked, the reading of a previousId that holds
    among them, best first. `owns` is false where it names two people, `links` where it may link nothing.
    """

    message: Message
    members: tuple[Observed, ...]
    owns: bool
    links: bool

    @property
    def is_linking(self) -> bool:
        """Whether it is a linking event."""
        return self.links and len({member.number for member in self.members}) > 1

    def without(self, gone: Collection[int]) -> tuple[Observed, ...]:
        """Its members but for some."""
        return tuple(member for member in self.members if member.number not in gone)


def assign_identifier_ids(world: World, known: Mapping[Identifier, int]) -> dict[Identifier, int]:
    """Every identifier with its number; new ones get the next, in the order in which they come.

    A manual rule gives no number: it has no effect before a message or a link has named both of its identifiers.
    """
    identifier_ids = dict(known)
    observed = [link.identifier for message in world.messages for link in message.links]
    linked = [end for link in world.links for end in (link.a, link.b)]
    for identifier in (*observed, *linked):
        identifier_ids.setdefault(identifier, len(identifier_ids) + 1)
    return identifier_ids


def read_messages(world: World, rules: Rules, identifier_ids: Mapping[Identifier, int]) -> list[Reading]:
    """Rules 1.1, 1.3, 1.5 (which reading of a previousId holds) and 1.6 on every message."""
    seen = {link.identifier for message in world.messages for link in message.links if link.link in OBSERVED}
    readings = []
    for message in world.messages:
        members = sorted(_members(message, world, rules, identifier_ids, seen), key=lambda member: member.rank)
        is_one = message.is_alias or not _names_two_people(members)
        readings.append(Reading(message, tuple(members), owns=is_one, links=is_one))
    if rules.required_purposes:
        withheld = _withheld(readings, rules.required_purposes)
        readings = [_with_consent(reading, rules.required_purposes, withheld) for reading in readings]
    return readings


def _members(
    message: Message, world: World, rules: Rules, identifier_ids: Mapping[Identifier, int], seen: Collection[Identifier]
) -> Iterator[Observed]:
    typed = [link for link in message.links if link.identifier.id_type in rules.id_types]
    is_cookie = any(link.link == "previous_anonymous" and link.identifier in seen for link in typed)
    for found, link in typed:
        holds = link in OBSERVED or link == "previous" or (link == "previous_anonymous") == is_cookie
        if holds and found not in world.blocked:
            yield Observed(identifier_ids[found], found.id_type, found.key, rules.id_types[found.id_type], link)


def _names_two_people(members: Iterable[Observed]) -> bool:
    """Whether two values of a unique type are among them."""
    value: dict[str, int] = {}
    unique = (member for member in members if member.rules.is_unique)
    return any(value.setdefault(member.id_type, member.number) != member.number for member in unique)


def _withheld(readings: Iterable[Reading], purposes: Collection[str]) -> set[int]:
    """Identifiers whose latest signal for one of the purposes is a refusal.

    A signal belongs to the known identifiers of its message, or to the anonymous ones if it has no known one.
    """
    latest: dict[tuple[int, str], tuple[Moment, bool]] = {}
    for reading in readings:
        signals = reading.message.consent or {}
        known = [member for member in reading.members if member.rules.is_known]
        for member in known or reading.members:
            for purpose in purposes:
                if purpose in signals:
                    signal = (reading.message.moment, signals[purpose])
                    latest[member.number, purpose] = max(latest.get((member.number, purpose), signal), signal)
    return {number for (number, _), (_, is_given) in latest.items() if not is_given}


def _with_consent(reading: Reading, purposes: Collection[str], withheld: Collection[int]) -> Reading:
    signals = reading.message.consent or {}
    is_given = all(signals.get(purpose) is True for purpose in purposes)
    is_refused = any(member.number in withheld for member in reading.members)
    return Reading(reading.message, reading.members, reading.owns, links=reading.links and is_given and not is_refused)


def star_pairs(members: Iterable[Observed]) -> Iterator[Pair]:
    """Rule 1.2: each observed identifier with the best one."""
    observed = [member for member in members if member.link in OBSERVED]
    for other in observed[1:]:
        yield from _pair(observed[0].number, other.number)


def alias_pairs(members: Iterable[Observed]) -> Iterator[Pair]:
    """Rule 1.5: the new id of an alias with the old one."""
    ordered = list(members)
    new_id = next((member for member in ordered if member.link == "alias"), None)
    for member in ordered:
        if new_id is not None and member.link not in OBSERVED:
            yield from _pair(new_id.number, member.number)


def _pair(one: int, other: int) -> Iterator[Pair]:
    if one != other:
        yield min(one, other), max(one, other)


def find_alias_classes(readings: Iterable[Reading], rules: Rules, excluded: Collection[Pair]) -> dict[int, int]:
    """Rule 1.5: values of a unique type that aliases join; a value that is not in it is a class of its own."""
    if not rules.may_join_unique:
        return {}
    joined = []
    for reading in readings:
        if reading.message.is_alias and reading.links:
            id_types = {member.number: member.id_type for member in reading.members}
            for src, dst in alias_pairs(reading.members):
                is_rename = id_types[src] == id_types[dst] and rules.id_types[id_types[src]].is_unique
                if is_rename and (src, dst) not in excluded:
                    joined.append((src, dst))
    return connect(joined)


def find_over_shared(readings: Iterable[Reading], classes: Mapping[int, int]) -> set[int]:
    """Rule 2.2: values whose linking events carry more people than the bound of their type allows."""
    by_unique: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    by_known: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    bounds: dict[int, int] = {}
    for reading in readings:
        if not reading.is_linking:
            continue
        for member in reading.members:
            if member.rules.max_persons_per_value is None:
                continue
            bounds[member.number] = member.rules.max_persons_per_value
            for other in reading.members:
                if other.id_type != member.id_type and other.rules.is_unique:
                    by_unique[member.number][other.id_type].add(classes.get(other.number, other.number))
                elif other.id_type != member.id_type and other.rules.is_known:
                    by_known[member.number][other.id_type].add(other.number)
    # a value that a unique type ever accompanies is counted by that alone
    persons = {number: by_unique.get(number) or by_known.get(number) or {} for number in bounds}
    return {n for n, by_type in persons.items() if max(map(len, by_type.values()), default=0) > bounds[n]}
