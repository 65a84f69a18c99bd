"""Disjoint sets of identifiers that refuse to become more than one person may be. Pure Python.

A union-find by size. Each set keeps the values it holds of every type that could exceed its bound, and the sets that a
manual exclude keeps it apart from. What is kept of the smaller set moves to the larger one, so that everything moves at
most log(n) times, whatever the order of the unions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from oneuser.graph.admission_order import Conflict

Rule = Literal["exclude", "unique", "limit", "size"]

_UNIQUE_BOUND = 1
_FEW = 16  # identifiers; more are worth remembering that they were compared


@dataclass(frozen=True, slots=True)
class Vertex:
    """One identifier of a candidate component.

    `value_class` is the smallest identifier of its alias class, else its own number: values of one class count once.
    """

    identifier_id: int
    key: bytes
    id_type: str
    priority: int
    is_known: bool
    value_class: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one person may hold.

    Of a type in `unique` one value, of a type in `limits` so many, an alias class counting once; `max_identifiers` in
    all. `conflict` says whether the latest or the earliest edges are the strongest.
    """

    unique: frozenset[str]
    limits: Mapping[str, int]
    max_identifiers: int
    conflict: Conflict = "latest"


class BoundedSets:
    """The components of one replay group while its edges are replayed.

    Args:
        vertices: Identifiers of the group, by number.
        excluded: Pairs that are never one person; those with an end outside the group do not matter.
        bounds: What one person may hold.
    """

    def __init__(self, vertices: Mapping[int, Vertex], excluded: Collection[tuple[int, int]], bounds: Bounds) -> None:
        self._parent = {number: number for number in vertices}
        self._size = dict.fromkeys(vertices, 1)
        self._max_size = bounds.max_identifiers
        watched = watched_types(vertices.values(), bounds)
        held: dict[str, dict[int, set[int]]] = {id_type: {} for _, id_type, _ in watched}
        for number, vertex in vertices.items():
            if vertex.id_type in held:
                held[vertex.id_type][number] = {vertex.value_class}
        self._held = list(held.values())
        self._watched = [(rule, held[id_type], bound) for rule, id_type, bound in watched]
        self._apart_from: dict[int, set[int]] = {}
        for one, other in excluded:
            if one in vertices and other in vertices and one != other:
                self._apart_from.setdefault(one, set()).add(other)
                self._apart_from.setdefault(other, set()).add(one)
        self._refused: dict[tuple[int, int], tuple[int, Rule]] = {}

    def find(self, identifier: int) -> int:
        """The identifier that stands for the set; another one after each union."""
        parent = self._parent
        while (above := parent[identifier]) != identifier:
            parent[identifier] = identifier = parent[above]
        return identifier

    def unite(self, one: int, other: int, *, is_bounded: bool = True) -> Rule | None:
        """Unite the sets of two identifiers unless a rule forbids it.

        Args:
            one: An identifier.
            other: An identifier.
            is_bounded: Whether bounds count; a manual exclude always does.

        Returns:
            The rule that refused the union. None where they are one set now.
        """
        larger, smaller = self.find(one), self.find(other)
        if larger == smaller:
            return None
        if self._size[larger] < self._size[smaller]:
            larger, smaller = smaller, larger
        if larger in self._apart_from and smaller in self._apart_from[larger]:
            return "exclude"
        rule = self._broken_bound(larger, smaller) if is_bounded else None
        if rule is None:
            self._merge(larger, smaller)
        return rule

    def labels(self) -> dict[int, int]:
        """The smallest member of each identifier's set."""
        smallest: dict[int, int] = {}
        return {number: smallest.setdefault(self.find(number), number) for number in sorted(self._parent)}

    def _broken_bound(self, larger: int, smaller: int) -> Rule | None:
        size = self._size[larger] + self._size[smaller]
        is_large = self._size[smaller] > _FEW
        if is_large and (refused := self._refused.get((larger, smaller))) is not None and refused[0] == size:
            return refused[1]
        broken: Rule | None = "size" if size > self._max_size else None
        for rule, held, bound in self._watched:
            if larger in held and smaller in held and _holds_too_many(held[larger], held[smaller], bound):
                broken = rule
                break
        if is_large and broken is not None:
            # as long as neither grows, and their sizes say so, they are refused again without comparing what they hold
            self._refused[larger, smaller] = (size, broken)
        return broken

    def _merge(self, larger: int, smaller: int) -> None:
        self._parent[smaller] = larger
        self._size[larger] += self._size.pop(smaller)
        for held in self._held:
            values = held.pop(smaller, None)
            if values is not None:
                held.setdefault(larger, values).update(values)
        others = self._apart_from.pop(smaller, None)
        if others:
            for other in others:
                self._apart_from[other].remove(smaller)
                self._apart_from[other].add(larger)
            self._apart_from.setdefault(larger, set()).update(others)


def watched_types(vertices: Iterable[Vertex], bounds: Bounds) -> list[tuple[Rule, str, int]]:
    """Rule, type and bound of every type of which the group holds more than one person may, in the order of rules."""
    values: dict[str, set[int]] = {}
    for vertex in vertices:
        values.setdefault(vertex.id_type, set()).add(vertex.value_class)
    unique: list[tuple[Rule, str, int]] = [("unique", id_type, _UNIQUE_BOUND) for id_type in sorted(bounds.unique)]
    limits: list[tuple[Rule, str, int]] = [("limit", id_type, n) for id_type, n in sorted(bounds.limits.items())]
    return [(rule, id_type, n) for rule, id_type, n in unique + limits if len(values.get(id_type, ())) > n]


def _holds_too_many(one: set[int], other: set[int], bound: int) -> bool:
    """Whether two sets hold more values together than the bound, and than the larger of them already holds."""
    larger, smaller = (one, other) if len(one) >= len(other) else (other, one)
    room = bound - len(larger)
    if len(smaller) <= room:
        return False
    n_new = 0
    for value in smaller:
        if value not in larger:
            n_new += 1
            if n_new > room:
                return True
    return False
