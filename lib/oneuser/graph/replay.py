"""Constrained replay of one candidate component: which edges are admitted, and which of their ends are contested.

Pure Python: a run calls it for each group of a partition, a simulation calls it as it is. Nothing depends on the order
in which vertices and evidence are given, and nothing on the numbers of identifiers: ties are decided by keys.

A moment is (microseconds since 1970 UTC, message key); byte strings compare as unsigned bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from oneuser.graph.bounded_sets import BoundedSets, Rule, watched_types

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

Moment = tuple[int, bytes]
Conflict = Literal["latest", "earliest"]

_BEFORE_ALL = (float("-inf"), b"")
_AFTER_ALL = (float("inf"), b"")
_CUTTING: tuple[Rule, ...] = ("limit", "size")


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
class Evidence:
    """One pair of identifiers that something links, over all its sources.

    `priority` is the sum of the two type priorities, or the one that a link source declares in its place; smaller is
    stronger. `first` and `last` are None where no source knows a time: as a last moment that is older than every other,
    as a first one younger. `is_include` tells a manual include.
    """

    src: int
    dst: int
    priority: int
    first: Moment | None
    last: Moment | None
    is_include: bool = False


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """An edge (src < dst) that a rule refused and whose ends are in different components."""

    src: int
    dst: int
    rule: Rule


@dataclass(slots=True)
class Replayed:
    """What replay made of a candidate component.

    Attributes:
        labels: The smallest member of each identifier's component.
        refused: Refused edges, in the order in which they were tried.
    """

    labels: dict[int, int]
    refused: list[Refusal]


def breaks_bounds(vertices: Iterable[Vertex], excluded: Collection[tuple[int, int]], bounds: Bounds) -> bool:
    """Whether a candidate component cannot be one person and must be replayed. All others are admitted whole."""
    by_number = {vertex.identifier_id: vertex for vertex in vertices}
    return (
        len(by_number) > bounds.max_identifiers
        or bool(watched_types(by_number.values(), bounds))
        or any(one in by_number and other in by_number and one != other for one, other in excluded)
    )


def admission_order(vertices: Mapping[int, Vertex], evidence: Iterable[Evidence], conflict: Conflict) -> list[Evidence]:
    """The order in which edges are admitted, strongest first.

    (a) manual includes; (b) edges between two known identifiers, then between a known and an anonymous one, then
    between two anonymous ones; (c) of the second kind the latest of each anonymous identifier; (d) priority; (e) the
    latest; (f) the two keys, the smaller one first. `earliest` turns (c) and (e) round and compares first moments.
    """
    # one stable sort after another, from the last criterion to the first
    ordered = sorted(evidence, key=_by_priority_and_keys(vertices))
    if conflict == "latest":
        last: Callable[[Evidence], Moment | None] = attrgetter("last")
        ordered.sort(key=lambda edge: last(edge) or _BEFORE_ALL, reverse=True)
    else:
        first: Callable[[Evidence], Moment | None] = attrgetter("first")
        ordered.sort(key=lambda edge: first(edge) or _AFTER_ALL)

    has_latest: set[int] = set()  # anonymous identifiers of which the latest edge to a known one has been met
    bands: dict[tuple[bool, int, bool], list[Evidence]] = {}
    for edge in ordered:
        src, dst = vertices[edge.src], vertices[edge.dst]
        n_anonymous = 2 - src.is_known - dst.is_known
        is_latest = False
        if n_anonymous == 1:
            anonymous = edge.dst if src.is_known else edge.src
            is_latest = anonymous not in has_latest
            has_latest.add(anonymous)
        bands.setdefault((not edge.is_include, n_anonymous, not is_latest), []).append(edge)
    return [edge for band in sorted(bands) for edge in sorted(bands[band], key=attrgetter("priority"))]


def _by_priority_and_keys(vertices: Mapping[int, Vertex]) -> Callable[[Evidence], tuple[int, int, int]]:
    by_key = sorted(vertices.values(), key=lambda vertex: (vertex.key, vertex.id_type))
    rank = {vertex.identifier_id: place for place, vertex in enumerate(by_key)}

    def place(edge: Evidence) -> tuple[int, int, int]:
        one, other = rank[edge.src], rank[edge.dst]
        return (edge.priority, one, other) if one < other else (edge.priority, other, one)

    return place


def replay(
    vertices: Iterable[Vertex], evidence: Iterable[Evidence], excluded: Collection[tuple[int, int]], bounds: Bounds
) -> Replayed:
    """Admit the edges of a candidate component one after another, unless their union would break a bound.

    An edge is refused where the union would hold both ends of an excluded pair, or more values of a type than its bound
    and more than the larger side holds already, or more identifiers than one person may have. A manual include is
    refused by an exclude alone. A refusal stands only if no later edge has joined the ends.

    Args:
        vertices: All identifiers of the component.
        evidence: One for each pair, all ends among the vertices. Pairs that a manual rule excludes are not among them.
        excluded: Pairs that are never one person, also where nothing links them.
        bounds: What one person may hold, and which edges are the strongest.

    Returns:
        A label for every vertex, and the refusals that stand.
    """
    by_number = {vertex.identifier_id: vertex for vertex in vertices}
    sets = BoundedSets(by_number, excluded, bounds)
    tried: list[tuple[Evidence, Rule]] = []
    for edge in admission_order(by_number, evidence, bounds.conflict):
        rule = sets.unite(edge.src, edge.dst, is_bounded=not edge.is_include)
        if rule is not None:
            tried.append((edge, rule))
    labels = sets.labels()
    refused = [
        Refusal(min(edge.src, edge.dst), max(edge.src, edge.dst), rule)
        for edge, rule in tried
        if labels[edge.src] != labels[edge.dst]
    ]
    return Replayed(labels, refused)


def contested_ends(one: Vertex, other: Vertex) -> tuple[int, ...]:
    """Which ends of a refused edge are contested, by number.

    The anonymous one of a known and an anonymous identifier, the weaker type of two known ones (of equal types,
    neither), both of two anonymous ones.
    """
    if one.is_known != other.is_known:
        return (other.identifier_id,) if one.is_known else (one.identifier_id,)
    if not one.is_known:
        return (one.identifier_id, other.identifier_id)
    if one.priority == other.priority:
        return ()
    return (max(one, other, key=attrgetter("priority")).identifier_id,)


def contested(replayed: Replayed, vertices: Mapping[int, Vertex]) -> set[int]:
    """Identifiers that are the contested end of a refusal."""
    return _ends_of(replayed.refused, vertices)


def cut_off(replayed: Replayed, vertices: Mapping[int, Vertex]) -> set[int]:
    """Identifiers that are the contested end of a refusal by `limit` or `size`."""
    return _ends_of((refusal for refusal in replayed.refused if refusal.rule in _CUTTING), vertices)


def residual(replayed: Replayed, vertices: Mapping[int, Vertex]) -> set[int]:
    """Labels of the components all of whose identifiers were cut off: they count as no person."""
    cut = cut_off(replayed, vertices)
    return set(replayed.labels.values()) - {label for number, label in replayed.labels.items() if number not in cut}


def _ends_of(refusals: Iterable[Refusal], vertices: Mapping[int, Vertex]) -> set[int]:
    return set(chain.from_iterable(contested_ends(vertices[r.src], vertices[r.dst]) for r in refusals))
