"""Records of the ledger, the orders that its rules use, and the end of a person. Pure Python.

A time is a count of microseconds since 1970 UTC; first seen is (time, event order) of the earliest message that
carries an identifier. Byte strings compare as unsigned bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from oneuser.core.event_order import Moment

Status = Literal["live", "retired", "vacant", "erased"]
Survivor = Literal["strongest", "oldest"]
Change = Literal["minted", "merged", "split_from", "restored", "anchored", "vacated", "erased"]
Published = tuple[int, int, bytes, bytes]
Outcome = tuple[Status, str | None]  # status and redirect after a run

ANONYMOUS_STRENGTH = 1 << 30  # all anonymous types count as one, weaker than every known one


@dataclass(slots=True)
class Member:
    """One identifier of one component of this run.

    `previous_user` is the User ID that the last `identifier_map` gave it. `owners` are the components that own the
    intervals of a contested identifier, in order of time; an uncontested one has none.
    """

    identifier_id: int
    component_id: int
    key: bytes
    priority: int
    is_known: bool
    first_seen: Moment
    previous_user: str | None = None
    owners: tuple[int, ...] = ()

    @property
    def strength(self) -> int:
        """Strength as an anchor; smaller is stronger."""
        return self.priority if self.is_known else ANONYMOUS_STRENGTH

    @property
    def rank(self) -> tuple[bool, int, Moment, bytes]:
        """Rank among identifiers: known before anonymous, type priority, first seen, key. The smallest is the best."""
        return (not self.is_known, self.priority, self.first_seen, self.key)


@dataclass(frozen=True, slots=True)
class UserId:
    """One User ID of the ledger.

    `anchor` is the identifier that it stands on, None where it stands nowhere; then `last_anchor` is the one that it
    stood on last. `anchors` are all it ever had, each with the run that took it, in the order taken. `published` is its
    rank in the order of publication: minting run, then first seen (time, event order) and key of its anchor when
    minted. `redirect_to` is the live ID that a retired one points at; a vacant one keeps there the ID that it followed,
    which is vacant too.
    """

    user_id: str
    status: Status
    redirect_to: str | None
    anchor: int | None
    anchors: tuple[tuple[int, int], ...]
    published: Published
    status_run: int
    last_anchor: int | None = None

    @property
    def present_anchor(self) -> int | None:
        """The identifier that it stands on, or stood on last."""
        return self.last_anchor if self.anchor is None else self.anchor


@dataclass(frozen=True, slots=True)
class LineageRow:
    """One change of a User ID in a run."""

    change: Change
    user_id: str
    other_user_id: str | None
    identifier_id: int | None
    run_seq: int

    @property
    def sort_key(self) -> tuple[str, str, str, int]:
        """A total order of the rows of one run."""
        return (self.user_id, self.change, self.other_user_id or "", self.identifier_id or 0)


def end_person(
    users: Iterable[UserId], user_id: str, *, run_seq: int, residual: Collection[str] = ()
) -> tuple[list[UserId], list[LineageRow]]:
    """Erase a person from the ledger: the live ID and every ID that redirects to it become `erased`, for ever.

    They have no anchor afterwards and keep their former ones, to which no other ID moves by an upgrade.

    Args:
        users: IDs of the ledger, at least all that redirect to an ID that ends.
        user_id: Any ID of the person, also a retired one.
        run_seq: The run that erases.
        residual: What `residual_ids_of` gives: they end with the person.

    Returns:
        The changed rows of the ledger and their lineage, by User ID. Nothing where the person is erased already.

    Raises:
        KeyError: where the ID is not in the ledger.
    """
    by_id = {user.user_id: user for user in users}
    ending = {by_id[user_id].redirect_to or user_id, *residual}
    ended = [
        replace(user, status="erased", redirect_to=None, anchor=None, last_anchor=None, status_run=run_seq)
        for user in by_id.values()
        if (user.user_id in ending or user.redirect_to in ending) and user.status != "erased"
    ]
    ended.sort(key=lambda user: user.user_id)
    return ended, [LineageRow("erased", user.user_id, None, None, run_seq) for user in ended]


def residual_ids_of(
    person: str, cuts: Iterable[tuple[int, int]], owners: Mapping[int, str], residual: Collection[str]
) -> set[str]:
    """Residual IDs that `limit` or `size` cut off from a person.

    Args:
        person: A live ID.
        cuts: Identifiers that were cut off in the last run, each with what it was cut off from.
        owners: The live ID of each identifier.
        residual: Live IDs all of whose identifiers were cut off.
    """
    return {
        owners[identifier]
        for identifier, other in cuts
        if owners[other] == person and owners[identifier] in residual and owners[identifier] != person
    }


def resolve_user_id(users: dict[str, UserId], user_id: str) -> str:
    """The live ID that an ID ever published stands for, else `vacant` or `erased`. One hop at most.

    Raises:
        KeyError: where the ID is not in the ledger.
    """
    user = users[user_id]
    if user.status == "retired" and user.redirect_to is not None:
        user = users[user.redirect_to]
    return user.user_id if user.status == "live" else user.status
