"""Of a text only what is somebody else's changes."""

from __future__ import annotations

import json

import pytest

from oneuser.core.identifier_text import NamedIdentifier
from oneuser.core.masking import HIDDEN
from oneuser.events.normalise import make_normaliser
from oneuser.events.spec import IdTypeSpec
from oneuser.privacy.masked_text import TextMask

NORMALISERS = {
    "email": make_normaliser(IdTypeSpec("email", normaliser="email", gmail=True)),
    "phone": make_normaliser(IdTypeSpec("phone", normaliser="phone", default_region="DE")),
    "user_id": make_normaliser(IdTypeSpec("user_id", normaliser="trim")),
}
OWN = {NamedIdentifier("email", "ann-smith@example.com"), NamedIdentifier("user_id", "41")}
OTHERS = {
    NamedIdentifier("email", "smiths@example.com"),
    NamedIdentifier("phone", "+4930123456"),
    NamedIdentifier("user_id", "42"),
    NamedIdentifier("user_id", "smith"),
    NamedIdentifier("email", "bob@gmail.com"),
    NamedIdentifier("user_id", "auth0|abc123def"),
}
MASK = TextMask(own=OWN, others=OTHERS, normalisers=NORMALISERS)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        # as they are written, not as they are stored
        ('{"a":  " Smiths@Example.COM ", "b": 1.50}', '{"a":  "***", "b": 1.50}'),
        ('{"tel": "030 / 123456"}', '{"tel": "***"}'),
        ('["smiths\\u0040example.com"]', '["***"]'),
        # numbers and keys
        ('{"user": 42, "n": 421, "smiths@example.com": true}', '{"user": "***", "n": 421, "***": true}'),
        # words of longer texts
        ('{"note": "ask Smiths@example.com!"}', '{"note": "ask ***!"}'),
        ('{"url": "https://x.test/?e=smiths%40example.com&n=42"}', '{"url": "https://x.test/?e=***&n=42"}'),
        ('{"note": "b.o.b+x@googlemail.com, or 030123456."}', '{"note": "***, or ***."}'),
        ('{"payload": "{\\"email\\": \\"smiths@example.com\\"}"}', '{"payload": "{\\"email\\": \\"***\\"}"}'),
        # what is theirs stays, also where a part of it is somebody else's
        ('{"a": "Ann-Smith@example.com", "b": "to ann-smith@example.com"}',) * 2,
        ('{"user": 41, "at": "2026-03-02T00:42:42Z", "price": -4.2e1}',) * 2,
        ("goldsmith smiths@example.community",) * 2,
        ('{"payload": "{\\"email\\": \\"smiths\\\\u0040example.com\\"}"}', '{"payload": "{\\"email\\": \\"***\\"}"}'),
        # in whatever surroundings
        ("by \u201csmiths@example.com\u201d, `bob@gmail.com`, *b.ob@gmail.com*", "by \u201c***\u201d, ***, *****"),
        ("smiths@example.com\u2014home, \u8054\u7cfbsmiths@example.com\u3002", "***\u2014home, \u8054\u7cfb***\u3002"),
        ("smiths\\u0040example.com or smiths%2540example.com", "*** or ***"),
        ("call +49 30 123456, (030) 123-456 or 030/12 34 56 at 9", "call ***, *** or *** at 9"),
        ("see auth0|abc123def, not auth0|abc123", "see ***, not auth0|abc123"),
        # no JSON
        ("smiths@example.com", HIDDEN),
        ("{smiths@example.com", "{***"),
        ("", ""),
    ],
)
def test_values_of_others_are_masked_and_every_other_character_stays(text: str, masked: str) -> None:
    assert MASK.text(text) == masked


def test_where_nobody_else_is_named_nothing_changes() -> None:
    text = json.dumps({"email": "smiths@example.com"})

    assert TextMask(own=OWN, others=(), normalisers=NORMALISERS).text(text) == text


def test_a_value_that_is_also_theirs_is_theirs() -> None:
    both = TextMask(
        own={NamedIdentifier("user_id", "ann@example.com")},
        others={NamedIdentifier("email", "ann@example.com")},
        normalisers=NORMALISERS,
    )

    assert both.text('{"a": "ann@example.com", "b": "by ann@example.com"}').count("ann@example.com") == 2


def test_identifiers_of_others_have_neither_value_nor_hash() -> None:
    carried = [
        {"id_type": "user_id", "id_key": b"1", "id_value": "41", "link": "event"},
        {"id_type": "user_id", "id_key": b"2", "id_value": "42", "link": "event"},
    ]

    assert MASK.identifiers(carried) == [
        carried[0],
        {"id_type": "user_id", "id_key": None, "id_value": HIDDEN, "link": "event"},
    ]
