"""Refused lines are found by whatever has the value of somebody as its normal form."""

from __future__ import annotations

import pytest

from oneuser.events.normalise import make_normaliser
from oneuser.events.spec import IdTypeSpec
from oneuser.privacy.text_search import TextSearch

NORMALISERS = {
    "email": make_normaliser(IdTypeSpec("email", normaliser="email", gmail=True)),
    "phone": make_normaliser(IdTypeSpec("phone", normaliser="phone", default_region="DE")),
    "record": make_normaliser(IdTypeSpec("record", normaliser="uuid")),
    "user_id": make_normaliser(IdTypeSpec("user_id", normaliser="trim")),
}
VALUES = [
    "annsmith@gmail.com",
    "ann@xn--bcher-kva.example",
    "+4930123456",
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "ann-01",
]
SEARCH = TextSearch({"ask": VALUES, "ask-again": VALUES[:1]}, NORMALISERS)


@pytest.mark.parametrize(
    "text",
    [
        b'{"type": "trackk", "email": "Ann.Smith+news@googlemail.com"',
        "\u201cA.n.n.Smith@gmail.com\u201d".encode(),
        b"ann.smith%40gmail.com",
        rb'{"p": "{\"e\": \"ann.smith\u0040gmail.com\"}"}',
    ],
)
def test_an_address_in_another_spelling_is_found_for_all_who_name_it(text: bytes) -> None:
    assert SEARCH.requests_in(text) == {"ask", "ask-again"}


@pytest.mark.parametrize(
    "text",
    [
        "ann@B\u00fccher.example",
        "1;030 / 12 34 56;x",
        'tel="(030) 123456"',
        "\u0660\u0663\u0660 \u0661\u0662\u0663\u0664\u0665\u0666",
        "\uff10\uff13\uff10 123456 app. 5 or +49 (0)30 123456",
        "0F8FAD5BD9CB469FA16570867728950E",
        "ANN-01,1",
        "by \u201cann-01\u201d",
    ],
)
def test_other_values_are_found_in_other_spellings_too(text: str) -> None:
    assert SEARCH.requests_in(text.encode()) == {"ask"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"userId": "Google"}', {"ask"}),
        (b'{"userId": "bob", "campaign": {"source": "google"}}', set()),
        (b"google,bob", set()),
    ],
)
def test_a_plain_word_is_looked_for_only_where_an_identifier_is_meant(text: bytes, found: set[str]) -> None:
    assert TextSearch({}, NORMALISERS, in_places={"ask": ["google"]}).requests_in(text) == found


@pytest.mark.parametrize("text", [b"", b"ann-012", b"ann.smithy@gmail.com", b"030 123457", b"\xff\0\\u00"])
def test_what_names_nobody_is_not_found(text: bytes) -> None:
    assert SEARCH.requests_in(text) == set()


@pytest.mark.parametrize(
    ("text", "is_hers"),
    [
        ('{"type": "trackk", "userId": 42}', True),
        ('{"traits": {"record": " U7 "}, "userId": "bob-0001"', True),
        ('{"p": "{\\"user_id\\": [41, 42]}"', True),
        ('{"Contact": "42"}', True),
        ("2026-03-01;u7;19.90", True),
        # a price, an age, a part of a text, of an id and of a time; a link is no field
        ('{"userId": "bob-0001", "age": 42, "price": "42", "title": "42 ways", "at": "2026-03-01T00:42:00Z"', False),
        ('{"userId": "bob-42-01", "contact_of": "https://example.com/?id=42"}', False),
        ("bob-0001,42,2026-03-01", False),
        ("42", False),
    ],
)
def test_a_short_value_is_found_only_where_an_identifier_is_meant(text: str, is_hers: bool) -> None:  # noqa: FBT001 - a parameter of the test
    search = TextSearch({"ask": ["42", "u7", " 42       "]}, NORMALISERS, ["Contact"])

    assert search.requests_in(text.encode()) == ({"ask"} if is_hers else set())
