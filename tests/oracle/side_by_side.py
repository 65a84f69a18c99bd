"""Several random histories in one warehouse: worlds that share rules and time, but no identifier and no message."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, islice
from random import Random

from tests.oracle.history import History, Identifier, Message, Pair, Run, pair
from tests.oracle.random_histories import random_history


def history_for_the_job(seed: int, n_together: int) -> History:
    """A random history that can go through the real job, with others beside it that ask for the same consent.

    They share one warehouse and the rules of the first, but for what names identifiers. Left out are requests of
    erasure, which the job does not take, and pairs that manual rules include and exclude, which it refuses.
    """
    first = random_history(Random(seed))
    purposes = first[0].rules.required_for_linking
    others = (random_history(Random(seed + 1_000_000 * n)) for n in count(1))
    fitting = islice((other for other in others if other[0].rules.required_for_linking == purposes), n_together - 1)
    together = [first, *fitting]
    return tuple(
        side_by_side([history[n] if n < len(history) else Run(history[-1].rules) for history in together])
        for n in range(len(first))
    )


def side_by_side(runs: list[Run]) -> Run:
    """One run of several worlds."""
    worlds = [World(str(n)) for n in range(len(runs))]
    both = list(zip(worlds, runs, strict=True))
    excluded = frozenset(world.pair(ends) for world, run in both for ends in run.rules.excluded)
    included = frozenset(world.pair(ends) for world, run in both for ends in run.rules.included)
    rules = replace(
        runs[0].rules,
        blocked=frozenset(world.identifier(i) for world, run in both for i in run.rules.blocked),
        excluded=excluded,
        included=included - excluded,
        links=frozenset(replace(li, ends=world.pair(li.ends)) for world, run in both for li in run.rules.links),
    )
    return Run(rules, arrived=tuple(world.message(m) for world, run in both for m in run.arrived))


class World:
    """Puts the identifiers of one history out of reach of another one's."""

    def __init__(self, name: str) -> None:
        self.name = name

    def identifier(self, identifier: Identifier) -> Identifier:
        return identifier[0], f"w{self.name}-{identifier[1]}"

    def pair(self, ends: Pair) -> Pair:
        return pair(*map(self.identifier, ends))

    def message(self, m: Message) -> Message:
        previous = None if m.previous is None else f"w{self.name}-{m.previous}"
        return replace(m, id=f"w{self.name}-{m.id}", ids=tuple(map(self.identifier, m.ids)), previous=previous)
