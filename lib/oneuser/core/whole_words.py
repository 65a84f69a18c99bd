"""Whether a value stands in a text by itself, and which values say so much that finding them says something."""

from __future__ import annotations

import re

_WORD = re.compile(rb"[0-9A-Za-z\x80-\xff]")
_LETTER = re.compile(r"[^\W\d_]")
# shorter ones are found everywhere: in sizes of files, in parts of times
_SHORTEST_NAME, _SHORTEST_NUMBER = 5, 9


def holds(text: bytes, value: bytes) -> bool:
    """Whether a value stands in a text and is not a part of a longer word there. Both in one case."""
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        if not (_WORD.match(text[max(start - 1, 0) : start]) or _WORD.match(text[end : end + 1])):
            return True
        start = text.find(value, start + 1)
    return False


def is_telling(value: str) -> bool:
    """Whether a value is long enough to be somebody's wherever it is found."""
    shortest = _SHORTEST_NAME if _LETTER.search(value) else _SHORTEST_NUMBER
    return len(value) >= shortest
