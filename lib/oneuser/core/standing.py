"""What stands although something was cut short: noted on whatever ended it, and read where people are told.

Whoever publishes notes it, since whoever tells of an interruption cannot know how far a command had come.
"""

from __future__ import annotations

from types import TracebackType


class _Standing(str):
    """A note of ours, among those that others may have made."""

    __slots__ = ()


class Standing:
    """A context of what comes after something that stands: an end of it by an error carries these sentences."""

    def __init__(self, *sentences: str) -> None:
        self._sentences = sentences

    def __enter__(self) -> None:
        return

    def __exit__(
        self, _kind: type[BaseException] | None, problem: BaseException | None, _trace: TracebackType | None
    ) -> None:
        note_what_stands(problem, *self._sentences)


def note_what_stands(problem: BaseException | None, *sentences: str) -> None:
    """Note sentences on an error; no harm where there is none."""
    if problem is not None:
        for sentence in sentences:
            problem.add_note(_Standing(sentence))


def run_is_published(run_seq: int) -> str:
    """What stands of a run that was published."""
    return f"run {run_seq} is published: readers see it"


def what_stands(problem: BaseException) -> list[str]:
    """All that was noted on an error and on those that led to it."""
    notes = [note for one in reversed(_chain(problem)) for note in getattr(one, "__notes__", ())]
    return list(dict.fromkeys(str(note) for note in notes if isinstance(note, _Standing)))


def was_interrupted(problem: BaseException) -> bool:
    """Whether an interruption is what led to it: a call into Java that was cut short fails in ways of its own."""
    return any(isinstance(one, KeyboardInterrupt) for one in _chain(problem))


def _chain(problem: BaseException) -> list[BaseException]:
    """An error, what led to it, what led to that, and so on."""
    chain: list[BaseException] = []
    cause: BaseException | None = problem
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain
