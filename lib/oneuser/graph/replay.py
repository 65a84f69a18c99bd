"""Constrained replay of one candidate component: which edges are admitted, and which of their ends are contested.

Pure Python: a run calls it for each group of a partition, a simulation calls it as it is. Nothing depends on the order
in which vertices and evidence are given, and nothing on surrogate ids: ties are decided by keys.

A moment is (microseconds since 1970 UTC, event order); byte strings compare as unsigned bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from oneuser.graph.admission_order import Conflict, EdgeColumns, moment_columns, order_edges, rank_keys
from oneuser.graph.bounded_sets import BoundedSets, Bounds, Rule, Vertex, watched_types

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from oneuser.core.event_order import Moment

_NO_MOMENT: Moment = (0, b"")
_CUTTING: tuple[Rule, ...] = ("limit", "size")


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
    """The edges of a candidate component in the order of `admission`, strongest first."""
    edges = list(evidence)
    index = {number: n for n, number in enumerate(vertices)}
    moments = list(map(attrgetter("last" if conflict == "latest" else "first"), edges))
    known = [moment or _NO_MOMENT for moment in moments]
    columns = EdgeColumns(
        group=np.zeros(len(edges), np.int64),
        src=np.array([index[edge.src] for edge in edges], np.int64),
        dst=np.array([index[edge.dst] for edge in edges], np.int64),
        priority=np.array([edge.priority for edge in edges], np.int64),
        is_include=np.array([edge.is_include for edge in edges], bool),
        moment=moment_columns(
            np.array([at for at, _ in known], np.int64),
            [key for _, key in known],
            np.array([moment is not None for moment in moments], bool),
            conflict,
        ),
    )
    is_known = np.array([vertex.is_known for vertex in vertices.values()], bool)
    order = order_edges(columns, is_known, rank_keys([vertex.key for vertex in vertices.values()]))
    return [edges[n] for n in order.tolist()]


def replay(
    vertices: Iterable[Vertex], evidence: Iterable[Evidence], excluded: Collection[tuple[int, int]], bounds: Bounds
) -> Replayed:
    """Admit the edges of a candidate component one after another, unless their union would break a bound.

    An edge is refused where the union would hold both ends of an excluded pair, or more values of a type than its bound
    and more than the larger side holds already, or more identifiers than one person may have. A manual include is
    refused by an exclude alone. A refusal holds only if no later edge has joined the ends.

    Args:
        vertices: All identifiers of the component.
        evidence: One for each pair, all ends among the vertices. Pairs that a manual rule excludes are not among them.
        excluded: Pairs that are never one person, also where nothing links them.
        bounds: What one person may hold, and which edges are the strongest.

    Returns:
        A label for every vertex, and the refusals that hold.
    """
    by_number = {vertex.identifier_id: vertex for vertex in vertices}
    ordered = admission_order(by_number, evidence, bounds.conflict)
    return admit(by_number, ((edge.src, edge.dst, edge.is_include) for edge in ordered), excluded, bounds)


def admit(
    vertices: Mapping[int, Vertex],
    ordered: Iterable[tuple[int, int, bool]],
    excluded: Collection[tuple[int, int]],
    bounds: Bounds,
) -> Replayed:
    """Replay edges that are in the admission order already: their two ends, and whether they are manual includes."""
    sets = BoundedSets(vertices, excluded, bounds)
    tried: list[tuple[int, int, Rule]] = []
    for src, dst, is_include in ordered:
        rule = sets.unite(src, dst, is_bounded=not is_include)
        if rule is not None:
            tried.append((src, dst, rule))
    labels = sets.labels()
    refused = [Refusal(min(src, dst), max(src, dst), rule) for src, dst, rule in tried if labels[src] != labels[dst]]
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
    """Identifiers that are the contested end of a refusal, by any rule but `exclude`.

    Somebody who says that two identifiers are not one person does not say that either has the other's events.
    """
    refusals = [refusal for refusal in replayed.refused if refusal.rule != "exclude"]
    return set(chain.from_iterable(contested_ends(vertices[r.src], vertices[r.dst]) for r in refusals))


def cuts(replayed: Replayed, vertices: Mapping[int, Vertex]) -> set[tuple[int, int]]:
    """Identifiers that are the contested end of a refusal by `limit` or `size`, each with what it was cut off from."""
    refusals = [refusal for refusal in replayed.refused if refusal.rule in _CUTTING]
    return {
        (end, refusal.dst if end == refusal.src else refusal.src)
        for refusal in refusals
        for end in contested_ends(vertices[refusal.src], vertices[refusal.dst])
    }


def cut_off(replayed: Replayed, vertices: Mapping[int, Vertex]) -> set[int]:
    """Identifiers that `limit` or `size` cut off."""
    return {identifier for identifier, _ in cuts(replayed, vertices)}


def residual(replayed: Replayed, vertices: Mapping[int, Vertex]) -> set[int]:
    """Labels of the components all of whose identifiers were cut off: they count as no person."""
    cut = cut_off(replayed, vertices)
    return set(replayed.labels.values()) - {label for number, label in replayed.labels.items() if number not in cut}
