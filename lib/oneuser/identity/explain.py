"""Why two identifiers belong together: the shortest chain of edges between them.

Plain Python over the edges of one component, which a gate keeps small; no Spark.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


@dataclass(frozen=True)
class Evidence:
    """One edge of `edges`: who asserts that two identifiers are of one person, how often and when."""

    src: int
    dst: int
    source: str
    n_events: int
    first_event_time: datetime
    last_event_time: datetime


def shortest_chain(
    edges: Iterable[Evidence], starts: Collection[int], ends: Collection[int]
) -> list[tuple[int, Evidence, int]] | None:
    """The fewest edges that lead from one of `starts` to one of `ends`, as steps (from, edge, to).

    Ties go to the smallest identifier at each step, so that the answer is always the same. An empty chain means that
    the two share an identifier; null that no chain exists. Parallel edges between two identifiers count once, the one
    with most messages.
    """
    targets = set(ends)
    if targets & set(starts):
        return []
    neighbours = _neighbours(edges)
    came_from: dict[int, tuple[int, Evidence] | None] = dict.fromkeys(sorted(starts))
    pending = deque(came_from)
    while pending:
        here = pending.popleft()
        for there, edge in neighbours.get(here, []):
            if there in came_from:
                continue
            came_from[there] = (here, edge)
            if there in targets:
                return _walk_back(came_from, there)
            pending.append(there)
    return None


def _neighbours(edges: Iterable[Evidence]) -> dict[int, list[tuple[int, Evidence]]]:
    best: dict[tuple[int, int], Evidence] = {}
    for edge in edges:
        pair = (edge.src, edge.dst)
        if pair not in best or (-edge.n_events, edge.source) < (-best[pair].n_events, best[pair].source):
            best[pair] = edge
    neighbours: dict[int, list[tuple[int, Evidence]]] = {}
    for (src, dst), edge in sorted(best.items(), key=lambda item: item[0]):
        neighbours.setdefault(src, []).append((dst, edge))
        neighbours.setdefault(dst, []).append((src, edge))
    return {here: sorted(there, key=lambda pair: pair[0]) for here, there in neighbours.items()}


def _walk_back(came_from: dict[int, tuple[int, Evidence] | None], end: int) -> list[tuple[int, Evidence, int]]:
    chain: list[tuple[int, Evidence, int]] = []
    here = end
    while (step := came_from[here]) is not None:
        before, edge = step
        chain.append((before, edge, here))
        here = before
    return chain[::-1]
