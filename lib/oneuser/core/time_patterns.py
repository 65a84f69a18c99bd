"""Time patterns in Java's letters, as configurations write them."""

from __future__ import annotations

import re

_JAVA_LETTERS = {
    "yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "uu": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m", "dd": "%d",
    "d": "%d", "EEEE": "%A", "EEE": "%a", "E": "%a", "HH": "%H", "H": "%H", "hh": "%I", "h": "%I", "mm": "%M",
    "m": "%M", "ss": "%S", "s": "%S", "SSSSSS": "%f", "SSS": "%f", "a": "%p", "XXX": "%z", "XX": "%z", "X": "%z",
    "xxx": "%z", "xx": "%z", "Z": "%z",
}  # fmt: skip
_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|(.)", re.DOTALL)


def python_pattern(java_pattern: str) -> str:
    """A pattern in Java's letters (`yyyy-MM-dd HH:mm:ss`) as one for `strptime`.

    Raises:
        ValueError: naming the letters that have no counterpart.
    """
    parts: list[str] = []
    for token in _TOKEN.finditer(java_pattern):
        quoted, letter, other = token.group(1), token.group(2), token.group(3)
        if letter:
            if token.group(0) not in _JAVA_LETTERS:
                raise ValueError(f"{token.group(0)!r} is no known part of a time pattern")
            parts.append(_JAVA_LETTERS[token.group(0)])
        else:
            literal = other if other is not None else quoted.replace("''", "'") or "'"
            parts.append(literal.replace("%", "%%"))
    return "".join(parts)
