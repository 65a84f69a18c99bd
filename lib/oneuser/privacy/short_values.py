"""Identifiers so short that they may mean anything, where the place says that one is meant. Pure Python.

A number such as 42 stands in sizes, prices and dates of everybody's texts. It is somebody's where it is all that stands
under a key that names an identifier, in JSON whole or broken. A delimited line names no keys: there it is a field of
its own that is no mere amount or word.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from oneuser.core.whole_words import is_telling
from oneuser.privacy.spelled import DEEPEST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# one that is cut off goes on to the end of the text: a string is read once, and nothing begins within it
_STRING = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
# a list of values is as each of them; what is cut off at the end of a line still counts
_STRINGS = re.compile(
    rf"(?P<key>{_STRING})(?:\s*:\s*(?:(?P<value>{_STRING}|{_NUMBER})(?=\s*(?:[,}}\]]|\Z))"
    rf"|(?P<list>\[(?:[^\[\]{{}}\"]|{_STRING})*)))?",
    re.DOTALL,
)
_VALUES = re.compile(f"{_STRING}|{_NUMBER}", re.DOTALL)
_SEPARATORS = re.compile(r"[\t\r\n,;|]")
_NO_NAME = re.compile(r"[^0-9a-z]+")
_FEWEST_DIGITS = 5
# of whatever mapping, as objects with a type write it and as Segment's libraries do
_ALWAYS = ("id", "uid", "userId", "anonymousId", "previousId", "externalId")


def folded_names(names: Collection[str]) -> frozenset[str]:
    """Names of keys in one spelling, with those that name identifiers everywhere."""
    return frozenset(_folded(name) for name in (*names, *_ALWAYS))


def identifying_values(
    text: str, names: Collection[str], *, depth: int = DEEPEST, is_any_length: bool = False
) -> Iterator[str]:
    """Short values in a text that are meant as identifiers; of JSON, also longer ones where these are asked for.

    Args:
        text: JSON, also broken, or a delimited line.
        names: Keys that name an identifier, as `folded_names` gives them.
        depth: How deep JSON within JSON is read.
        is_any_length: Whether also those are given that tell by themselves.
    """
    if not text.lstrip().startswith(("{", "[")):
        yield from _fields(text)
        return
    for found in _STRINGS.finditer(text):
        tokens = [found["value"]] if found["value"] else _VALUES.findall(found["list"] or "")
        is_named = bool(tokens) and _folded(_plain(found["key"])) in names
        for value in map(_plain, tokens):
            if depth and value.lstrip().startswith(("{", "[")):
                yield from identifying_values(value, names, depth=depth - 1, is_any_length=is_any_length)
            elif is_named and (is_any_length or not is_telling(value)):
                yield value


def _fields(line: str) -> Iterator[str]:
    for field in _SEPARATORS.split(line):
        value = field.strip().strip("\"'").strip()
        n_digits = sum(one.isdecimal() for one in value)
        has_letter = any(one.isalpha() for one in value)
        if n_digits and (has_letter or n_digits >= _FEWEST_DIGITS) and not is_telling(value):
            yield value


def _plain(token: str) -> str:
    if not token.startswith('"'):
        return token
    for whole in (token, f'{token}"', f'{token.rstrip(chr(92))}"'):
        try:
            return str(json.loads(whole))
        except ValueError:
            continue
    return token.strip('"')


def _folded(name: str) -> str:
    return _NO_NAME.sub("", name.lower())
