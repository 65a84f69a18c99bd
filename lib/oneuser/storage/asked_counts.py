"""What is asked of the rows of a table where they are read: to be counted by some columns, or the first of all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

How = Literal["rows", "values", "distinct", "sum", "max"]
# by name, how and of which column
Counted = dict[str, tuple[How, str]]


@dataclass(frozen=True)
class Groups:
    """What is asked of a table: one row for each combination of the values of some columns.

    Attributes:
        by: These columns; where there are none, there is one row, also of no rows at all.
        figures: By name, how and of which column: `rows` counts all of them, `values` those that are not null,
            `distinct` different ones that are not null; `sum` and `max` are null where there is none.
        where: By column, the values that it may have, none of them null; a row must fit every column that is named.
        null: Columns that must be null.
    """

    by: Sequence[str]
    figures: Mapping[str, tuple[How, str]]
    where: Mapping[str, Collection[Any]] = field(default_factory=dict)
    null: Sequence[str] = ()

    @property
    def columns(self) -> list[str]:
        """Columns that the answer is made of."""
        return list(dict.fromkeys([*self.by, *(column for _, column in self.figures.values()), *self.null]))


@dataclass(frozen=True)
class Top:
    """What is asked of a table: the `n` rows that come first by some numbers, the largest first, then by the key.

    Attributes:
        columns: What is shown of them.
        descending: These numbers, none of them null.
        n: How many.
        least: By column, the number that it has at least.
    """

    columns: Sequence[str]
    descending: Sequence[str]
    n: int
    least: Mapping[str, int] = field(default_factory=dict)
