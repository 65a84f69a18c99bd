"""Values of other people in texts of somebody, put out of sight. Pure Python, on rows that are at hand.

A message of a person may carry what several people share, or what is somebody else's. Of the text as it was received,
only these values change: every other character stays.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from oneuser.core.identifier_text import NamedIdentifier
from oneuser.core.masking import HIDDEN
from oneuser.core.whole_words import is_telling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

# strings and numbers of a JSON text; a number never begins within a string, which is read whole
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?', re.DOTALL)
# what stands between white space and marks that no identifier begins or ends with, and the marks that end a sentence
_SPELLED = re.compile(r"[^\s\"'<>()\[\]{},;:=&?|\\]+")
_ENDS = ".!/"
_WORD = r"[0-9A-Za-z\u0080-\U0010ffff]"
_LONGEST_VALUE = 2_000
_MOST_WORDS = 1_000


class TextMask:
    """Masks the values of others, and leaves those of the person.

    A string or number of a JSON text is masked if its normal form, by the rules of a type, is that of an identifier of
    others. Within a longer string a value is masked as a word, in any spelling, also percent-encoded; there values as
    short as `42` stand, since they are found everywhere.
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
        self._words = re.compile(rf"(?<!{_WORD})(?:{alternatives})(?!{_WORD})", re.IGNORECASE) if forms else None

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
        if not self._others:
            return text
        return _TOKENS.sub(self._token, text) if _is_json(text) else self._plain(text)

    def _token(self, found: re.Match[str]) -> str:
        token = found[0]
        plain = _plain_of(token)
        masked = self._plain(plain)
        return token if masked == plain else json.dumps(masked)

    def _plain(self, text: str) -> str:
        meant = self._meant(text)
        if meant & self._own:
            return text
        if meant & self._others:
            return HIDDEN
        return self._words.sub(self._word, _SPELLED.sub(self._spelled, text)) if self._words else text

    def _read(self, text: str) -> frozenset[NamedIdentifier]:
        """What a text could be, by each type."""
        if len(text) > _LONGEST_VALUE:
            return frozenset()
        forms = ((name, normalise(text)) for name, normalise in self._normalisers.items())
        return frozenset(NamedIdentifier(name, form) for name, form in forms if form)

    def _spelled(self, found: re.Match[str]) -> str:
        word = _bare(found[0])
        meant = {one for one in self._meant(unquote(word)) if is_telling(one.value)}
        is_of_others = bool(meant & self._others) and not meant & self._own
        return found[0].replace(word, HIDDEN) if is_of_others else found[0]

    def _word(self, found: re.Match[str]) -> str:
        return found[0] if found[0].lower() in self._kept else HIDDEN


def values_in(text: str) -> Iterator[str]:
    """Strings and numbers of a JSON text; any other text is one value."""
    if not _is_json(text):
        return iter([text])
    return (_plain_of(found[0]) for found in _TOKENS.finditer(text))


def words_in(value: str) -> Iterator[str]:
    """The words of a value, percent-decoded, each of which could be an identifier."""
    return (unquote(_bare(found[0])) for found in _SPELLED.finditer(value))


def _bare(word: str) -> str:
    return word.strip(_ENDS)


def _plain_of(token: str) -> str:
    return str(json.loads(token)) if token.startswith('"') else token


def _written(value: str) -> set[str]:
    """A value as it may stand in a longer text, in lower case."""
    return {value.lower(), quote(value, safe="").lower()} - {""}


def _is_json(text: str) -> bool:
    """Whether a text is an object or an array in JSON."""
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
