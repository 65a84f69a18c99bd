"""Masks of identifiers for people's eyes: enough to recognise a value one knows, too little to learn one."""

from __future__ import annotations

HIDDEN = "***"
_SHOWN_FROM = 8


def mask_identifier(value: str) -> str:
    """The masked form of a value: `a***@e***.com` for an address, two characters of anything long, else `***`.

    The number of stars says nothing about the length.
    """
    local, at, domain = value.rpartition("@")
    if at and local and domain:
        name, dot, suffix = domain.rpartition(".")
        return f"{local[0]}{HIDDEN}@{(name or suffix)[0]}{HIDDEN}{dot}{suffix if name else ''}"
    return f"{value[:2]}{HIDDEN}" if len(value) >= _SHOWN_FROM else HIDDEN
