"""From linking messages, links and manual rules to components: evidence, exclusions, constrained replay.

Sections 1.2 and 2.3 to 2.5 of the identity rules, over all evidence at once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oneuser.graph.bounded_sets import Vertex
from oneuser.graph.replay import Evidence, breaks_bounds, contested, cuts, replay
from oneuser.simulation.connect import connect
from oneuser.simulation.message_readings import Reading, alias_pairs, star_pairs
from oneuser.simulation.world import ImportedLink, ManualRule, Pair, RefusalRule, RefusedEdge, Rules, World

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from oneuser.events.identifiers import Identifier
    from oneuser.identity.ledger import Moment


@dataclass(slots=True)
class Pairing:
    """What is known of one pair over all its sources: when it was asserted, by what, how strongly."""

    moments: list[Moment] = field(default_factory=list)
    priorities: list[int] = field(default_factory=list)
    is_include: bool = False


Pairings = dict[Pair, Pairing]


@dataclass(frozen=True)
class Admission:
    """Components of the admitted edges, the refusals, and what the refusals contest.

    `cuts` are the identifiers that a limit or the size cut off, each with what it was cut off from.
    """

    components: dict[int, int]
    refusals: list[RefusedEdge]
    contested: frozenset[int]
    cuts: frozenset[Pair]

    @property
    def cut_off(self) -> frozenset[int]:
        """Identifiers that a limit or the size cut off."""
        return frozenset(identifier for identifier, _ in self.cuts)


def excluded_pairs(world: World, identifier_ids: Mapping[Identifier, int]) -> frozenset[Pair]:
    """Pairs that a manual rule excludes."""
    return frozenset(
        _sorted(identifier_ids[rule.a], identifier_ids[rule.b])
        for rule in world.manual
        if rule.action == "exclude" and rule.a != rule.b
    )


def gather_pairings(
    readings: Iterable[Reading],
    world: World,
    rules: Rules,
    identifier_ids: Mapping[Identifier, int],
    *,
    over_shared: Collection[int],
) -> Pairings:
    """All evidence by pair, but for over-shared identifiers."""
    eligible = {
        identifier: rules.id_types[identifier.id_type].priority
        for identifier, number in identifier_ids.items()
        if identifier.id_type in rules.id_types and identifier not in world.blocked and number not in over_shared
    }
    strength = {identifier_ids[identifier]: priority for identifier, priority in eligible.items()}
    found: Pairings = defaultdict(Pairing)
    for reading in readings:
        if reading.links:
            members = reading.without(over_shared)
            for pair in (*star_pairs(members), *alias_pairs(members)):
                found[pair].moments.append(reading.message.moment)
                found[pair].priorities.append(strength[pair[0]] + strength[pair[1]])
    excluded = excluded_pairs(world, identifier_ids)
    records: list[ImportedLink | ManualRule] = [*world.links, *world.manual]
    for record in records:
        pair = _sorted(identifier_ids[record.a], identifier_ids[record.b])
        if record.a in eligible and record.b in eligible and record.a != record.b:
            sum_of_types = strength[pair[0]] + strength[pair[1]]
            if isinstance(record, ImportedLink):
                found[pair].priorities.append(sum_of_types if record.priority is None else record.priority)
                found[pair].moments += [] if record.at is None else [(record.at, b"")]
            elif record.action == "include" and pair not in excluded:
                found[pair].priorities.append(sum_of_types)
                found[pair].is_include = True
    return dict(found)


def over_shared_edges(readings: Iterable[Reading], over_shared: Collection[int]) -> list[RefusedEdge]:
    """The edges that linking events would have had, were their over-shared values not dropped."""
    moments: dict[Pair, list[Moment]] = defaultdict(list)
    for reading in readings:
        if reading.links and any(member.number in over_shared for member in reading.members):
            for pair in (*star_pairs(reading.members), *alias_pairs(reading.members)):
                if pair[0] in over_shared or pair[1] in over_shared:
                    moments[pair].append(reading.message.moment)
    return [RefusedEdge(*pair, "over_shared", min(when), max(when)) for pair, when in moments.items()]


def admit(vertices: Mapping[int, Vertex], pairings: Pairings, excluded: frozenset[Pair], rules: Rules) -> Admission:
    """Decide which edges are admitted.

    Args:
        vertices: Every identifier that is in the graph.
        pairings: Evidence between them.
        excluded: Pairs that are never one person.
        rules: Bounds and conflict.
    """
    refusals = [_refused(pair, "exclude", pairings) for pair in pairings if pair in excluded]
    allowed = {pair: pairing for pair, pairing in pairings.items() if pair not in excluded}
    bounds = rules.bounds
    components: dict[int, int] = {}
    is_contested: set[int] = set()
    are_cut: set[Pair] = set()
    for group, pairs in _candidates(vertices, allowed):
        within = frozenset(pair for pair in excluded if pair[0] in group and pair[1] in group)
        members = {number: vertices[number] for number in group}
        if not breaks_bounds(members.values(), within, bounds):
            components |= dict.fromkeys(group, min(group))
            continue
        replayed = replay(members.values(), [_evidence(pair, allowed[pair]) for pair in pairs], within, bounds)
        components |= replayed.labels
        refusals += [_refused((one.src, one.dst), one.rule, pairings) for one in replayed.refused]
        is_contested |= contested(replayed, members)
        are_cut |= cuts(replayed, members)
    return Admission(components, refusals, frozenset(is_contested), frozenset(are_cut))


def _candidates(vertices: Iterable[int], pairs: Iterable[Pair]) -> Iterator[tuple[set[int], list[Pair]]]:
    """Rule 2.4: candidate components, each with its pairs."""
    listed = list(pairs)
    root = connect([*((number, number) for number in vertices), *listed])
    members: dict[int, set[int]] = defaultdict(set)
    inside: dict[int, list[Pair]] = defaultdict(list)
    for number, label in root.items():
        members[label].add(number)
    for pair in listed:
        inside[root[pair[0]]].append(pair)
    for label, group in members.items():
        yield group, inside[label]


def _evidence(pair: Pair, pairing: Pairing) -> Evidence:
    return Evidence(
        *pair,
        priority=min(pairing.priorities),
        first=min(pairing.moments, default=None),
        last=max(pairing.moments, default=None),
        is_include=pairing.is_include,
    )


def _refused(pair: Pair, rule: RefusalRule, pairings: Pairings) -> RefusedEdge:
    moments = pairings[pair].moments
    return RefusedEdge(*pair, rule, min(moments, default=None), max(moments, default=None))


def _sorted(one: int, other: int) -> Pair:
    return (min(one, other), max(one, other))
