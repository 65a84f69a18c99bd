"""Identifiers as people write them: `type: value`, or `type:value`.

A value may stand in double quotes, which keep white space and whatever else would have a meaning around it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from oneuser.core.suggestions import did_you_mean

_IDENTIFIER = re.compile(r"\s*([A-Za-z_]\w*)\s*:\s*(.*?)\s*", re.DOTALL)
_MOST_SHOWN = 40  # characters of what may be no type at all


class Misread(Exception):  # noqa: N818 - becomes one problem of a ConfigError
    """A text cannot be read. The message says what was expected and repeats no value."""


@dataclass(frozen=True, slots=True)
class NamedIdentifier:
    """An identifier as it is written; the value is still to be normalised."""

    id_type: str
    value: str = field(repr=False)


def read_identifier(text: str, *, where: str = "") -> NamedIdentifier:
    """An identifier as `type: value`.

    Args:
        text: The text.
        where: Where it is expected, such as `between commas`, if that is to be said.

    Raises:
        Misread: where it is none.
    """
    found = _IDENTIFIER.fullmatch(text)
    if found is None:
        raise Misread(f"expected TYPE: VALUE, such as email: ann@example.com{where and f', {where}'}")
    if not found[2]:
        raise Misread(f'{found[1]} has no value: expected one after the colon, or "" for an empty one')
    return NamedIdentifier(found[1], unquoted(found[2]))


def read_pair(text: str) -> tuple[NamedIdentifier, NamedIdentifier]:
    """Two identifiers as `type: value | type: value`.

    Raises:
        Misread: where they are not two.
    """
    ends = split_outside(text, "|")
    if len(ends) != 2:  # noqa: PLR2004 - a pair
        raise Misread("expected two identifiers, such as `user_id: 1 | email: ann@example.com`")
    return read_identifier(ends[0]), read_identifier(ends[1])


def write_identifier(id_type: str, value: str) -> str:
    """An identifier as people read it."""
    return f"{id_type}: {value}"


def no_such_type(id_type: str, known: Collection[str]) -> str:
    """What to say of a type that nothing declares."""
    expected = f"expected one of {', '.join(known)}" if known else "there is none"
    return f"no identifier type {id_type[:_MOST_SHOWN]}: {expected}{did_you_mean(id_type, known)}"


def split_outside(text: str, separator: str) -> list[str]:
    """The parts between separators that stand outside double quotes, without white space around them.

    Raises:
        Misread: where a double quote is open at the end.
    """
    parts, start, is_quoted = [], 0, False
    for index, char in enumerate(text):
        if char == '"':
            is_quoted = not is_quoted
        elif not is_quoted and index >= start and text.startswith(separator, index):
            parts.append(text[start:index].strip())
            start = index + len(separator)
    if is_quoted:
        raise Misread('a double quote is open: expected another `"`')
    return [*parts, text[start:].strip()]


def unquoted(text: str) -> str:
    """A value without the quotes around it; white space in quotes stays."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text
