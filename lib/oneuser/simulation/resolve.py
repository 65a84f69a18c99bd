"""One simulated run: all rules of identity over all messages at once, by the functions that decide in a run.

It answers what a full resolve of the same messages with the same state answers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneuser.graph.bounded_sets import Vertex
from oneuser.identity import claims
from oneuser.identity.ledger import Member
from oneuser.simulation.connect import decide_by_group
from oneuser.simulation.edge_admission import (
    Admission,
    Pairings,
    admit,
    excluded_pairs,
    gather_pairings,
    over_shared_edges,
)
from oneuser.simulation.message_readings import (
    Observed,
    Reading,
    assign_identifier_ids,
    find_alias_classes,
    find_over_shared,
    read_messages,
)
from oneuser.simulation.world import OBSERVED, Kind, Resolution, Rules, State, World

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from oneuser.events.identifiers import Identifier
    from oneuser.identity.claims import ClaimEvent, Interval
    from oneuser.identity.ledger import Moment
    from oneuser.identity.succession import Decision

# first seen of what no message carries: younger than everything
NEVER: tuple[int, bytes] = (2**63 - 1, b"")


@dataclass(frozen=True)
class _Graph:
    """The graph of a run while it is judged."""

    readings: list[Reading]
    identifiers: dict[int, Identifier]
    vertices: dict[int, Vertex]
    over_shared: frozenset[int]
    first_seen: dict[int, Moment]
    admission: Admission


def resolve(world: World, state: State, rules: Rules, run_seq: int) -> Resolution:
    """Resolve everything that is stored into people, and carry User IDs over from the last run.

    Args:
        world: Messages, imported links, manual rules and blocked identifiers as they are now.
        state: What the last run left; `State()` before the first.
        rules: How identifiers become people.
        run_seq: Sequence number of this run, greater than any before.

    Returns:
        The same for every order of what the world holds, but for the numbers of identifiers.
    """
    identifier_ids = assign_identifier_ids(world, state.identifier_ids)
    world = replace(
        world, manual=tuple(rule for rule in world.manual if rule.a in identifier_ids and rule.b in identifier_ids)
    )
    graph = _build_graph(world, rules, identifier_ids)
    admission = graph.admission
    intervals = _divide(graph)
    decision = _decide(graph, intervals, state, rules, run_seq)
    components = admission.components
    lasting = {n: tuple(claims.apply_policy(list(found), rules.shared_device)) for n, found in intervals.items()}
    ledger = dict(state.ledger) | {user.user_id: user for user in decision.changed}
    return Resolution(
        run_seq=run_seq,
        identifiers=graph.identifiers,
        components=components,
        users=decision.owners,
        kinds=_kinds(graph),
        over_shared=graph.over_shared,
        refusals=tuple(sorted(admission.refusals, key=lambda edge: (edge.src, edge.dst, edge.rule))),
        contested=admission.contested,
        cuts=admission.cuts,
        intervals=lasting,
        owners=_own_messages(graph, lasting, decision),
        ledger_changes=tuple(decision.changed),
        lineage=tuple(decision.lineage),
        state=State(identifier_ids, ledger, {number: decision.owners[label] for number, label in components.items()}),
    )


def _build_graph(world: World, rules: Rules, identifier_ids: Mapping[Identifier, int]) -> _Graph:
    readings = read_messages(world, rules, identifier_ids)
    excluded = excluded_pairs(world, identifier_ids)
    classes = find_alias_classes(readings, rules, excluded)
    over_shared = frozenset(find_over_shared(readings, classes))
    pairings = gather_pairings(readings, world, rules, identifier_ids, over_shared=over_shared)
    first_seen = _first_seen(readings, over_shared)
    identifiers = {number: identifier for identifier, number in identifier_ids.items()}
    vertices = _vertices(identifiers, first_seen, pairings, rules, classes)
    admission = admit(vertices, pairings, excluded, rules)
    admission.refusals.extend(over_shared_edges(readings, over_shared))
    return _Graph(readings, identifiers, vertices, over_shared, first_seen, admission)


def _first_seen(readings: Iterable[Reading], over_shared: Collection[int]) -> dict[int, Moment]:
    """When each identifier in the graph was observed first."""
    first: dict[int, Moment] = {}
    for reading in readings:
        for member in reading.without(over_shared):
            moment = reading.message.moment
            first[member.number] = min(first.get(member.number, moment), moment)
    return first


def _vertices(
    identifiers: Mapping[int, Identifier],
    first_seen: Iterable[int],
    pairings: Pairings,
    rules: Rules,
    classes: Mapping[int, int],
) -> dict[int, Vertex]:
    """What messages carry, and what only links and manual rules name."""
    present = {*first_seen, *(end for pair in pairings for end in pair)}
    vertices = {}
    for number in sorted(present):
        identifier = identifiers[number]
        declared = rules.id_types[identifier.id_type]
        value_class = classes.get(number, number)
        vertices[number] = Vertex(
            number, identifier.key, identifier.id_type, declared.priority, declared.is_known, value_class
        )
    return vertices


def _divide(graph: _Graph) -> dict[int, list[Interval]]:
    """Section 3: the intervals of each contested identifier, whatever the policy."""
    events: dict[int, list[ClaimEvent]] = defaultdict(list)
    for reading in graph.readings:
        if reading.is_linking:
            members = reading.without(graph.over_shared)
            for member in members:
                if member.number in graph.admission.contested:
                    others = tuple(_companion(m, graph) for m in members if m.number != member.number)
                    events[member.number].append(claims.ClaimEvent(reading.message.moment, others))
    intervals = {}
    for number in sorted(graph.admission.contested):
        vertex = graph.vertices[number]
        subject = claims.Contested(number, graph.admission.components[number], vertex.priority, vertex.is_known)
        intervals[number] = claims.divide(subject, events[number])
    return intervals


def _companion(member: Observed, graph: _Graph) -> claims.Companion:
    component = graph.admission.components[member.number]
    return claims.Companion(member.number, component, member.rules.priority, member.key, member.rules.is_known)


def _decide(
    graph: _Graph, intervals: Mapping[int, Iterable[Interval]], state: State, rules: Rules, run_seq: int
) -> Decision:
    """Section 4: which User ID each component has."""
    members = [
        Member(
            identifier_id=number,
            component_id=graph.admission.components[number],
            key=vertex.key,
            priority=vertex.priority,
            is_known=vertex.is_known,
            first_seen=graph.first_seen.get(number, NEVER),
            previous_user=state.owners.get(number),
            owners=tuple(i.owner for i in intervals.get(number, ()) if i.owner is not None),
        )
        for number, vertex in graph.vertices.items()
    ]
    how = rules.carry_over_rules(rules.deployment, rules.minting, run_seq)
    return decide_by_group(members, state.ledger.values(), how)


def _kinds(graph: _Graph) -> dict[int, Kind]:
    members: dict[int, list[int]] = defaultdict(list)
    for number, label in graph.admission.components.items():
        members[label].append(number)
    kinds: dict[int, Kind] = {}
    for label, identifier_ids in members.items():
        if graph.admission.cut_off.issuperset(identifier_ids):
            kinds[label] = "residual"
        else:
            kinds[label] = "known" if any(graph.vertices[number].is_known for number in identifier_ids) else "anonymous"
    return kinds


def _own_messages(
    graph: _Graph, intervals: Mapping[int, tuple[Interval, ...]], decision: Decision
) -> dict[bytes, str | None]:
    """Whose each message is: of its best identifier, uncontested before contested, known before anonymous.

    In an alias whose new id is not in the graph, the old one takes its place.
    """
    contested = graph.admission.contested
    owners: dict[bytes, str | None] = {}
    for reading in graph.readings:
        members = reading.without(graph.over_shared)
        is_renamed = not reading.message.is_alias or any(member.link == "alias" for member in members)
        observed = [member for member in members if member.link in OBSERVED or not is_renamed]
        owners[reading.message.key] = None
        if observed and reading.owns:
            best = min(observed, key=lambda m: (not m.rules.is_known, m.number in contested, m.rank))
            component: int | None = graph.admission.components[best.number]
            if best.number in contested:
                component = _owner_at(intervals[best.number], reading.message.at)
            owners[reading.message.key] = None if component is None else decision.owners[component]
    return owners


def _owner_at(intervals: Iterable[Interval], instant: int) -> int | None:
    """The component that owns a contested identifier at an instant; null under quarantine."""
    owner = None
    for interval in intervals:
        if interval.has_begun(instant):
            owner = interval.owner
    return owner
