"""Parts of a line: quoted values, lists, identifiers as `type: value`."""

from __future__ import annotations

import re

from oneuser.simulation.lines import Named

_IDENTIFIER = re.compile(r"([A-Za-z_]\w*)\s*:\s*(.*)", re.DOTALL)


class Misread(Exception):  # noqa: N818 - becomes one problem of a ConfigError
    """A line cannot be read. The text says what was expected and repeats no value."""


def split_outside(text: str, separator: str) -> list[str]:
    """The parts between separators that stand outside double quotes, without white space around them."""
    parts, start, is_quoted = [], 0, False
    for place, char in enumerate(text):
        if char == '"':
            is_quoted = not is_quoted
        elif not is_quoted and place >= start and text.startswith(separator, place):
            parts.append(text[start:place].strip())
            start = place + len(separator)
    if is_quoted:
        raise Misread('a double quote is open: expected another `"`')
    return [*parts, text[start:].strip()]


def unquoted(text: str) -> str:
    """A value without the quotes around it; white space in quotes stays."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text


def read_named(text: str) -> Named:
    """An identifier as `type: value`.

    Raises:
        Misread: where it is none.
    """
    found = _IDENTIFIER.fullmatch(text)
    if found is None:
        raise Misread("expected TYPE: VALUE, such as email: ann@example.com, between commas")
    if not found[2]:
        raise Misread(f'{found[1]} has no value: expected one after the colon, or "" for an empty one')
    return Named(found[1], unquoted(found[2]))


def read_pair(text: str) -> tuple[Named, Named]:
    """Two identifiers as `type: value | type: value`.

    Raises:
        Misread: where they are not two.
    """
    ends = split_outside(text, "|")
    if len(ends) != 2:  # noqa: PLR2004 - a pair
        raise Misread("expected two identifiers, such as `user_id: 1 | email: ann@example.com`")
    return read_named(ends[0]), read_named(ends[1])
