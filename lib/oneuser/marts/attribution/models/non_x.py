"""Last and first of other channels, such as the last non-direct touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from oneuser.marts.attribution.models.path import folded

if TYPE_CHECKING:
    from oneuser.marts.attribution.models.path import Path


@dataclass(frozen=True)
class LastNonX:
    """The last touch whose channel is none of `channels` (folded); if there is none, the last touch."""

    channels: frozenset[str]
    adds_up: ClassVar[bool] = True

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """One touch. Grows with how many are passed over."""
        places = (place for place in range(path.n - 1, -1, -1) if folded(path.channel(place)) not in self.channels)
        return [(next(places, path.n - 1), 1)]


@dataclass(frozen=True)
class FirstNonX:
    """The first touch whose channel is none of `channels` (folded); if there is none, the first touch."""

    channels: frozenset[str]
    adds_up: ClassVar[bool] = True

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """One touch. Grows with how many are passed over."""
        places = (place for place in range(path.n) if folded(path.channel(place)) not in self.channels)
        return [(next(places, 0), 1)]
