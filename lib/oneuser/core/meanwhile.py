"""What is being done, said on the way to whoever listens: the command line does, so that long work is seen to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def say(line: str) -> None:
    """Say what begins now; no harm where nobody listens."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(line)


@contextmanager
def heard_by(listener: Callable[[str], None]) -> Iterator[None]:
    """A context in which `listener` is told what this thread says."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)
