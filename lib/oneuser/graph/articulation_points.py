"""Values that hold several people together: what would come apart if one of them were blocked.

Plain Python over one component, in time that grows with its identifiers and edges; no recursion and no Spark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# identifiers, and known ones among them
_Weight = tuple[int, int]
_UNSEEN = -1
_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Suspect:
    """A value without which its component would fall into several parts that each hold a known identifier.

    Attributes:
        identifier_id: The value.
        part_sizes: Identifiers of each part that would be left, the largest first; parts without a known identifier
            are among them.
        n_people: Parts with a known identifier.
    """

    identifier_id: int
    part_sizes: tuple[int, ...]
    n_people: int


def find_suspects(
    members: Mapping[int, bool], edges: Iterable[tuple[int, int]], messages: Iterable[Sequence[int]]
) -> list[Suspect]:
    """The suspects of one component, by their number.

    A message is linked by a star whose centre is its best identifier. Were that blocked, another one would take its
    place: what a message carries stays together without any single one of it, and nobody is a suspect merely for being
    the centre. Of two identifiers that a message carries, either is what links the other.

    Args:
        members: Every identifier of the component, and whether it is known.
        edges: Admitted edges between them; repeated ones count once.
        messages: What messages carry, three identifiers or more each, the centre of the star first. One whose star is
            not among the edges links nothing and is left out.
    """
    numbers = sorted(members)
    index_of = {number: index for index, number in enumerate(numbers)}
    neighbours = _neighbours(index_of, edges, messages)
    n_messages = len(neighbours) - len(numbers)
    weights = [(1, int(members[number])) for number in numbers] + [(0, 0)] * n_messages
    suspects = []
    for index, parts in _parts_without_each(neighbours, weights):
        n_people = sum(n_known > 0 for _, n_known in parts)
        if index < len(numbers) and n_people >= _SEVERAL:
            sizes = sorted((n for n, _ in parts if n), reverse=True)
            suspects.append(Suspect(numbers[index], tuple(sizes), n_people))
    return sorted(suspects, key=lambda suspect: suspect.identifier_id)


def _neighbours(
    index_of: Mapping[int, int], edges: Iterable[tuple[int, int]], messages: Iterable[Sequence[int]]
) -> list[list[int]]:
    """Neighbours by index: identifiers first, then a node for each message that links what it carries."""
    pairs = {(index_of[min(pair)], index_of[max(pair)]) for pair in edges if pair[0] != pair[1]}
    neighbours: list[list[int]] = [[] for _ in index_of]
    for one, other in sorted(pairs):
        neighbours[one].append(other)
        neighbours[other].append(one)
    for observed in sorted({tuple(message) for message in messages}):
        centre, *others = (index_of[number] for number in observed)
        if all((min(centre, other), max(centre, other)) in pairs for other in others):
            node = len(neighbours)
            neighbours.append([centre, *others])
            for one in (centre, *others):
                neighbours[one].append(node)
    return neighbours


def _parts_without_each(
    neighbours: Sequence[Sequence[int]], weights: Sequence[_Weight]
) -> Iterator[tuple[int, list[_Weight]]]:
    """Nodes without which their piece of the graph falls apart, each with the parts that are left of the piece.

    Depth-first search by Tarjan's low points: a subtree none of whose nodes reaches above its parent is cut off when
    the parent goes. What is not cut off from a node is one part, that of its own parent.
    """
    order = [_UNSEEN] * len(neighbours)
    low = [0] * len(neighbours)
    below = list(weights)  # of each node and, once it is left, of all nodes below it
    n_seen = 0
    for root in range(len(neighbours)):
        if order[root] != _UNSEEN:
            continue
        cut: dict[int, list[_Weight]] = {}
        order[root] = low[root] = n_seen
        n_seen += 1
        path = [(root, _UNSEEN, iter(neighbours[root]))]
        while path:
            here, parent, pending = path[-1]
            there = next(pending, None)
            if there is None:
                path.pop()
                if parent != _UNSEEN:
                    low[parent] = min(low[parent], low[here])
                    below[parent] = _sum(below[parent], below[here])
                    if low[here] >= order[parent]:
                        cut.setdefault(parent, []).append(below[here])
            elif order[there] == _UNSEEN:
                order[there] = low[there] = n_seen
                n_seen += 1
                path.append((there, here, iter(neighbours[there])))
            elif there != parent:
                low[here] = min(low[here], order[there])
        for node, parts in cut.items():
            (n, n_known), (own, own_known) = below[root], weights[node]
            rest = (n - own - sum(part[0] for part in parts), n_known - own_known - sum(part[1] for part in parts))
            yield node, [*parts, rest]


def _sum(one: _Weight, other: _Weight) -> _Weight:
    return one[0] + other[0], one[1] + other[1]
