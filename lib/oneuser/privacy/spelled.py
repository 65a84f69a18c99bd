"""Where identifiers may stand in a text, and what is written there. Pure Python, on texts that are at hand.

Nobody can tell an identifier by its looks alone, so what is found are places that overlap: all that stands between
white space, the parts of that, fields of a line, addresses by their form, and groups of digits that may be a telephone
number. What is meant by one is for the normalisers to say.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from oneuser.core.text_readings import without_escapes
from oneuser.core.whole_words import WORD

if TYPE_CHECKING:
    from collections.abc import Iterator

# strings and numbers of a JSON text; a number never begins within a string, which is read whole
JSON_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?', re.DOTALL)
LONGEST_VALUE = 2_000
# JSON within JSON, and links within that
DEEPEST = 5
_SPACED = re.compile(r"\S+")
# what stands between white space, marks that no identifier begins or ends with, and escapes that write these
_PARTS = re.compile(r"\\{1,8}[bfnrt\"/]|(?P<part>(?:[^\s\"'<>()\[\]{},;:=&?|\\]|\\{1,8}[uU][0-9A-Fa-f]{4})+)")
# fields of a delimited line, and strings of JSON that is broken: names of several words
_FIELDS = re.compile(r"[^\t\r\n\",;|]+")
# marks that end a sentence
_ENDS = ".!/"
_LOCAL = rf"(?:{WORD}|[_.%+'-])"
# the domain in letters of all scripts, and of those alone that put spaces between words
_ADDRESSES = [
    re.compile(rf"(?<!{_LOCAL}){_LOCAL}{{1,64}}@(?:(?:{letter}|-){{1,63}}\.){{1,8}}(?:{letter}|-){{2,63}}")
    for letter in (r"[^\W_]", WORD)
]
_DIGITS = re.compile(r"\d+")
_BETWEEN_DIGITS = re.compile(r"[ \u00a0\u2007\u2009\u202f()./\-\u2010-\u2013]{1,3}")
_BEFORE_DIGITS = "+("
_EXTENSION = re.compile(r"[^\w\n]{0,3}(?:[^\W\d_]{1,12}|#)[\s.:=]{0,3}\d{1,7}")
# of a telephone number, with what is dialled before it
_FEWEST_DIGITS, _MOST_DIGITS = 7, 18


def places(text: str) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of what in a text may be an identifier, some of them more than once."""
    for found in _SPACED.finditer(text):
        yield from _fitting(_inner(text, *found.span()))
    for found in _FIELDS.finditer(text):
        yield from _fitting(_inner(text, *found.span()))
    for found in _PARTS.finditer(text):
        if found["part"] is not None:
            start, end = found.span()
            yield from _fitting(_inner(text, start, end))
            while start < end and text[start] in _ENDS:
                start += 1
            while start < end and text[end - 1] in _ENDS:
                end -= 1
            yield from _fitting((start, end))
    for address in _ADDRESSES:
        yield from (found.span() for found in address.finditer(text))
    yield from _numbers(text)


def meant_by(written: str) -> Iterator[str]:
    """What is written at a place: as it stands, and with its escapes undone, layer by layer."""
    yield written
    for _ in range(DEEPEST):
        if "%" not in written and "\\" not in written:
            return
        undone = without_escapes(written.encode(errors="replace")).decode(errors="replace")
        if undone == written:
            return
        yield undone
        written = undone


def values_in(text: str, *, depth: int = DEEPEST) -> Iterator[str]:
    """Strings and numbers of a JSON text, and of the JSON in these; any other text is one value."""
    if not depth or not is_json(text):
        yield text
        return
    for found in JSON_TOKENS.finditer(text):
        yield from values_in(plain_of(found[0]), depth=depth - 1)


def candidates(text: str) -> Iterator[str]:
    """Whatever in a text could be an identifier, some of it more than once."""
    for value in values_in(text):
        whole = (value, *(found[0] for found in _SPACED.finditer(value)))
        yield from (one for one in whole if len(one) <= LONGEST_VALUE)
        for start, end in places(value):
            yield from meant_by(value[start:end])


def plain_of(token: str) -> str:
    """What a string or number of a JSON text says."""
    return str(json.loads(token)) if token.startswith('"') else token


def is_json(text: str) -> bool:
    """Whether a text is an object or an array in JSON."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _fitting(place: tuple[int, int]) -> Iterator[tuple[int, int]]:
    start, end = place
    if 0 < end - start <= LONGEST_VALUE:
        yield place


def _inner(text: str, start: int, end: int) -> tuple[int, int]:
    """A place without what is neither letter nor digit at its ends."""
    while start < end and not text[start].isalnum():
        start += 1
    while start < end and not text[end - 1].isalnum():
        end -= 1
    return start, end


def _numbers(text: str) -> Iterator[tuple[int, int]]:
    """Neighbouring groups of digits that together are as long as a telephone number, also with an extension."""
    groups = [found.span() for found in _DIGITS.finditer(text)]
    for first, (start, _) in enumerate(groups):
        before = start
        while before and start - before < len(_BEFORE_DIGITS) and text[before - 1] in _BEFORE_DIGITS:
            before -= 1
        n_digits, last = 0, start
        for begin, end in groups[first : first + _MOST_DIGITS]:
            n_digits += end - begin
            if n_digits > _MOST_DIGITS or (begin > last and not _BETWEEN_DIGITS.fullmatch(text, last, begin)):
                break
            last = end
            if n_digits >= _FEWEST_DIGITS:
                yield before, end
                extension = _EXTENSION.match(text, end)
                if extension is not None:
                    yield before, extension.end()
