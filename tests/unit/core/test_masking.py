from __future__ import annotations

import pytest

from oneuser.core.masking import mask_identifier


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("ann@example.com", "a***@e***.com"),
        ("a@b.co", "a***@b***.co"),
        ("root@localhost", "r***@l***"),
        ("1042", "***"),
        ("507f191e810c19729de860ea", "50***"),
        ("@example", "@e***"),
        ("", "***"),
    ],
)
def test_a_masked_identifier_shows_too_little_to_learn_it(value: str, masked: str) -> None:
    assert mask_identifier(value) == masked


def test_a_mask_does_not_tell_the_length() -> None:
    assert mask_identifier("a" * 8) == mask_identifier("a" * 40)
