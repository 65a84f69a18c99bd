from __future__ import annotations

import pytest

from tests.unit.events.parsing import carried, line, parse
from tests.unit.events.poison import REFUSED, WOUNDED


def test_there_are_at_least_sixty_poison_lines() -> None:
    assert len(REFUSED) >= 60


@pytest.mark.parametrize("name", REFUSED)
def test_a_line_that_cannot_be_an_event_is_refused_with_its_code(name: str) -> None:
    raw, code = REFUSED[name]

    assert parse(raw)["code"] == code


@pytest.mark.parametrize("name", WOUNDED)
def test_a_bad_identifier_is_dropped_and_its_event_kept(name: str) -> None:
    raw, dropped, values = WOUNDED[name]

    event = parse(raw)

    assert event["code"] is None
    assert event["dropped"] == dropped
    assert [value for _, value, _ in carried(event)] == values


def test_no_detail_of_a_refusal_holds_a_value_of_the_line() -> None:
    canary = "canary@example.com"
    lines = [raw.replace(b"track", canary.encode()) for raw, _ in REFUSED.values()]

    details = [parse(raw).get("detail") for raw in lines]

    assert not [detail for detail in details if detail and "canary" in detail]


def test_what_is_kept_of_a_damaged_line_is_text_that_every_format_can_hold() -> None:
    event = parse(line(event="@@").replace(b"@@", rb"\ud800"))

    assert event["event"] == "\ufffd"
    assert event["raw"].decode()
