"""Masks of identifiers for people's eyes: enough to recognise a value one knows, too little to learn one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"
_SHOWN_FROM = 8
# of a path only what lies between slashes; as it stands in a link, too
_ADDRESS = re.compile(r"[^\s/@'\"=:,;()\[\]{}<>]+(?:@|%40)[^\s/@'\"=:,;()\[\]{}<>]+")
# as a telephone or an account number has them, and nothing else; fewer are days, sizes and limits
_DIGITS = re.compile(r"\+?(?:[\s().-]*\d){9,}")
# a day, or a time of it, that no further digits make part of a number
_MOMENT = re.compile(
    r"(?<![\d+.-])\d{4}-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:[+-][01]\d:?[0-5]\d)?)?"
    r"(?![\s().-]*\d)"
)


def mask_identifier(value: str) -> str:
    """The masked form of a value: `a***@e***.com` for an address, two characters of anything long, else `***`.

    The number of stars says nothing about the length.
    """
    local, at, domain = value.rpartition("@")
    if at and local and domain:
        name, dot, suffix = domain.rpartition(".")
        return f"{local[0]}{HIDDEN}@{(name or suffix)[0]}{HIDDEN}{dot}{suffix if name else ''}"
    return f"{value[:2]}{HIDDEN}" if len(value) >= _SHOWN_FROM else HIDDEN


def has_address(text: str) -> bool:
    """Whether an e-mail address stands in a text, be it percent-encoded."""
    return _ADDRESS.search(text) is not None


def hide_typed(text: str, typed: Iterable[str]) -> str:
    """A text without the addresses and numbers that somebody has typed: what it repeats of them is masked.

    Args:
        text: What is about to be shown.
        typed: Words of a command line. Of those with a slash, which are paths, nothing is hidden, nor are days and
            times.
    """
    words = [word for word in typed if "/" not in word]
    found = {match for word in words for match in _ADDRESS.findall(word)}
    parts = [part for word in words for part in re.split(r"[=:]", _MOMENT.sub("=", word))]
    found |= {part for part in parts if _DIGITS.fullmatch(part.strip())}
    for value in sorted(found, key=len, reverse=True):
        text = text.replace(value, mask_identifier(value))
    return text
