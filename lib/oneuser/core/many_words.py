"""Which of many values stand in a text by themselves: all of them in one pass, whatever their number.

A value stands there where `whole_words.holds` says so. Looking for them one by one takes a pass for each: with the
identifiers of ten thousand people, some twenty seconds for each megabyte. Here every place at which a word may begin
is hashed, once for each length that a value has, and the hashes are looked up; what is found is compared byte by byte.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from oneuser.core.whole_words import LONGEST_CHARACTER, holds, is_word

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    Numbers = NDArray[np.uint64]

# so many values, or fewer, are looked for one by one
_FEW = 100
# places of a text that are hashed together
_WINDOW = 1 << 20
# odd numbers, so that each has an inverse modulo 2^64
_BASE = 0x9E3779B97F4A7C15
_BITS = 16


class ManyWords:
    """Values to look for, folded as the texts are. `few` is up to which number they are looked for one by one."""

    def __init__(self, values: Collection[bytes], *, few: int = _FEW, window: int = _WINDOW) -> None:
        self._few = [value for value in values if value] if len(values) <= few else []
        self._window = window
        by_length: defaultdict[int, set[bytes]] = defaultdict(set)
        if not self._few:
            for value in values:
                by_length[len(value)].add(value)
        by_length.pop(0, None)
        self._longest = max(by_length, default=0)
        self._lengths = [_Length(length, sorted(some)) for length, some in sorted(by_length.items())]

    def found_in(self, text: bytes) -> set[bytes]:
        """The values that stand in a text, which is folded as they are."""
        found = {value for value in self._few if holds(text, value)}
        for first in range(0, len(text) if self._lengths else 0, self._window):
            # with the character before, and with the longest value that may begin here, and the character behind it
            before = min(first, LONGEST_CHARACTER)
            end = first + self._window + self._longest + LONGEST_CHARACTER
            found |= self._found_from(text[first - before : end], before)
        return found

    def _found_from(self, text: bytes, first: int) -> set[bytes]:
        """Values that begin in one window, the places of which are counted from `first` on."""
        read = np.frombuffer(text, np.uint8)
        are_words = np.append(_word_bytes(read), False)
        places = np.arange(first, min(first + self._window, len(text)))
        starts = places[(places == 0) | ~are_words[places - 1]]
        powers, inverses = _powers(self._window + self._longest + 2 * LONGEST_CHARACTER + 1)
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(_SPREAD[read] * powers[: len(text)], dtype=np.uint64)])
        found: set[bytes] = set()
        for one in self._lengths:
            alone = starts[starts <= len(text) - one.length]
            alone = alone[~are_words[alone + one.length]]
            hashes = (sums[alone + one.length] - sums[alone]) * inverses[alone]
            for place in one.places_of(hashes):
                start = int(alone[place])
                value = text[start : start + one.length]
                if value in one.values:
                    found.add(value)
        return found


class _Length:
    """The values of one length, by their hashes."""

    def __init__(self, length: int, values: Collection[bytes]) -> None:
        self.length = length
        self.values = frozenset(values)
        powers, _ = _powers(length)
        read = np.frombuffer(b"".join(values), np.uint8).reshape(-1, length)
        self._hashes = np.sort((_SPREAD[read] * powers[:length]).sum(axis=1, dtype=np.uint64))
        self._may_be = np.zeros(1 << _BITS, np.bool_)
        self._may_be[_top_bits(self._hashes)] = True

    def places_of(self, hashes: Numbers) -> Iterator[int]:
        """Places of the hashes that a value has."""
        candidates = np.flatnonzero(self._may_be[_top_bits(hashes)])
        of_candidates = hashes[candidates]
        nearest = np.minimum(np.searchsorted(self._hashes, of_candidates), len(self._hashes) - 1)
        yield from map(int, candidates[self._hashes[nearest] == of_candidates])


def _top_bits(hashes: Numbers) -> NDArray[np.intp]:
    return (hashes >> np.uint64(64 - _BITS)).astype(np.intp)


@lru_cache(maxsize=4)
def _powers(n: int) -> tuple[Numbers, Numbers]:
    """The first powers of the base, and of its inverse, modulo 2^64."""
    return tuple(_powers_of(base, n) for base in (_BASE, pow(_BASE, -1, 1 << 64)))  # type: ignore[return-value]


def _powers_of(base: int, n: int) -> Numbers:
    factors = np.full(n, base, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _spread() -> Numbers:
    """A number for each byte, which look drawn (splitmix64): texts that are alike in form have no hashes that are."""
    state = np.arange(1, 257, dtype=np.uint64) * np.uint64(_BASE)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _word_bytes(read: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """For each byte of a text whether it belongs to a character of a word. Of broken UTF-8, none does."""
    are_words = _IS_WORD[read]
    for n_bytes, lowest_lead, highest_lead, smallest in _LONGER:
        leads = np.flatnonzero((read >= lowest_lead) & (read <= highest_lead))
        leads = leads[leads <= len(read) - n_bytes]
        codes = (read[leads] & (0x7F >> n_bytes)).astype(np.intp)
        are_whole = np.ones(len(leads), np.bool_)
        for place in range(1, n_bytes):
            following = read[leads + place]
            are_whole &= (following & 0xC0) == 0x80  # noqa: PLR2004 - how UTF-8 marks a byte that goes on
            codes = (codes << 6) | (following & 0x3F)
        leads = leads[are_whole & (codes >= smallest) & _word_characters()[codes]]
        for place in range(n_bytes):
            are_words[leads + place] = True
    return are_words


@lru_cache(maxsize=1)
def _word_characters() -> NDArray[np.bool_]:
    """For each number of a character up to U+FFFF whether it is one of a word."""
    return np.array([is_word(chr(code)) for code in range(1 << 16)])


_SPREAD = _spread()
_IS_WORD = np.array([byte < 128 and is_word(chr(byte)) for byte in range(256)])  # noqa: PLR2004 - ASCII
# how UTF-8 writes characters up to U+FFFF: bytes of each, its first byte, and the smallest that is written so
_LONGER = ((2, 0xC0, 0xDF, 0x80), (3, 0xE0, 0xEF, 0x800))
