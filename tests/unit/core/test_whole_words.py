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
        ("\u00e9customer-1".encode(), False),
        ("customer-1\u0436".encode(), False),
        # quotation marks, a dash, a space that does not break, and scripts without spaces are no part of a word
        ("\u201ccustomer-1\u201d".encode(), True),
        ("\u00a0customer-1\u2014home".encode(), True),
        ("\u8054\u7cfbcustomer-1\u3002".encode(), True),
        ("\ud68c\uc6d0customer-1\uc785\ub2c8\ub2e4".encode(), True),
        # nor is half a letter
        (b"\x80customer-1\xe9", True),
        (b"", False),
    ],
)
def test_a_value_stands_by_itself(text: bytes, is_there: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert holds(text, b"customer-1") is is_there


@pytest.mark.parametrize(
    ("value", "tells"),
    [
        ("ann@example.com", True),
        ("42", False),
        ("20260301", False),
        ("491701234567", True),
        ("ab1", False),
        (" 42        ", False),
    ],
)
def test_short_values_are_found_everywhere_and_tell_nothing(value: str, tells: bool) -> None:  # noqa: FBT001 - as above
    assert is_telling(value) is tells
