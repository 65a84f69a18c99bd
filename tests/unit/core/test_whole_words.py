"""A value is found where it stands by itself."""

from __future__ import annotations

import pytest

from oneuser.core.whole_words import holds, is_telling


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        (b"customer-1", True),
        (b'{"id": "customer-1"}', True),
        (b"customer-12, customer-1", True),
        (b"customer-12", False),
        (b"xcustomer-1", False),
        (b"", False),
    ],
)
def test_a_value_stands_by_itself(text: bytes, is_there: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert holds(text, b"customer-1") is is_there


@pytest.mark.parametrize(
    ("value", "tells"),
    [("ann@example.com", True), ("42", False), ("20260301", False), ("491701234567", True), ("ab1", False)],
)
def test_short_values_are_found_everywhere_and_tell_nothing(value: str, tells: bool) -> None:  # noqa: FBT001 - as above
    assert is_telling(value) is tells
