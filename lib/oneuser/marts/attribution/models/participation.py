"""Participation: every channel of a path the whole conversion. The only model here that does not add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from oneuser.marts.attribution.models.path import Path


@dataclass(frozen=True)
class Participation:
    """1 for each distinct channel, on its first touch: how many conversions a channel had a part in."""

    adds_up: ClassVar[bool] = False

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """The first touch of each channel."""
        first: dict[str, int] = {}
        for place in range(path.n):
            first.setdefault(path.channel(place), place)
        return [(place, 1) for place in first.values()]
