"""What was worked out for a text, kept for when it comes again in the same task."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


class Memo(dict[str, Value]):
    """Values by the texts they are made of; `memo[text]` makes the value that is not there yet.

    It starts anew when it holds `size` of them: what comes again does so soon, and memory stays bounded.
    """

    def __init__(self, make: Callable[[str], Value], size: int) -> None:
        super().__init__()
        self._make = make
        self._size = size

    def __missing__(self, text: str) -> Value:
        value = self._make(text)
        if len(self) >= self._size:
            self.clear()
        self[text] = value
        return value
