"""One path, and what a model says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Path:
    """The eligible touches of one conversion, oldest first, of equal times in the order of their ids; at least one.

    A view of longer lists: nothing is copied, so that a model that looks at the ends alone costs the same however long
    the path is. Places count from 0. Times are in microseconds since 1970.
    """

    __slots__ = ("_channels", "_first", "_times", "converted_at", "milestones", "n")

    def __init__(
        self,
        times: Sequence[int],
        channels: Sequence[str],
        *,
        converted_at: int,
        milestones: Mapping[str, int],
        first: int = 0,
    ) -> None:
        self._times, self._channels, self._first = times, channels, first
        self.n = len(times) - first
        self.converted_at = converted_at
        self.milestones = milestones

    def age(self, place: int) -> int:
        """Microseconds from a touch to the conversion."""
        return self.converted_at - self._times[self._first + place]

    def channel(self, place: int) -> str:
        """Channel of a touch."""
        return self._channels[self._first + place]

    def last_until(self, time: int) -> int | None:
        """Place of the last touch at or before a time; null where all are after it."""
        low, high = 0, self.n
        while low < high:
            middle = (low + high) // 2
            if self._times[self._first + middle] <= time:
                low = middle + 1
            else:
                high = middle
        return low - 1 if low else None


class RuleModel(Protocol):
    """A model whose credit depends on one path alone."""

    # whether the weights of a conversion add up to 1; else every share stands for the whole conversion
    adds_up: ClassVar[bool]

    def shares(self, path: Path) -> list[tuple[int, int]]:
        """Who gets something: places in path order, each with a whole share, none negative, at least one above 0.

        What is not named gets nothing. Weights and money are both dealt out by these shares.
        """
        ...


def folded(channel: str) -> str:
    """A channel as it is compared: case and blanks around it do not count, as in channel rules."""
    return channel.strip().lower()
