"""Values of other people in texts of somebody, put out of sight. Pure Python, on rows that are at hand.

A message of a person may carry what several people share, or what is somebody else's. Of the text as it was received,
only these values change: every other character stays.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from oneuser.core.identifier_text import NamedIdentifier
from oneuser.core.masking import HIDDEN
from oneuser.core.whole_words import WORD, is_telling
from oneuser.privacy.spelled import DEEPEST, JSON_TOKENS, LONGEST_VALUE, is_json, meant_by, places, plain_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_MOST_WORDS = 10_000


class _Found(NamedTuple):
    """Where an identifier stands in a text, and whether it is the person's own."""

    start: int
    end: int
    is_own: bool


class TextMask:
    """Masks the values of others, and leaves those of the person.

    A string or number of a JSON text, and of JSON within it, is masked if its normal form, by the rules of a type, is
    that of an identifier of others. Within a longer string a value is masked wherever `spelled` finds it, in any
    spelling, also with escapes; there values as short as `42` stand, since they are found everywhere.
    """

    def __init__(
        self,
        *,
        own: Collection[NamedIdentifier],
        others: Collection[NamedIdentifier],
        normalisers: Mapping[str, Callable[[str], str | None]],
    ) -> None:
        """Masks `others`; both are normalised. `normalisers` by type; values of other types are taken as they are."""
        self._own = frozenset(own)
        self._others = frozenset(others)
        types = {one.id_type for one in (*own, *others)}
        self._normalisers = {id_type: normalisers.get(id_type, str) for id_type in sorted(types)}
        # most words of a person's messages come again and again
        self._meant = lru_cache(maxsize=_MOST_WORDS)(self._read)
        self._kept = {form for one in own for form in _written(one.value)}
        masked = {form for one in others if is_telling(one.value) for form in _written(one.value)}
        # the longest first, those of the person too: a part of their own value is not masked
        forms = sorted(self._kept | masked, key=lambda form: (-len(form), form)) if masked else []
        alternatives = "|".join(map(re.escape, forms))
        self._words = re.compile(rf"(?<!{WORD})(?:{alternatives})(?!{WORD})", re.IGNORECASE) if forms else None

    def identifiers(self, carried: Collection[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Identifiers of a message, with values and hashes for those of the person alone."""
        return [
            dict(one)
            if NamedIdentifier(one["id_type"], one["id_value"]) in self._own
            else {**one, "id_key": None, "id_value": HIDDEN}
            for one in carried
        ]

    def text(self, text: str) -> str:
        """A text without the values of others; JSON stays JSON."""
        return self._text(text, DEEPEST) if self._others else text

    def _text(self, text: str, depth: int) -> str:
        """`depth` is how far JSON within JSON is read."""
        if not depth or not is_json(text):
            return self._plain(text)
        return JSON_TOKENS.sub(lambda found: self._token(found[0], depth - 1), text)

    def _token(self, token: str, depth: int) -> str:
        plain = plain_of(token)
        masked = self._text(plain, depth)
        return token if masked == plain else json.dumps(masked)

    def _plain(self, text: str) -> str:
        meant = self._meant(text)
        if meant & self._own:
            return text
        if meant & self._others:
            return HIDDEN
        return self._without(text, self._found(text)) if self._words else text

    def _read(self, text: str) -> frozenset[NamedIdentifier]:
        """What a text could be, by each type."""
        if len(text) > LONGEST_VALUE:
            return frozenset()
        forms = ((name, normalise(text)) for name, normalise in self._normalisers.items())
        return frozenset(NamedIdentifier(name, form) for name, form in forms if form)

    def _found(self, text: str) -> list[_Found]:
        """Places of identifiers, which may overlap."""
        found = []
        for start, end in set(places(text)):
            meant = {one for form in meant_by(text[start:end]) for one in self._meant(form) if _is_all(one, form)}
            if meant & self._own:
                found.append(_Found(start, end, is_own=True))
            elif meant & self._others:
                found.append(_Found(start, end, is_own=False))
        words = self._words.finditer(text) if self._words else ()
        return [*found, *(_Found(*word.span(), is_own=word[0].lower() in self._kept) for word in words)]

    @staticmethod
    def _without(text: str, found: list[_Found]) -> str:
        """A text without what others' is of it: of places that overlap the longest counts, and the person's own."""
        taken: list[_Found] = []
        for one in sorted(found, key=lambda one: (one.start - one.end, not one.is_own, one.start)):
            place = bisect_left(taken, one)
            is_free_before = not place or taken[place - 1].end <= one.start
            is_free_behind = place == len(taken) or one.end <= taken[place].start
            if is_free_before and is_free_behind:
                taken.insert(place, one)
        parts, end = [], 0
        for one in taken:
            parts += [text[end : one.start], text[one.start : one.end] if one.is_own else HIDDEN]
            end = one.end
        return "".join([*parts, text[end:]])


def _is_all(meant: NamedIdentifier, form: str) -> bool:
    """Whether a text is an identifier and nothing more, and not too short for that.

    A telephone number is read out of whatever stands around it.
    """
    number = meant.value.removeprefix("+")
    is_number = number != meant.value and number.isdigit()
    return is_telling(meant.value) and not (is_number and any(char.isalpha() for char in form))


def _written(value: str) -> set[str]:
    """A value as it may stand in a longer text, in lower case."""
    return {value.lower(), quote(value, safe="").lower()} - {""}
