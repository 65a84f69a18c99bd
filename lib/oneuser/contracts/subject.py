"""Whose data a row is, and by which columns that is found. Pure declarations, no I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """How rows about somebody are found in a table: a row goes with the first of its subjects that is erased.

    Attributes:
        messages: Columns that hold message keys.
        identifiers: Columns that hold numbers of identifiers.
        users: Columns that hold User IDs.
        touches: Columns that hold ids of touches, which their messages give.
        conversions: Columns that hold ids of conversions, each with the column that holds their kind: that and their
            message give them.
        is_keyed: Whether `id_type` and `id_key` name an identifier.
        texts: Columns with text as it was received, in which a value of somebody may stand, each with the column that
            holds its hash.
        kept: A column and the value that it has in rows which stay of an erased person, as the stage has left them.
        is_of_one: Whether a row that names two people says more about the second than their User ID: it is no part then
            of what the first one asks for.
        is_for_runs: Whether rows are what a run keeps for the next, made from what a person is given anyhow: no part of
            what somebody asks for. They go as others do.
    """

    messages: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()
    conversions: tuple[tuple[str, str], ...] = ()
    is_keyed: bool = False
    texts: tuple[tuple[str, str], ...] = ()
    kept: tuple[str, str] | None = None
    is_of_one: bool = False
    is_for_runs: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the subject of a row is found by."""
        keyed = ("id_type", "id_key") if self.is_keyed else ()
        paired = (name for pair in (*self.texts, *self.conversions) for name in pair)
        return (*self.messages, *self.identifiers, *self.users, *self.touches, *keyed, *paired)


# a table whose rows are about no person: files, accounts, sums, the job itself
NOBODY = Subject()
