"""Replay that follows the definitions as plainly as can be: whole sets compared, one criterion after another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cmp_to_key

from oneuser.graph.bounded_sets import Bounds, Vertex
from oneuser.graph.replay import Evidence, Refusal, Replayed
from tests.unit.graph.replay_groups import Group


def replay_plainly(group: Group, bounds: Bounds) -> Replayed:
    vertices = {vertex.identifier_id: vertex for vertex in group.vertices}
    sets = [{number} for number in vertices]
    tried: list[tuple[Evidence, str]] = []
    for edge in order_plainly(vertices, group.evidence, bounds):
        one = next(members for members in sets if edge.src in members)
        other = next(members for members in sets if edge.dst in members)
        if one is other:
            continue
        rule = broken_rule(one, other, edge, vertices, group.excluded, bounds)
        if rule:
            tried.append((edge, rule))
        else:
            one |= other
            sets.remove(other)
    labels = {number: min(members) for members in sets for number in members}
    lasting = [(edge, rule) for edge, rule in tried if labels[edge.src] != labels[edge.dst]]
    return Replayed(labels, [Refusal(edge.src, edge.dst, rule) for edge, rule in lasting])  # type: ignore[arg-type]


def broken_rule(
    one: set[int],
    other: set[int],
    edge: Evidence,
    vertices: Mapping[int, Vertex],
    excluded: Collection[tuple[int, int]],
    bounds: Bounds,
) -> str:
    union = one | other
    if any(a in union and b in union for a, b in excluded):
        return "exclude"
    if edge.is_include:
        return ""

    def breaks(id_type: str, bound: int) -> bool:
        sides = [
            len({vertices[n].value_class for n in members if vertices[n].id_type == id_type})
            for members in (one, other, union)
        ]
        return sides[2] > bound and sides[2] > max(sides[:2])

    if any(breaks(id_type, 1) for id_type in bounds.unique):
        return "unique"
    if any(breaks(id_type, limit) for id_type, limit in bounds.limits.items()):
        return "limit"
    return "size" if len(union) > bounds.max_identifiers else ""


def order_plainly(vertices: Mapping[int, Vertex], evidence: list[Evidence], bounds: Bounds) -> list[Evidence]:
    def keys(edge: Evidence) -> list[bytes]:
        return sorted([vertices[edge.src].key, vertices[edge.dst].key])

    def n_anonymous(edge: Evidence) -> int:
        return [vertices[edge.src].is_known, vertices[edge.dst].is_known].count(False)

    def is_later_choice(one: Evidence, other: Evidence) -> int:
        by_moment = compare_moments(one, other, bounds)
        return by_moment or (-1 if (one.priority, keys(one)) < (other.priority, keys(other)) else 1)

    latest: set[tuple[int, int]] = set()
    for number, vertex in vertices.items():
        mine = [edge for edge in evidence if number in {edge.src, edge.dst} and n_anonymous(edge) == 1]
        if mine and not vertex.is_known:
            chosen = min(mine, key=cmp_to_key(is_later_choice))
            latest.add((chosen.src, chosen.dst))

    def compare(one: Evidence, other: Evidence) -> int:
        places = [
            (not edge.is_include, n_anonymous(edge), (edge.src, edge.dst) not in latest, edge.priority)
            for edge in (one, other)
        ]
        if places[0] != places[1]:
            return -1 if places[0] < places[1] else 1
        return compare_moments(one, other, bounds) or (-1 if keys(one) < keys(other) else 1)

    return sorted(evidence, key=cmp_to_key(compare))


def compare_moments(one: Evidence, other: Evidence, bounds: Bounds) -> int:
    """Negative where the first one wins a conflict, 0 where they are equal."""
    is_earliest = bounds.conflict == "earliest"
    a, b = (one.first, other.first) if is_earliest else (one.last, other.last)
    if a == b:
        return 0
    if a is None or b is None:
        return 1 if a is None else -1
    return -1 if (a < b) == is_earliest else 1
