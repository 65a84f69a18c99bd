"""What the design has and this version does not is refused with a text, never ignored."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.config import NOT_YET
from tests.unit.config.config_samples import changed, problems_of

REFUSED = [
    ("sources/shop/format", "delta"),
    ("sources/web/preset", "rudderstack"),
    ("channels", [{"name": "ads", "channel": "Ads", "when": {"utm_id": {"equals": "7"}}}]),
    ("audiences", {"at_risk": {}}),
    ("spark/packages", ["a:b:1"]),
]


@pytest.mark.parametrize(("key", "value"), REFUSED, ids=lambda part: str(part)[:40])
def test_a_key_that_nothing_implements_is_refused_with_one_text_that_says_so(key: str, value: Any) -> None:
    found = problems_of(changed(key, value))

    assert [problem.code for problem in found] == ["config.not_yet"]
    assert "this version" in found[0].message or "found or fetched by itself" in found[0].message


def test_every_row_of_the_table_is_tried() -> None:
    reached = {problem.message for key, value in REFUSED for problem in problems_of(changed(key, value))}

    assert {row.text for row in NOT_YET} == reached


@pytest.mark.parametrize(
    ("key", "value"),
    [("consent/required_for_attribution", ["ads"]), ("graph/engine", "auto")],
)
def test_what_changes_nothing_may_be_written(key: str, value: Any) -> None:
    assert problems_of(changed(key, value)) == []


def test_words_that_are_refused_are_not_offered() -> None:
    found = problems_of(changed("sources/web/format", "jsonll"))

    assert "delta" not in found[0].message
