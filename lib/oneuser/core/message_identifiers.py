"""The identifiers of a message: how they hang on it, which is the best, which reading of a previousId holds.

What decides among them is said here once: in Spark by columns of these names, elsewhere by rows of this shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.core.event_order import Moment

# kinds of link in `event_identifiers`
EVENT = "event"
ALIAS = "alias"  # the new id of an alias
PREVIOUS = "previous"  # the declared reading of a previousId
PREVIOUS_ANONYMOUS = "previous_anonymous"  # where none is declared, both
PREVIOUS_USER = "previous_user"
# of an identifier that its message itself names
OBSERVED = (EVENT, ALIAS)
# columns, and attributes, that put the best identifier of a message first
BEST_FIRST = ("priority", "type_rank")


def reading_holds(link: Any, is_anonymous: Any) -> Any:
    """Whether a reading of a previousId is the one that holds; of columns a column, of plain values a truth value.

    Args:
        link: Kind of link of the reading.
        is_anonymous: Whether any stored message carries the value as an anonymous id.
    """
    return (link == PREVIOUS) | ((link == PREVIOUS_ANONYMOUS) == is_anonymous)


@dataclass(frozen=True, slots=True)
class Carried:
    """One identifier of a message: a row of `event_identifiers`, with what is declared of its type.

    `type_rank` orders identifiers of one type as their keys do; the keys themselves will do.
    """

    identifier_id: int
    id_type: str
    priority: int
    type_rank: Any
    is_known: bool
    is_unique: bool
    link: str


best_first = attrgetter(*BEST_FIRST)


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message and what it carries, of declared types alone.

    `is_alias` tells an alias message, whatever is left of its ends. `preferences` say by purpose whether consent was
    given; null where the message says nothing about it.
    """

    key: bytes
    moment: Moment
    members: tuple[Carried, ...]
    is_alias: bool = False
    preferences: Mapping[str, bool] | None = None

    @property
    def names_two_people(self) -> bool:
        """Whether it carries two values of a unique type, and is no alias message."""
        value: dict[str, int] = {}
        unique = [member for member in self.members if member.is_unique and not self.is_alias]
        return any(value.setdefault(member.id_type, member.identifier_id) != member.identifier_id for member in unique)
