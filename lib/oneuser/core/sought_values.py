"""Values of several people that are looked for in texts, in whatever spelling of case, Unicode and escapes.

Two people may have the same value, and one may have asked twice: each value has all the requests that name it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from oneuser.core.many_words import ManyWords
from oneuser.core.text_readings import readings, written_forms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


class Sought:
    """Values to look for, by request. Made anew in every task: it is far larger than these."""

    def __init__(self, values: Mapping[str, Collection[str]]) -> None:
        asked: defaultdict[bytes, set[str]] = defaultdict(set)
        for request, some in values.items():
            for value in some:
                for form in written_forms(value):
                    asked[form].add(request)
        self._asked = dict(asked)
        self._words = ManyWords(self._asked)
        self._is_ascii = all(form.isascii() for form in self._asked)

    def requests_in(self, texts: Iterable[bytes]) -> set[str]:
        """Requests of which one of the texts holds a value as a word of its own."""
        return {
            request
            for text in texts
            for reading in readings(text, is_ascii=self._is_ascii)
            for value in self._words.found_in(reading)
            for request in self._asked[value]
        }
