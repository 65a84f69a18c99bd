"""From what is asserted of pairs to components, over rows that are at hand. Pure Python.

What `edges.py` and `protection.py` describe for Spark; both decide by `replay.py`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from oneuser.graph.linking import find_pairs
from oneuser.graph.replay import Evidence, breaks_bounds, contested, cuts, replay

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from oneuser.core.event_order import Moment
    from oneuser.core.message_identifiers import MessageRow
    from oneuser.graph.bounded_sets import Bounds, Vertex
    from oneuser.graph.linking import Pair

RefusalRule = Literal["unique", "limit", "size", "exclude", "over_shared"]
Node = TypeVar("Node", int, str, tuple[str, int | str])


class Assertion(NamedTuple):
    """One thing that says of a pair that it is one person: a message, an imported link, or a manual include.

    `priority` is what an imported table declares for itself, null where the types decide; `moment` is null where
    nothing is known of its time.
    """

    pair: Pair
    moment: Moment | None = None
    priority: int | None = None
    is_include: bool = False


@dataclass(frozen=True, slots=True)
class RefusedEdge:
    """A pair that some evidence links and a rule does not admit."""

    src: int
    dst: int
    rule: RefusalRule


@dataclass(frozen=True)
class Admission:
    """Components of the admitted edges, the refusals, and what the refusals contest.

    `cuts` are the identifiers that a limit or the size cut off, each with what it was cut off from.
    """

    components: dict[int, int]
    refusals: list[RefusedEdge]
    contested: frozenset[int]
    cuts: frozenset[Pair]


def assert_pairs(messages: Iterable[MessageRow]) -> Iterator[Assertion]:
    """What messages assert."""
    for message in messages:
        yield from (Assertion(pair, message.moment) for pair in find_pairs(message))


def build_edges(assertions: Iterable[Assertion], priorities: Mapping[int, int]) -> dict[Pair, Evidence]:
    """All evidence by pair.

    Args:
        assertions: What is asserted, all ends in `priorities`.
        priorities: Priority of the type of each identifier.
    """
    by_pair: dict[Pair, list[Assertion]] = defaultdict(list)
    for assertion in assertions:
        by_pair[assertion.pair].append(assertion)
    edges = {}
    for (src, dst), said in by_pair.items():
        by_types = priorities[src] + priorities[dst]
        moments = [one.moment for one in said if one.moment is not None]
        edges[src, dst] = Evidence(
            src,
            dst,
            priority=min(by_types if one.priority is None else one.priority for one in said),
            first=min(moments, default=None),
            last=max(moments, default=None),
            is_include=any(one.is_include for one in said),
        )
    return edges


def refuse_over_shared(messages: Iterable[MessageRow], over_shared: Collection[int]) -> list[RefusedEdge]:
    """The edges that linking messages would have had, were their over-shared values not dropped."""
    pairs = {assertion.pair for assertion in assert_pairs(messages)}
    return [RefusedEdge(*pair, "over_shared") for pair in pairs if pair[0] in over_shared or pair[1] in over_shared]


def admit_edges(
    vertices: Mapping[int, Vertex], edges: Mapping[Pair, Evidence], excluded: Collection[Pair], bounds: Bounds
) -> Admission:
    """Decide which edges are admitted.

    Args:
        vertices: Every identifier that is in the graph.
        edges: Evidence between them.
        excluded: Pairs that are never one person.
        bounds: What one person may hold.
    """
    refusals = [RefusedEdge(*pair, "exclude") for pair in edges if pair in excluded]
    allowed = [edge for pair, edge in edges.items() if pair not in excluded]
    components: dict[int, int] = {}
    is_contested: set[int] = set()
    are_cut: set[Pair] = set()
    for group, inside in _candidates(vertices, allowed):
        within = frozenset(pair for pair in excluded if pair[0] in group and pair[1] in group)
        members = {number: vertices[number] for number in group}
        if not breaks_bounds(members.values(), within, bounds):
            components |= dict.fromkeys(group, min(group))
            continue
        replayed = replay(members.values(), inside, within, bounds)
        components |= replayed.labels
        refusals += [RefusedEdge(one.src, one.dst, one.rule) for one in replayed.refused]
        is_contested |= contested(replayed, members)
        are_cut |= cuts(replayed, members)
    return Admission(components, refusals, frozenset(is_contested), frozenset(are_cut))


def _candidates(vertices: Iterable[int], edges: list[Evidence]) -> Iterator[tuple[set[int], list[Evidence]]]:
    """Candidate components, each with its edges."""
    root = connect([*((number, number) for number in vertices), *((edge.src, edge.dst) for edge in edges)])
    members: dict[int, set[int]] = defaultdict(set)
    inside: dict[int, list[Evidence]] = defaultdict(list)
    for number, label in root.items():
        members[label].add(number)
    for edge in edges:
        inside[root[edge.src]].append(edge)
    for label, group in members.items():
        yield group, inside[label]


def connect(pairs: Iterable[tuple[Node, Node]]) -> dict[Node, Node]:
    """The smallest node that each node of the pairs is connected with."""
    parent: dict[Node, Node] = {}

    def find(node: Node) -> Node:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in pairs:
        smaller, larger = sorted((find(one), find(other)))
        parent[larger] = smaller
    return {node: find(node) for node in list(parent)}
