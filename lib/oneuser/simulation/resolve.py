"""One simulated run: all rules of identity over all messages at once, by the functions that decide in a run.

It answers what a full resolve of the same messages with the same state answers. Decided is elsewhere, in `graph`,
`privacy` and `identity`; here identifiers get numbers and the parts are put together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.core.message_identifiers import Carried, MessageRow
from oneuser.graph.admission import Admission, Assertion, admit_edges, assert_pairs, build_edges, refuse_over_shared
from oneuser.graph.admission import connect as connect_nodes
from oneuser.graph.bounded_sets import Vertex
from oneuser.graph.linking import (
    eligible_identifiers,
    find_over_shared,
    find_renames,
    linking_messages,
    sorted_pair,
    without_members,
)
from oneuser.identity.carry_over_groups import decide_by_group
from oneuser.identity.claims import Contested, apply_policy
from oneuser.identity.ledger import Member
from oneuser.identity.owners import divide_claims, kinds_of_components, resolve_events
from oneuser.privacy.consent_signals import find_consenting
from oneuser.simulation.world import Resolution, Rules, State, World

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from oneuser.core.event_order import Moment
    from oneuser.events.identifiers import Identifier
    from oneuser.graph.linking import Pair
    from oneuser.identity.claims import Interval
    from oneuser.identity.succession import Decision

# first seen of what no message carries: younger than everything
NEVER: Moment = (2**63 - 1, b"")


@dataclass(frozen=True)
class _Graph:
    """The graph of a run, judged.

    Attributes:
        eligible: What each message carries, that may link or own it.
        linking: Linking messages, without over-shared values.
        vertices: Identifiers in the graph.
        over_shared: Values that are in no component.
        admission: Components, and what was refused.
    """

    eligible: list[MessageRow]
    linking: list[MessageRow]
    vertices: dict[int, Vertex]
    over_shared: frozenset[int]
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
    graph = _build_graph(world, rules, identifier_ids)
    admission, components = graph.admission, graph.admission.components
    contested = {
        number: Contested(number, components[number], graph.vertices[number].priority, graph.vertices[number].is_known)
        for number in admission.contested
    }
    intervals = divide_claims(graph.linking, components, contested)
    decision = _decide(graph, intervals, state, rules, run_seq)
    lasting = {n: tuple(apply_policy(found, rules.shared_device)) for n, found in intervals.items()}
    owners = resolve_events(graph.eligible, components, lasting)
    known = {number for number, vertex in graph.vertices.items() if vertex.is_known}
    ledger = dict(state.ledger) | {user.user_id: user for user in decision.changed}
    return Resolution(
        run_seq=run_seq,
        identifiers={number: identifier for identifier, number in identifier_ids.items()},
        components=components,
        users=decision.owners,
        kinds=kinds_of_components(components, known, {number for number, _ in admission.cuts}),
        over_shared=graph.over_shared,
        refusals=tuple(sorted(admission.refusals, key=lambda edge: (edge.src, edge.dst, edge.rule))),
        contested=admission.contested,
        cuts=admission.cuts,
        intervals=lasting,
        owners={key: None if label is None else decision.owners[label] for key, label in owners.items()},
        ledger_changes=tuple(decision.changed),
        lineage=tuple(decision.lineage),
        state=State(identifier_ids, ledger, {number: decision.owners[label] for number, label in components.items()}),
    )


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


def _build_graph(world: World, rules: Rules, identifier_ids: Mapping[Identifier, int]) -> _Graph:
    blocked = {identifier_ids[identifier] for identifier in world.blocked if identifier in identifier_ids}
    eligible = eligible_identifiers(list(_message_rows(world, rules, identifier_ids)), blocked)
    purposes = rules.required_purposes
    messages = linking_messages(eligible, find_consenting(eligible, purposes) if purposes else None)
    excluded = _manual_pairs(world, identifier_ids, "exclude")
    classes = connect_nodes(find_renames(messages, excluded)) if rules.may_join_unique else {}
    over_shared = find_over_shared(messages, classes, rules.person_bounds)
    linking = without_members(messages, over_shared)
    typed = {
        number: identifier for identifier, number in identifier_ids.items() if identifier.id_type in rules.id_types
    }
    priorities = {n: rules.priorities[i.id_type] for n, i in typed.items() if n not in blocked | over_shared}
    included = _manual_pairs(world, identifier_ids, "include") - excluded
    records = [*_link_records(world, identifier_ids), *(Assertion(pair, is_include=True) for pair in included)]
    between = [one for one in records if one.pair[0] in priorities and one.pair[1] in priorities]
    edges = build_edges([*assert_pairs(linking), *between], priorities)
    carried = (member.identifier_id for message in eligible for member in message.members)
    present = {*carried, *(end for pair in edges for end in pair)} - over_shared
    vertices = {number: _vertex(number, typed[number], rules, classes) for number in sorted(present)}
    admission = admit_edges(vertices, edges, excluded, rules.bounds)
    admission.refusals.extend(refuse_over_shared(messages, over_shared))
    return _Graph(eligible, linking, vertices, over_shared, admission)


def _message_rows(world: World, rules: Rules, identifier_ids: Mapping[Identifier, int]) -> Iterator[MessageRow]:
    for message in world.messages:
        carried = []
        for found, link in message.links:
            declared = rules.id_types.get(found.id_type)
            if declared is not None:
                number = identifier_ids[found]
                known, unique = declared.is_known, declared.is_unique
                carried.append(Carried(number, found.id_type, declared.priority, found.key, known, unique, link))
        yield MessageRow(message.key, message.moment, tuple(carried), message.is_alias, message.consent)


def _manual_pairs(world: World, identifier_ids: Mapping[Identifier, int], action: str) -> frozenset[Pair]:
    """Pairs of a kind of manual rule, both of whose ends have been seen."""
    return frozenset(
        sorted_pair(identifier_ids[rule.a], identifier_ids[rule.b])
        for rule in world.manual
        if rule.action == action and rule.a != rule.b and {rule.a, rule.b} <= identifier_ids.keys()
    )


def _link_records(world: World, identifier_ids: Mapping[Identifier, int]) -> Iterator[Assertion]:
    for link in world.links:
        if link.a != link.b:
            pair = sorted_pair(identifier_ids[link.a], identifier_ids[link.b])
            # a link has a time and no place in its instant
            yield Assertion(pair, None if link.at is None else (link.at, b""), link.priority)


def _vertex(number: int, identifier: Identifier, rules: Rules, classes: Mapping[int, int]) -> Vertex:
    declared = rules.id_types[identifier.id_type]
    value_class = classes.get(number, number)
    return Vertex(number, identifier.key, identifier.id_type, declared.priority, declared.is_known, value_class)


def _first_seen(messages: Iterable[MessageRow]) -> dict[int, Moment]:
    """When each identifier was observed first."""
    first: dict[int, Moment] = {}
    for message in messages:
        for member in message.members:
            first[member.identifier_id] = min(first.get(member.identifier_id, message.moment), message.moment)
    return first


def _decide(
    graph: _Graph, intervals: Mapping[int, Collection[Interval]], state: State, rules: Rules, run_seq: int
) -> Decision:
    """Which User ID each component has."""
    first_seen = _first_seen(graph.eligible)
    members = [
        Member(
            identifier_id=number,
            component_id=graph.admission.components[number],
            key=vertex.key,
            priority=vertex.priority,
            is_known=vertex.is_known,
            first_seen=first_seen.get(number, NEVER),
            previous_user=state.owners.get(number),
            owners=tuple(i.owner for i in intervals.get(number, ()) if i.owner is not None),
        )
        for number, vertex in graph.vertices.items()
    ]
    how = rules.carry_over_rules(rules.deployment, rules.minting, run_seq)
    return decide_by_group(members, state.ledger.values(), how, connect=connect_nodes)
