"""First and last: all credit to one end of the path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from oneuser.marts.attribution.models.path import Path


@dataclass(frozen=True)
class First:
    """w_1 = 1. The same work for every length of path."""

    adds_up: ClassVar[bool] = True

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """The first touch."""
        del path
        return [(0, 1)]


@dataclass(frozen=True)
class Last:
    """w_n = 1. The same work for every length of path."""

    adds_up: ClassVar[bool] = True

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """The last touch."""
        return [(path.n - 1, 1)]
