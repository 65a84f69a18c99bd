"""Position-based: a share for the first touch, one for the last, one for all between. U, J and inverse J are of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from oneuser.marts.attribution.models.path import Path

_SCALE = 10**12


def scaled(share: float) -> int:
    """A share from a configuration as a whole number: 0.4 is four tenths, and no double."""
    return int(Decimal(str(share)) * _SCALE)


@dataclass(frozen=True)
class Position:
    """n = 1 → 1; n = 2 → first and last by their proportion; else first, middle ÷ (n − 2) each, last.

    The shares are in units of 10^-12; first + last is above 0.
    """

    at_first: int
    between: int
    at_last: int
    adds_up: ClassVar[bool] = True

    @classmethod
    def of(cls, *, first: float, middle: float, last: float) -> Position:
        """The model with shares that add up to 1."""
        return cls(scaled(first), scaled(middle), scaled(last))

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """Every touch, by its place."""
        n = path.n
        if n == 1:
            return [(0, 1)]
        if n == 2:  # noqa: PLR2004 - a path without a middle
            return [(0, self.at_first), (1, self.at_last)]
        # all multiplied by the number between, so that a share of the middle is whole
        n_between = n - 2
        middle = [(place, self.between) for place in range(1, n - 1)]
        return [(0, self.at_first * n_between), *middle, (n - 1, self.at_last * n_between)]
