"""A stage that touches a table which it has not declared stops before the table is touched, and says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.contracts.graph import COMPONENTS, EDGES
from oneuser.contracts.raw import EVENTS
from oneuser.core.errors import OneUserError
from oneuser.inspection.read_only import ReadOnlyContext
from oneuser.stages.context import RunContext


def context(**facts: Any) -> RunContext:
    """A context without a session: what is refused never gets that far."""
    names = ("spark", "config", "warehouse", "keys", "tag", "as_of", "inputs", "log")
    return RunContext(**dict.fromkeys(names), tables={EVENTS.name: 0}, **facts)  # type: ignore[arg-type]


def test_a_table_that_is_not_declared_cannot_be_read() -> None:
    ctx = context(stage="sessions", may_read=frozenset({EDGES.name}))

    with pytest.raises(ValueError, match=r"stage sessions reads table events.* among the `reads`.* waits"):
        ctx.read(EVENTS)


@pytest.mark.parametrize("touch", ["append", "replace", "delete"])
def test_a_table_that_is_not_declared_cannot_be_written(touch: str) -> None:
    ctx = context(stage="graph", may_read=frozenset({EVENTS.name}), may_write=frozenset({COMPONENTS.name}))
    more = {"on": ["message_key"]} if touch == "delete" else {}

    with pytest.raises(ValueError, match=r"stage graph writes table events.* among the `writes`.* not published"):
        getattr(ctx, touch)(EVENTS, None, **more)


def test_a_question_cannot_write_and_says_so() -> None:
    names = ("spark", "config", "warehouse", "keys", "tag", "as_of", "inputs", "log")
    ctx = ReadOnlyContext(**dict.fromkeys(names), tables={EVENTS.name: 0}, stage="verify")  # type: ignore[arg-type]
    nothing: Any = None

    for write in (
        lambda: ctx.append(EVENTS, nothing),
        lambda: ctx.replace(EVENTS, nothing),
        lambda: ctx.delete(EVENTS, nothing, ["message_key"]),
        lambda: ctx.delete_rows(EVENTS, nothing),
        lambda: ctx.replace_within(EDGES, nothing, None),
        lambda: ctx.tell("touched", nothing),
    ):
        with pytest.raises(OneUserError, match=r"verify was about to write table (events|edges|changes)\b"):
            write()
