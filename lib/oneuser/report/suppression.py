"""Which counts of people may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

Key = TypeVar("Key", bound="Hashable")


def hidden_cells(people: Mapping[Key, int], minimum: int) -> set[Key]:
    """Cells of one column that must be hidden, where the column's total may be known.

    Every cell of 1 to `minimum` - 1 people is. If all hidden ones together still are fewer than `minimum`, what is
    left of the total would give them away: then the next smallest cells are hidden too, until they are not, or until
    nothing is left. Cells of nobody are shown and help to hide nothing. Ties go by the key's text.
    """
    order = sorted((key for key, n in people.items() if n > 0), key=lambda key: (people[key], str(key)))
    hidden: set[Key] = set()
    together = 0
    for key in order:
        is_small = people[key] < minimum
        gives_away = 0 < together < minimum
        if is_small or gives_away:
            hidden.add(key)
            together += people[key]
    return hidden
