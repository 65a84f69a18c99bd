"""Time decay: half as much for every half-life that a touch is older."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from oneuser.marts.attribution.models.path import Path

# a double has fifteen certain digits
_SCALE = 10**15


@dataclass(frozen=True)
class TimeDecay:
    """w_i ∝ 2^(−age ÷ half-life), `half_life` in microseconds.

    Relative to the newest touch: the same proportions, and the newest never vanishes.
    """

    half_life: float
    adds_up: ClassVar[bool] = True

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """Every touch, by its age."""
        newest = path.age(path.n - 1)
        return [
            (place, round(math.exp2((newest - path.age(place)) / self.half_life) * _SCALE)) for place in range(path.n)
        ]
