from __future__ import annotations

import pytest

from oneuser.core.masking import has_address, hide_typed, mask_identifier


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


@pytest.mark.parametrize(
    ("said", "typed", "shown"),
    [
        ("no unit 'ann@example.com'", ["--unit", "ann@example.com"], "no unit 'a***@e***.com'"),
        ("PROPERTY=VALUE: mail=ann@example.com", ["mail=ann@example.com"], "PROPERTY=VALUE: mail=a***@e***.com"),
        ("found ann%40example.com", ["email:ann%40example.com"], "found an***"),
        ("no number: 493022334455", ["phone:493022334455"], "no number: 49***"),
        ("no such file: runs/20260301-1234567.json", ["runs/20260301-1234567.json"], None),
        ("2026-13-01 is no day", ["--as-of", "2026-13-01"], None),
        ("expected one row: interval=2026-03-01 00:00", ["interval=2026-03-01 00:00"], None),
        ("2026-03-01 23:59:59.123456+0100 is no day", ["2026-03-01 23:59:59.123456+0100"], None),
        ("from 2026-03-01 2026-03-08", ["2026-03-01 2026-03-08"], None),
        ("phone 2026-03-01 4930", ["2026-03-01 4930"], "phone 20***"),
        ("phone +2026-03-01 49", ["phone=+2026-03-01 49"], "phone +2***"),
        ("10000000 is above the limit", ["--events=10000000"], None),
        ("no such folder: /data/ann@host/in", ["/data/ann@host/in"], None),
        ("run 20260301 is unknown to bob@example.com", ["report"], None),
    ],
)
def test_what_was_typed_is_masked_where_it_is_an_address_or_a_number(
    said: str, typed: list[str], shown: str | None
) -> None:
    assert hide_typed(said, typed) == (said if shown is None else shown)


@pytest.mark.parametrize("text", ["ann@example.com", "to ann@localhost!", "?eid=ann%40example.com"])
def test_an_address_is_seen_in_a_text(text: str) -> None:
    assert has_address(text)


@pytest.mark.parametrize("text", ["@home", "5 @ 3", "pro", "", "a @b", "mailto:"])
def test_what_is_no_address_is_not_seen_as_one(text: str) -> None:
    assert not has_address(text)
