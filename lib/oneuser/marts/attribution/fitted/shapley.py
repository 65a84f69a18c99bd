"""Shapley values of channels: what each adds to the rate of conversion. Plain numbers, no Spark.

v(S), the worth of a set of channels, is conversions ÷ journeys over the journeys that touched no channel outside of S;
0 where there is none. A channel's value is what it adds to v when the channels come one after the other, on average
over all orders in which they can (Shapley, "A value for n-person games", 1953). The values add up to v of all channels.
A channel whose journeys convert less than those of the others has a value below 0.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# sums of rates are certain to some units in the last place of a double: what is below this part of the highest rate
# is 0, and not a value that happens to be negative
_CERTAIN = 1e-15


def solve_shapley_values(
    counts: Mapping[tuple[str, ...], tuple[int, int]], *, exact_up_to: int, samples: int, seed: int
) -> dict[str, float]:
    """The value of each channel.

    Exact values take time and memory that double with each channel. Sampled ones take time that grows with the samples
    and with the sets of channels that there are; their error halves with four times as many samples. They add up to v
    of all channels as exact ones do.

    Args:
        counts: Conversions and journeys by the channels that a journey touched, each named once. None is empty.
        exact_up_to: With how many channels all orders are counted; with more, some are drawn.
        samples: How many orders are drawn.
        seed: Which. Orders are made of hashes of the channels' names, so that the same are drawn everywhere.

    Returns:
        The value by channel, in order of name: between -1 and 1.
    """
    channels = sorted({channel for one in counts for channel in one})
    if not channels:
        return {}
    if len(channels) <= exact_up_to:
        rates = _rates_of_all_sets(channels, counts)
        values, highest = _exact(len(channels), rates), float(rates.max())
    else:
        values, highest = _sampled(channels, counts, samples=samples, seed=seed)
    certain = [0.0 if abs(value) <= _CERTAIN * highest else value for value in values]
    return dict(zip(channels, certain, strict=True))


def _rates_of_all_sets(
    channels: Sequence[str], counts: Mapping[tuple[str, ...], tuple[int, int]]
) -> NDArray[np.float64]:
    """The rate v of each set; a set is a number, whose bits say which channels are in it."""
    bit = {channel: 1 << place for place, channel in enumerate(channels)}
    totals = np.zeros((2, 1 << len(channels)), dtype=np.int64)
    for of_journey, numbers in counts.items():
        totals[:, sum(bit[channel] for channel in of_journey)] += numbers
    for place in range(len(channels)):
        # to each set with the channel add what the same set has without it: in the end, what all its subsets have
        with_and_without = totals.reshape(2, -1, 2, 1 << place)
        with_and_without[:, :, 1] += with_and_without[:, :, 0]
    return _rates(totals[0], totals[1])


def _rates(conversions: NDArray[np.int64], journeys: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(conversions, journeys, out=np.zeros(conversions.shape), where=journeys > 0)


def _exact(n: int, rates: NDArray[np.float64]) -> list[float]:
    sets = np.arange(1 << n)
    sizes = np.zeros_like(sets)
    for place in range(n):
        sizes += sets >> place & 1
    # of all orders, those in which exactly these came before
    part = np.array([1 / (n * math.comb(n - 1, size)) for size in range(n)] + [0.0])
    values = []
    for place in range(n):
        without = sets[sets & (1 << place) == 0]
        added = (rates[without | (1 << place)] - rates[without]) * part[sizes[without]]
        values.append(math.fsum(added))
    return values


def _sampled(
    channels: Sequence[str], counts: Mapping[tuple[str, ...], tuple[int, int]], *, samples: int, seed: int
) -> tuple[list[float], float]:
    number = {channel: place for place, channel in enumerate(channels)}
    members = np.array([number[channel] for of_journey in counts for channel in of_journey])
    begins = np.cumsum([0, *(len(of_journey) for of_journey in counts)])[:-1]
    numbers = np.array(list(counts.values()), dtype=np.int64)
    added = np.empty((samples, len(channels)))
    highest = 0.0
    for sample in range(samples):
        order = _order(channels, sample=sample, seed=seed)
        rank = np.empty(len(channels), dtype=np.int64)
        rank[order] = np.arange(len(channels))
        # a journey counts from the moment on at which the last of its channels has come
        complete = np.maximum.reduceat(rank[members], begins)
        totals = np.zeros((len(channels), 2), dtype=np.int64)
        np.add.at(totals, complete, numbers)
        totals = totals.cumsum(axis=0)
        rates = _rates(totals[:, 0], totals[:, 1])
        added[sample, order] = np.diff(rates, prepend=0.0)
        highest = max(highest, float(rates.max()))
    return [math.fsum(of_channel) / samples for of_channel in added.T], highest


def _order(channels: Sequence[str], *, sample: int, seed: int) -> list[int]:
    def drawn(place: int) -> bytes:
        text = f"{seed} {sample} {channels[place]}"
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    return sorted(range(len(channels)), key=drawn)
