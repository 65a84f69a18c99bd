"""What could be an identifier is found in a text, whatever stands around it."""

from __future__ import annotations

import json

import pytest

from oneuser.privacy.spelled import candidates


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("\u201cbob@x.com\u201d", "bob@x.com"),
        ("`bob@x.com`", "bob@x.com"),
        ("*bob@x.com*", "bob@x.com"),
        ("bob@x.com\u2014", "bob@x.com"),
        ("bob@x.com\u2014home", "bob@x.com"),
        ("\u8054\u7cfbbob@x.com\u3002", "bob@x.com"),
        ("bob@x.com\u8054\u7cfb", "bob@x.com"),
        ("to bob@b\u00fccher.example!", "bob@b\u00fccher.example"),
        ("see auth0|abc123def", "auth0|abc123def"),
        ("see auth0|abc123def.", "abc123def"),
        ("call +1 415 555 0132 now", "+1 415 555 0132"),
        ("call 2 (415) 555-0132", "(415) 555-0132"),
        ("on 2026-03-02 415\u00a0555\u20110132", "415\u00a0555\u20110132"),
        ("+14155550132 ext. 5", "+14155550132 ext. 5"),
        ("?e=bob%40x.com&n=1", "bob@x.com"),
        (json.dumps({"a": json.dumps({"b": json.dumps(["bob@x.com"])})}).replace("@", "\\u0040"), "bob@x.com"),
        ('{"broken": "bob\\u0040x.com', "bob@x.com"),
        ('{"broken": "hi\\nbob@x.com', "bob@x.com"),
        ("_opaque==", "_opaque=="),
        ("1;Ann Smith ;x", "Ann Smith"),
        ('{"broken": "Ann Smith", ', "Ann Smith"),
    ],
)
def test_an_identifier_is_among_what_a_text_may_name(text: str, named: str) -> None:
    assert named in set(candidates(text))


def test_nothing_takes_longer_than_its_length_lets_it() -> None:
    # by the square of it, each would take minutes
    for piece in ("1 ", "a", "a.", "\\", "@", "'", "a@", "[", "+("):
        assert sum(1 for _ in candidates(piece * (50_000 // len(piece)))) < 1_000_000
