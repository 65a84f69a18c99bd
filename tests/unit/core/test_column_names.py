"""What stands where the names of columns belong, and is none."""

from __future__ import annotations

import pytest

from oneuser.core.column_names import is_value, shown_names


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com",
        "mailto:ann@x",
        "2026-03-02",
        "2026-03-02T09:00:00Z",
        "1772442000",
        "+44 7400 123-001",
        "(030) 1234567",
    ],
)
def test_a_value_is_no_name(text: str) -> None:
    assert is_value(text)


@pytest.mark.parametrize(
    "text",
    ["Customer ID", "@timestamp", "e-mail", "2024", "Q1 2024", "utm_source", "event_20260302", "2026-03", "", "a@"],
)
def test_a_name_is_no_value(text: str) -> None:
    assert not is_value(text)


def test_values_are_not_shown() -> None:
    assert shown_names(["Name", "ann@example.com", "phone"]) == ["Name", "***", "phone"]
