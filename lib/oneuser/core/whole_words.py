"""Whether a value stands in a text by itself, and which values say so much that finding them says something.

Texts are bytes of UTF-8, which may be broken. What makes a longer word of a value are letters and digits of scripts
that put spaces between words: quotation marks, dashes and spaces of whatever kind, and Chinese or Thai, end a word.
"""

from __future__ import annotations

import re

# scripts in which words stand without spaces, or what is attached to a word does: Thai, Lao, Tibetan, Burmese, Khmer,
# Chinese, Japanese, Korean; forms of full width; and rare characters beyond U+FFFF
_WITHOUT_SPACES = (
    "\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u19e0-\u19ff\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\ufe30-\ufe4f\uff00-\uffef\U00010000-\U0010ffff"
)
# a character of a word, for regular expressions of texts
WORD = rf"[^\W_{_WITHOUT_SPACES}]"
_WORD = re.compile(WORD)
_LETTER = re.compile(r"[^\W\d_]")
# no character that counts takes more bytes
LONGEST_CHARACTER = 3
# shorter ones are found everywhere: in sizes of files, in parts of times
_SHORTEST_NAME, _SHORTEST_NUMBER = 5, 9


def holds(text: bytes, value: bytes) -> bool:
    """Whether a value stands in a text and is not a part of a longer word there. Both in one case."""
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        before, after = text[max(start - LONGEST_CHARACTER, 0) : start], text[end : end + LONGEST_CHARACTER]
        if not (is_word(_decoded(before)[-1:]) or is_word(_decoded(after)[:1])):
            return True
        start = text.find(value, start + 1)
    return False


def is_word(character: str) -> bool:
    """Whether a character makes a longer word of what it stands beside; not where there is none."""
    return _WORD.match(character) is not None


def is_telling(value: str) -> bool:
    """Whether a value is long enough to be somebody's wherever it is found."""
    shortest = _SHORTEST_NAME if _LETTER.search(value) else _SHORTEST_NUMBER
    return len(value.strip()) >= shortest


def _decoded(some: bytes) -> str:
    return some.decode(errors="replace")
