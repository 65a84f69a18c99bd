"""The Markov chain of paths, and what conversion loses without a channel. Plain numbers, no Spark.

A state is the last channels of a path, the oldest first; before the first touch it is empty. How often a state was
followed by another, or by the end of the path, is all that is known of the paths. Anderl, Becker, von Wangenheim and
Schumann, "Mapping the customer journey" (2016), estimate removal effects of such a chain by walks at random; here the
equations are solved, as Kemeny and Snell do for absorbing chains ("Finite Markov Chains", 1960).
"""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

from oneuser.core.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

State = tuple[str, ...]
START: State = ()
_NAMED_IN_ERRORS = 5


class End(StrEnum):
    """How a path ends."""

    CONVERSION = "(conversion)"
    NULL = "(null)"


def solve_removal_effects(weights: Mapping[tuple[State, State | End], float]) -> dict[str, float]:
    """The share of conversions that is lost when a channel is removed: whoever would come to it never converts.

    With Q, the probabilities between states, N = (I - Q)^-1 and b the probability of conversion from each state, the
    removal effect of a channel that is one state i is N[start,i] / N[i,i] * b_i / b_start: the probability of ever
    coming to i, times that of converting from there. Where several states contain the channel, the probability of
    coming to each of them before the others takes the place of the fraction. It is solved in the chain without them,
    and nothing is found as a small difference of large numbers.

    One sparse solve per channel, over the states from which conversion can be reached.

    Args:
        weights: How often, or how probably, a state is followed by another or by an end. What is missing is 0. Only
            the proportions within one state count.

    Returns:
        The effect by channel, in order of name, between 0 and 1; 0 for all where nothing converts. Rounded to twelve
        digits, so that it does not depend on how a processor adds.

    Raises:
        CheckError: for a weight below 0, and for states from which neither end can be reached.
    """
    there = _above_zero(weights)
    if not there:
        return {}
    _refuse_endless(there)
    channels = sorted({channel for state in _states_of(there) for channel in state})
    converting = _leading_to({End.CONVERSION}, there)
    if START not in converting:
        return dict.fromkeys(channels, 0.0)
    # from any other state nothing converts, with the channel or without it
    states = sorted(converting)
    moves, leaving, ending = _matrices(states, there)
    probability = splu(leaving).solve(ending)
    effects = {}
    for channel in channels:
        removed = np.array([channel in state for state in states])
        first = _first_reached(moves, leaving, removed)
        effects[channel] = _rounded(float(first @ probability[removed] / probability[0]))
    return effects


def _above_zero(weights: Mapping[tuple[State, State | End], float]) -> dict[tuple[State, State | End], float]:
    below = [pair for pair, weight in weights.items() if weight < 0]
    if below:
        state, following = below[0]
        raise CheckError(
            found=f"{_named(state)} is followed by {_named(following)} {weights[below[0]]} times",
            expected="no number below 0: a path has at least as many journeys as conversions",
            where="the transitions of a Markov chain",
        )
    return {pair: weight for pair, weight in weights.items() if weight > 0}


def _states_of(weights: Collection[tuple[State, State | End]]) -> set[State]:
    return {START, *(one for pair in weights for one in pair if not isinstance(one, End))}


def _refuse_endless(weights: Collection[tuple[State, State | End]]) -> None:
    endless = sorted(_states_of(weights) - _leading_to(set(End), weights))
    if endless:
        names = ", ".join(_named(state) for state in endless[:_NAMED_IN_ERRORS])
        more = len(endless) - _NAMED_IN_ERRORS
        raise CheckError(
            found=f"a path never ends once it comes to: {names}{f' and {more} more' if more > 0 else ''}",
            expected=f"from each state a way to {End.CONVERSION} or {End.NULL}",
            where="the transitions of a Markov chain",
        )


def _named(state: State | End) -> str:
    return state if isinstance(state, End) else " > ".join(state) or "(start)"


def _leading_to(ends: Collection[End], weights: Collection[tuple[State, State | End]]) -> set[State]:
    """States from which one of these ends can be reached."""
    into: dict[State | End, list[State]] = defaultdict(list)
    for state, following in weights:
        into[following].append(state)
    found: set[State] = set()
    pending: list[State | End] = list(ends)
    while pending:
        news = [state for state in into[pending.pop()] if state not in found]
        found.update(news)
        pending += news
    return found


def _matrices(
    states: list[State], weights: Mapping[tuple[State, State | End], float]
) -> tuple[csc_array[np.float64], csc_array[np.float64], NDArray[np.float64]]:
    """Weights from state to state but to itself; the equations; weights of conversion.

    Each equation of (I - Q) x = r is multiplied by the weight of its state. What stays in a state drops out of it, and
    the diagonal is a sum: of a state that is nearly never left, no digit is lost.
    """
    place = {state: number for number, state in enumerate(states)}
    left, ending = np.zeros(len(states)), np.zeros(len(states))
    rows, columns, values = [], [], []
    for (state, following), weight in weights.items():
        if state not in place or following == state:
            continue
        number = place[state]
        left[number] += weight
        if following is End.CONVERSION:
            ending[number] = weight
        elif not isinstance(following, End) and following in place:
            rows.append(number)
            columns.append(place[following])
            values.append(float(weight))
    n = len(states)
    moves = csc_array((np.array(values), (rows, columns)), shape=(n, n))
    diagonal = csc_array((left, (np.arange(n), np.arange(n))), shape=(n, n))
    return moves, csc_array(diagonal - moves), ending


def _first_reached(
    moves: csc_array[np.float64], leaving: csc_array[np.float64], removed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """For each removed state the probability that a path comes to it, and to no other removed one before."""
    kept = np.flatnonzero(~removed)
    begins = np.zeros(len(kept))
    # the empty state sorts first, and no channel is in it
    begins[0] = 1.0
    visits = splu(csc_array(leaving[kept][:, kept].T)).solve(begins)
    return np.asarray(visits @ moves[kept][:, np.flatnonzero(removed)])


def _rounded(effect: float) -> float:
    return float(f"{effect:.12g}")
