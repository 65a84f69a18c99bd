"""Values are found however a text writes them, for every request that names them."""

from __future__ import annotations

import json

import pytest

from oneuser.core.sought_values import Sought

ANN, OEZGUER, WORKER = "ann@example.com", "\u00d6zg\u00fcr.Kaya", "WORK\\nina"
SOUGHT = Sought({"ann": [ANN], "oezguer": [OEZGUER], "nina": [WORKER]})
# ASCII alone is looked for in another way
ASCII = Sought({"ann": [ANN]})


@pytest.mark.parametrize(
    "text",
    [
        b"Ann@Example.com",
        "\u201cann@example.com\u201d".encode(),
        "\u8054\u7cfbann@example.com\u3002".encode(),
        "\u00a0ann@example.com".encode(),
        "ann@example.com\u2014home".encode(),
        b'{"note":"hi\\nann@example.com"}',
        b"ann\\u0040example.com",
        b"ann\\U0040EXAMPLE.com",
        rb'{"a":"{\"note\":\"hi\\tann\\u0040example.com\"}"}',
        b"https://x.test/?e=ann%40example.com&n=1",
        b"https://x.test/?e=ann%2540example.com",
        b"\xff\xfeann@example.com\xe9",
        b"\0" * 100_000 + b"\xff ann@example.com",
        b"one line\nand \\another\nann\\u0040example.com\n",
    ],
)
def test_an_address_is_found_in_whatever_surroundings(text: bytes) -> None:
    assert SOUGHT.requests_in([text]) == ASCII.requests_in([text]) == {"ann"}


@pytest.mark.parametrize(
    "text",
    [
        OEZGUER.encode(),
        OEZGUER.upper().encode(),
        "by O\u0308zgu\u0308r.Kaya".encode(),
        json.dumps(OEZGUER).encode(),
        b"u=%C3%96zg%C3%BCr.Kaya",
        "by \u00d6zg\u00fcr.Kaya".encode("cp1252"),
    ],
)
def test_letters_beyond_ascii_are_found_in_whatever_form(text: bytes) -> None:
    assert SOUGHT.requests_in([text]) == {"oezguer"}


@pytest.mark.parametrize("text", [WORKER, json.dumps([WORKER]), json.dumps(json.dumps([WORKER]))])
def test_a_value_that_looks_like_an_escape_is_found_as_it_is(text: str) -> None:
    assert SOUGHT.requests_in([text.encode()]) == {"nina"}


@pytest.mark.parametrize(
    "text", [b"joann@example.com", "\u00e9ann@example.com".encode(), b"ann@example.community", b""]
)
def test_a_part_of_a_longer_word_is_not_found(text: bytes) -> None:
    assert SOUGHT.requests_in([text]) == set()


def test_a_value_is_everybodys_who_named_it() -> None:
    sought = Sought({"first": ["Ann01"], "again": ["ann01", "x"], "none": []})

    assert sought.requests_in([b"by ANN01"]) == {"first", "again"}


def test_nothing_takes_longer_than_its_length_lets_it() -> None:
    # by the square of it, each would take hours
    for text in (b"\\" * 1_000_000, b"\\u00" * 250_000, b"%4" * 500_000, b"ann@" * 250_000):
        assert SOUGHT.requests_in([text]) == set()
