"""Which events are meant: names and tests of properties, and what is said of those that are neither."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.core.errors import ConfigError
from oneuser.marts.event_filters import EventFilter, PropertyTest, checked_filter


def test_filters_are_names_and_tests() -> None:
    where = {"plan": ["pro", "team"], "n": 5, "trial": {"present": False}, "beta": {"equals": True}}

    assert checked_filter("start", "A") == EventFilter(("A",))
    assert checked_filter("start", ["B", "A", "B"]).names == ("A", "B")
    assert checked_filter("start").names is None
    assert checked_filter("start", None, where).where == (
        PropertyTest("beta", (True,)),
        PropertyTest("n", (5,)),
        PropertyTest("plan", ("pro", "team")),
        PropertyTest("trial", is_present=False),
    )


@pytest.mark.parametrize(
    ("names", "where", "said"),
    [
        ([], None, "start: expected the name of an event"),
        (3, None, "start: expected the name of an event"),
        (None, "plan = pro", "start_where: expected a mapping"),
        (None, {"plan": {"equal": 1}}, "did you mean equals?"),
        (None, {"plan": []}, "start_where['plan']: an empty list"),
        (None, {"plan": None}, "start_where['plan']: expected a value"),
        (None, {"plan": {"present": "yes"}}, "present is true or false"),
        (None, {"mail": "ann@example.com"}, "start_where['mail']: an address names somebody"),
        (None, {"mail": {"in": ["x", "ann%40example.com"]}}, "start_where['mail']: an address names somebody"),
    ],
)
def test_what_is_no_filter_is_named(names: Any, where: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_filter("start", names, where)

    assert said in str(caught.value)
