"""Milestones: a share for the touch that led to each stage of a sale, and one for the rest. W, full path, lead U."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from oneuser.marts.attribution.models.position import scaled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.marts.attribution.models.path import Path

FIRST = "first"


@dataclass(frozen=True)
class Milestones:
    """A touch of a milestone is the last one at or before it; that of `first` is the first of the path.

    Milestones whose touch is the same add up. `rest` is split equally over the other touches up to the last of these.
    A milestone is missing that the entity had not reached at the conversion, or that has no eligible touch at or before
    it; what is missing, and a rest without touches, gets nothing, and the others divide the whole by their shares.

    Attributes:
        given: Share of each milestone in units of 10^-12.
        rest: Share of all other touches together, likewise.
    """

    given: tuple[tuple[str, int], ...]
    rest: int
    adds_up: ClassVar[bool] = True

    @classmethod
    def of(cls, *, shares: Mapping[str, float], rest: float) -> Milestones:
        """The model with shares that add up to 1 with the rest."""
        return cls(tuple((name, scaled(share)) for name, share in shares.items()), scaled(rest))

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """The touches of milestones, and those before the last of them."""
        found: dict[int, int] = {}
        for name, share in self.given:
            place = self._place_of(name, path)
            if place is not None:
                found[place] = found.get(place, 0) + share
        if not found:
            # the model has no `first`, and nothing was reached: no touch is more than another
            return [(place, 1) for place in range(path.n)]
        n_others = max(found) + 1 - len(found)
        if not n_others or not self.rest:
            return self._positive(found)
        # all multiplied by the number of others, so that a share of the rest is whole
        return [
            (place, found[place] * n_others if place in found else self.rest)
            for place in range(max(found) + 1)
            if found.get(place, self.rest)
        ]

    @staticmethod
    def _place_of(name: str, path: Path) -> int | None:
        if name == FIRST:
            return 0
        reached = path.milestones.get(name)
        return None if reached is None else path.last_until(reached)

    @staticmethod
    def _positive(found: Mapping[int, int]) -> list[tuple[int, int]]:
        shares = [(place, share) for place, share in sorted(found.items()) if share]
        # only milestones without a share were reached
        return shares or [(place, 1) for place in sorted(found)]
