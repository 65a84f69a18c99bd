"""Histories of a deployment: what arrives, and under which rules, run by run. Plain values; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

Identifier = tuple[str, str]  # type and normalised value
Pair = tuple[Identifier, Identifier]  # the smaller one first
Order = tuple[float, float, bytes]  # time, receipt and message key, by which messages follow each other


def pair(one: Identifier, other: Identifier) -> Pair:
    """Two identifiers as an unordered pair."""
    return (one, other) if one < other else (other, one)


@dataclass(frozen=True)
class Message:
    """One accepted message.

    The new id of an alias is its user_id, or its anonymous_id where it has no user_id; `previous` is its previousId, of
    no type yet. `consent` is null where the message says nothing about purposes, `received` where nobody wrote it down.
    """

    id: str
    at: int
    ids: tuple[Identifier, ...]
    kind: Literal["event", "alias"] = "event"
    previous: str | None = None
    consent: Mapping[str, bool] | None = None
    received: int | None = None

    @property
    def new_id(self) -> Identifier | None:
        """What an alias renames to."""
        for wanted in ("user_id", "anonymous_id"):
            for identifier in self.ids:
                if self.kind == "alias" and identifier[0] == wanted:
                    return identifier
        return None


@dataclass(frozen=True)
class IdType:
    """Rules of one type of identifier."""

    priority: int
    known: bool
    unique: bool = False
    limit: int | None = None
    max_persons_per_value: int | None = None


@dataclass(frozen=True)
class Link:
    """A pair that an imported table asserts, with the priority that the table declares for itself, if any."""

    source: str
    ends: Pair
    priority: int | None = None


@dataclass(frozen=True)
class Rules:
    """The rules of one run."""

    types: Mapping[str, IdType]
    max_identifiers_per_user: int = 1000
    conflict: Literal["latest", "earliest"] = "latest"
    shared_device: Literal["time_sliced", "last_owner", "quarantine"] = "time_sliced"
    survivor: Literal["strongest", "oldest"] = "strongest"
    may_join_unique: bool = True
    previous_id_type: Literal["auto", "anonymous_id", "user_id"] = "auto"
    required_for_linking: frozenset[str] = frozenset()
    blocked: frozenset[Identifier] = frozenset()
    included: frozenset[Pair] = frozenset()
    excluded: frozenset[Pair] = frozenset()
    links: frozenset[Link] = frozenset()


@dataclass(frozen=True)
class Erasure:
    """A request between two runs: of the person that an identifier names, or of exactly that value."""

    identifier: Identifier
    scope: Literal["connected", "exact"] = "connected"


@dataclass(frozen=True)
class Run:
    """What happens before a run, in this order, and the rules it goes by."""

    rules: Rules
    erased: tuple[Erasure, ...] = ()
    arrived: tuple[Message, ...] = ()


History = tuple[Run, ...]


@dataclass(frozen=True)
class Keys:
    """Keyed hashes of identifiers and of message ids, and what User IDs are made with."""

    identifier: Callable[[Identifier], bytes]
    message: Callable[[str], bytes]
    deployment: str = "test"
    minting: bytes = field(default=b"a made-up secret of 32 bytes....", repr=False)


def hashed(*parts: str) -> bytes:
    """16 bytes that order parts as chance would."""
    return blake2b("\0".join(parts).encode(), digest_size=16).digest()


KEYS = Keys(identifier=lambda identifier: hashed(*identifier), message=hashed)
