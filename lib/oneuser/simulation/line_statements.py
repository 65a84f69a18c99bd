"""What the lines of a simulation say, as plain values. Values are still to be normalised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from oneuser.config.base import Place
from oneuser.core.identifier_text import NamedIdentifier


@dataclass(frozen=True, slots=True)
class Event:
    """An event, or an alias where `previous` says what its first identifier, the new one, was called before.

    `at` and `received_at` count microseconds since 1970 UTC. `consent` and `received_at` are null where the line says
    nothing about them.
    """

    line: int
    at: int
    identifiers: tuple[NamedIdentifier, ...]
    consent: Mapping[str, bool] | None = None
    received_at: int | None = None
    previous: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Block:
    """`block` and `unblock`: whether a value, or after `re:` a pattern, names nobody from now on."""

    line: int
    named: NamedIdentifier
    is_on: bool


@dataclass(frozen=True, slots=True)
class Manual:
    """`include`, `exclude`, and what takes them back."""

    line: int
    action: Literal["include", "exclude"]
    a: NamedIdentifier
    b: NamedIdentifier
    reason: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Linked:
    """`link`: a pair of an imported link table."""

    line: int
    source: str
    a: NamedIdentifier
    b: NamedIdentifier
    priority: int | None


@dataclass(frozen=True, slots=True)
class Unlinked:
    """`unlink`: a pair of a link table is gone, or, without ends, all of it."""

    line: int
    source: str
    ends: tuple[NamedIdentifier, NamedIdentifier] | None


@dataclass(frozen=True, slots=True)
class Erase:
    """`erase`: the person behind an identifier is erased before this run."""

    line: int
    named: NamedIdentifier


@dataclass(frozen=True, slots=True)
class Unsuppress:
    """`unsuppress`: messages with an erased person's identifier are accepted again."""

    line: int
    named: NamedIdentifier


@dataclass(frozen=True, slots=True)
class Setting:
    """`rule` and `set`: values of the configuration from this run on, by their places in it."""

    line: int
    values: Mapping[Place, Any]


@dataclass(frozen=True, slots=True)
class Rollback:
    """`rollback`: readers see the publication of an earlier run again."""

    line: int
    run: int


Statement = Event | Block | Manual | Linked | Unlinked | Erase | Unsuppress | Setting | Rollback
