"""What a simulation shows: plain values by names that are short and stay the same from run to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from oneuser.core.identifier_text import write_identifier
from oneuser.simulation.statement_reader import Note


@dataclass(frozen=True, order=True)
class ShownIdentifier:
    """An identifier in normalised form."""

    type: str
    value: str

    def __str__(self) -> str:
        return write_identifier(self.type, self.value)


@dataclass(frozen=True)
class Person:
    """One live User ID. `kind` is known, anonymous, or residual: cut off by a limit, and counted as no person."""

    name: str
    user_id: str
    kind: str
    identifiers: tuple[ShownIdentifier, ...]
    contested: tuple[ShownIdentifier, ...]


@dataclass(frozen=True)
class PublishedId:
    """One User ID ever published. A retired one points at a live one; `anchor` is null where it has none."""

    name: str
    user_id: str
    status: str
    redirect_to: str | None
    anchor: ShownIdentifier | None


@dataclass(frozen=True)
class Change:
    """What a run did to a User ID, in the words of `lineage`."""

    change: str
    name: str
    other: str | None
    identifier: ShownIdentifier | None


@dataclass(frozen=True)
class Refusal:
    """A pair that some evidence links and a rule keeps apart."""

    a: ShownIdentifier
    b: ShownIdentifier
    rule: str


@dataclass(frozen=True)
class Interval:
    """Who owns a contested identifier from an event on. The first interval reaches back to the beginning.

    `owner` is null where nobody does, `from_line` and `from_time` in the first interval.
    """

    owner: str | None
    from_line: int | None
    from_time: str | None


@dataclass(frozen=True)
class Contested:
    """An identifier that several people claim, and its owners over time."""

    identifier: ShownIdentifier
    owners: tuple[Interval, ...]


@dataclass(frozen=True)
class OwnedEvent:
    """One accepted event, by its line; `owner` is null where nobody owns it."""

    line: int
    time: str
    identifiers: tuple[ShownIdentifier, ...]
    owner: str | None


@dataclass(frozen=True)
class Run:
    """One run and what readers see after it.

    Attributes:
        run: Its number.
        people: Everybody, by name.
        user_ids: Every User ID ever published.
        changes: What happened to User IDs.
        refused: Pairs kept apart.
        admitted: Pairs that the last run kept apart and this one does not.
        contested: Contested identifiers.
        over_shared: Identifiers that too many people share.
        blocked: Identifiers that are blocked.
        events: Accepted events, in order of time.
        notes: Values dropped and lines not accepted.
    """

    run: int
    people: tuple[Person, ...]
    user_ids: tuple[PublishedId, ...]
    changes: tuple[Change, ...]
    refused: tuple[Refusal, ...]
    admitted: tuple[Refusal, ...]
    contested: tuple[Contested, ...]
    over_shared: tuple[ShownIdentifier, ...]
    blocked: tuple[ShownIdentifier, ...]
    events: tuple[OwnedEvent, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class RolledBack:
    """Readers see an earlier run again."""

    to: Run
    kind: Literal["rollback"] = "rollback"
