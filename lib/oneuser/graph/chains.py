"""Why two identifiers belong together, or what keeps them apart: chains of edges, admitted and refused.

Plain Python over the edges of a few components, which a gate keeps small; no Spark.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping


@dataclass(frozen=True)
class Evidence:
    """One edge of `edges`: who asserts that two identifiers are of one person, how often and when.

    Times are null where what asserts it has none.
    """

    src: int
    dst: int
    source: str
    n_events: int
    first_event_time: datetime | None
    last_event_time: datetime | None


@dataclass(frozen=True)
class Refusal:
    """One open row of `refused_edges`: which rule keeps two identifiers apart, and since which run."""

    src: int
    dst: int
    rule: str
    opened_run: int
    first_event_time: datetime | None
    last_event_time: datetime | None


@dataclass(frozen=True)
class Step:
    """One edge of a chain, walked from `start` to `end`. `refusal` is null where it is admitted.

    `evidence` is null where no edge is left of the pair, as with values that too many people share.
    """

    start: int
    end: int
    evidence: Evidence | None
    refusal: Refusal | None


def find_chain(
    edges: Iterable[Evidence], refusals: Iterable[Refusal], starts: Collection[int], ends: Collection[int]
) -> list[Step] | None:
    """The chain from one of `starts` to one of `ends` with the fewest refused edges, of these the shortest.

    Without refusals that is the shortest chain of edges. Ties go to the smallest identifier at each step, so that the
    answer is always the same. An empty chain means that the two share an identifier; null that no chain exists.
    Parallel edges between two identifiers count once, the one with most messages; a pair that several rules refuse
    counts by the one that refused it first.
    """
    targets = set(ends)
    if targets & set(starts):
        return []
    neighbours = _neighbours(edges, refusals)
    came_by: dict[int, Step | None] = dict.fromkeys(starts)
    cheapest = dict.fromkeys(starts, (0, 0))
    pending = [(0, 0, number) for number in sorted(cheapest)]
    while pending:
        n_refused, n_steps, here = heappop(pending)
        if here in targets:
            return _walk_back(came_by, here)
        if cheapest[here] < (n_refused, n_steps):
            continue
        for step in neighbours.get(here, []):
            cost = (n_refused + (step.refusal is not None), n_steps + 1)
            if step.end not in cheapest or cost < cheapest[step.end]:
                cheapest[step.end], came_by[step.end] = cost, step
                heappush(pending, (*cost, step.end))
    return None


def between(pairs: Iterable[tuple[int, int]], starts: Collection[int], ends: Collection[int]) -> set[int]:
    """Everything that lies on a chain of fewest pairs from one of `starts` to one of `ends`, both included.

    Empty where no chain exists. With components for nodes and refused edges for pairs, that is where a chain of edges
    with the fewest refusals can pass.
    """
    neighbours: defaultdict[int, set[int]] = defaultdict(set)
    for one, other in pairs:
        neighbours[one].add(other)
        neighbours[other].add(one)
    from_start, from_end = _distances(neighbours, starts), _distances(neighbours, ends)
    fewest = min((from_start[end] for end in ends if end in from_start), default=None)
    return {node for node, n_pairs in from_start.items() if node in from_end and n_pairs + from_end[node] == fewest}


def between_in_rounds(
    pairs_of: Callable[[Collection[int]], Collection[tuple[int, int]] | None],
    starts: Collection[int],
    ends: Collection[int],
) -> set[int] | None:
    """The same as `between`, where the pairs are too many to be brought here: asks for those of some nodes at a time.

    Goes a pair further from one of both sides in each round, from where fewer nodes were reached last, until the two
    meet or one of them reaches nothing more. All pairs of every chain of fewest pairs have been asked for by then: its
    nodes short of the meeting point from one side, those beyond it from the other.

    Args:
        pairs_of: The pairs of some nodes, each of these in the first place; null where they are too many.
        starts: Where chains begin.
        ends: Where they end.

    Returns:
        Null where neither side can be gone on from, because its pairs are too many.
    """
    seen = [set(starts), set(ends)]
    reached = [set(starts), set(ends)]
    can_go_on = [True, True]
    pairs: set[tuple[int, int]] = set()
    while not seen[0] & seen[1]:
        if not (reached[0] and reached[1]):
            return set()
        if not any(can_go_on):
            return None
        side = min((s for s in (0, 1) if can_go_on[s]), key=lambda s: len(reached[s]))
        found = pairs_of(reached[side])
        if found is None:
            can_go_on[side] = False
            continue
        pairs.update(found)
        reached[side] = {there for _, there in found} - seen[side]
        seen[side] |= reached[side]
    return between(pairs, starts, ends)


def _distances(neighbours: Mapping[int, Collection[int]], starts: Collection[int]) -> dict[int, int]:
    found = dict.fromkeys(starts, 0)
    pending = deque(found)
    while pending:
        here = pending.popleft()
        for there in neighbours.get(here, ()):
            if there not in found:
                found[there] = found[here] + 1
                pending.append(there)
    return found


def _neighbours(edges: Iterable[Evidence], refusals: Iterable[Refusal]) -> dict[int, list[Step]]:
    best: dict[tuple[int, int], Evidence] = {}
    for edge in edges:
        pair = (edge.src, edge.dst)
        if pair not in best or (-edge.n_events, edge.source) < (-best[pair].n_events, best[pair].source):
            best[pair] = edge
    refused: dict[tuple[int, int], Refusal] = {}
    for refusal in sorted(refusals, key=lambda refusal: (refusal.opened_run, refusal.rule)):
        refused.setdefault((refusal.src, refusal.dst), refusal)
    neighbours: dict[int, list[Step]] = {}
    for src, dst in sorted(best.keys() | refused.keys()):
        facts = best.get((src, dst)), refused.get((src, dst))
        neighbours.setdefault(src, []).append(Step(src, dst, *facts))
        neighbours.setdefault(dst, []).append(Step(dst, src, *facts))
    return neighbours


def _walk_back(came_by: Mapping[int, Step | None], end: int) -> list[Step]:
    chain: list[Step] = []
    here = end
    while (step := came_by[here]) is not None:
        chain.append(step)
        here = step.start
    return chain[::-1]
