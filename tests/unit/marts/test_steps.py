"""Steps as people write them down."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.core.errors import ConfigError
from oneuser.marts.event_filters import EventFilter, PropertyTest
from oneuser.marts.steps import checked_step, checked_steps, text_of

PRO = {"event": ["Renewal", "Order"], "where": {"plan": ["pro", "team"], "n": {"present": False}}}


def test_a_step_is_a_name_or_names_with_tests_of_properties() -> None:
    tests = (PropertyTest("n", is_present=False), PropertyTest("plan", ("pro", "team")))

    assert checked_step("start", "Order") == EventFilter(("Order",))
    assert checked_step("start", PRO) == EventFilter(("Order", "Renewal"), tests)
    assert checked_steps("steps", ("A", PRO)) == [EventFilter(("A",)), EventFilter(("Order", "Renewal"), tests)]


def test_a_step_is_shown_in_words() -> None:
    assert text_of(checked_step("start", "Order")) == "Order"
    assert text_of(checked_step("start", PRO)) == "Order or Renewal (n absent, plan = pro or team)"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (3, "start: expected an event's name, .* found int"),
        ({"events": "A"}, "start: unknown key 'events'; did you mean event"),
        ({"where": {"plan": "pro"}}, "start: the name of the event is missing"),
        ({"event": ""}, "start: expected the name of an event"),
        ({"event": "A", "where": {"plan": {}}}, r"start_where\['plan'\]"),
    ],
)
def test_what_is_no_step_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        checked_step("start", written)
    with pytest.raises(ConfigError, match=r"steps\[1\]"):
        checked_steps("steps", ["A", written])


@pytest.mark.parametrize("written", [[], "A", {"event": "A"}, None])
def test_steps_are_a_list(written: Any) -> None:
    with pytest.raises(ConfigError, match="steps: expected a list of steps"):
        checked_steps("steps", written)
