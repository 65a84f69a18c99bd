"""The fitted attribution models by their definitions, over a table of paths as a dictionary.

Written without regard to speed, and in other ways than the real ones: removed channels lead to the end of the path and
probabilities are iterated until they stand still; Shapley values go through every order of the channels in fractions.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise, permutations
from random import Random

Path = tuple[str, ...]
Paths = dict[Path, tuple[int, int]]  # conversions and journeys by path

BEFORE = "·"  # stands where there was no touch yet
CONVERTED, LOST = "converted", "lost"
State = tuple[str, ...]


def random_paths(chance: Random, channels: str | list[str], *, n_paths: int, longest: int = 6) -> Paths:
    """Paths with repeats and rates of every size; some channels are good at it, some are not."""
    weights = [chance.choice([1, 1, 5]) for _ in channels]
    paths: Paths = {}
    for _ in range(n_paths):
        path = tuple(chance.choices(channels, weights, k=chance.randint(1, longest)))
        n_journeys = chance.choice([1, 2, 10, 1000])
        paths[path] = (chance.choice([0, 0, 0, 1, n_journeys // 3, n_journeys]), n_journeys)
    return paths


def channels_of(paths: Paths) -> list[str]:
    return sorted({channel for path in paths for channel in path})


def count_transitions(paths: Paths, order: int) -> Counter[tuple[State, State | str]]:
    """How often each state, always as long as the order, is followed by which."""
    counts: Counter[tuple[State, State | str]] = Counter()
    for path, (n_conversions, n_journeys) in paths.items():
        if not path:
            continue
        whole = (*[BEFORE] * order, *path)
        states = [whole[i : i + order] for i in range(len(path) + 1)]
        for one, following in pairwise(states):
            counts[one, following] += n_journeys
        counts[states[-1], CONVERTED] += n_conversions
        counts[states[-1], LOST] += n_journeys - n_conversions
    return +counts


def probability_of_conversion(
    counts: Counter[tuple[State, State | str]], order: int, removed: str | None = None
) -> float:
    """From the start, by iteration; whoever comes to a state with the removed channel is lost."""
    totals: Counter[State] = Counter()
    for (state, _), n in counts.items():
        totals[state] += n
    reached = dict.fromkeys(totals, 0.0)
    while True:
        after = dict.fromkeys(totals, 0.0)
        for (state, following), n in counts.items():
            if following == CONVERTED:
                after[state] += n / totals[state]
            elif isinstance(following, tuple) and removed not in following:
                after[state] += n / totals[state] * reached[following]
        if max(abs(after[state] - reached[state]) for state in totals) < 1e-15:
            return after[(BEFORE,) * order]
        reached = after


def removal_effects(paths: Paths, order: int = 1) -> dict[str, float]:
    counts = count_transitions(paths, order)
    whole = probability_of_conversion(counts, order)
    if whole == 0:
        return dict.fromkeys(channels_of(paths), 0.0)
    return {one: 1 - probability_of_conversion(counts, order, one) / whole for one in channels_of(paths)}


def worth(paths: Paths, channels: frozenset[str]) -> Fraction:
    inside = [numbers for path, numbers in paths.items() if path and set(path) <= channels]
    n_journeys = sum(n for _, n in inside)
    return Fraction(sum(n for n, _ in inside), n_journeys) if n_journeys else Fraction(0)


def shapley_values(paths: Paths) -> dict[str, Fraction]:
    channels = channels_of(paths)
    orders = list(permutations(channels))
    values = dict.fromkeys(channels, Fraction(0))
    for order in orders:
        for place, channel in enumerate(order):
            with_it, without = frozenset(order[: place + 1]), frozenset(order[:place])
            values[channel] += (worth(paths, with_it) - worth(paths, without)) / len(orders)
    return values


def path_shares(paths: Paths, model: str) -> dict[tuple[Path, int], float]:
    """Share by path and position from 1."""
    effects = removal_effects(paths)
    found = {}
    for path in paths:
        if model == "markov_path":
            weights = [effects[channel] for channel in path]
            weights = weights if any(weights) else [1.0] * len(path)
        elif model == "set_shapley":
            weights = [1 / path.count(channel) for channel in path]
        else:
            weights = [gain(paths, path, channel) / path.count(channel) for channel in path]
            weights = weights if any(weights) else [0.0] * (len(path) - 1) + [1.0] * len(path[:1])
        found |= {(path, place): weight / sum(weights) for place, weight in enumerate(weights, start=1)}
    return found


def gain(paths: Paths, path: Path, channel: str) -> float:
    without = tuple(one for one in path if one != channel)
    n_conversions, n_journeys = paths.get(without, (0, 1)) if without else (0, 1)
    return float(max(Fraction(0), Fraction(*paths[path]) - Fraction(n_conversions, n_journeys)))
