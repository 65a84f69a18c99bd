"""Linear: every touch the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from oneuser.marts.attribution.models.path import Path


@dataclass(frozen=True)
class Linear:
    """w_i = 1/n."""

    adds_up: ClassVar[bool] = True

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """Every touch."""
        return [(place, 1) for place in range(path.n)]
