from __future__ import annotations

import pytest

from oneuser.core.errors import OneUserError
from oneuser.core.standing import Standing, was_interrupted, what_stands


def interrupt() -> None:
    raise KeyboardInterrupt


def lose_the_connection() -> None:
    raise RuntimeError("the connection was closed")


def fail_as_java_does(*sentences: str) -> None:
    """A call into Java that is cut short after something that stands."""
    try:
        with Standing(*sentences):
            interrupt()
    except KeyboardInterrupt:
        try:
            lose_the_connection()
        except RuntimeError as problem:
            raise OneUserError(found="Spark failed") from problem


def test_what_was_cut_short_is_known_by_what_led_to_it_and_carries_what_stands() -> None:
    with pytest.raises(OneUserError) as failed:
        fail_as_java_does("run 4 is published", "run 4 is published", "its report is not")

    assert was_interrupted(failed.value)
    assert what_stands(failed.value) == ["run 4 is published", "its report is not"]


def test_what_failed_by_itself_is_no_interruption_and_notes_of_others_are_not_told() -> None:
    problem = OneUserError(found="disk full")
    problem.add_note("somebody else's")

    assert not was_interrupted(problem)
    assert what_stands(problem) == []
