from __future__ import annotations

import pytest

from oneuser.config.dialects import Dialect
from oneuser.storage.delimited_header import header_of


@pytest.mark.parametrize(
    "head",
    [
        b"order,at\no1,2",
        b"\n\norder,at\no1,2",
        b"\r\n\r\norder,at\r\n",
        b"\r\rorder,at\ro1,2",
        b"\xef\xbb\xbforder,at\n",
        b" order , at\t\n",
        b'"order","at"\n',
        "\u200border,a\u00adt\u2060\n".encode(),
        b"order,at",
    ],
)
def test_a_name_is_what_people_see_of_it(head: bytes) -> None:
    assert header_of(head, Dialect()) == ("order", "at")


@pytest.mark.parametrize("head", [b"", b"\n\n", b"\r\n", b"\xef\xbb\xbf"])
def test_a_text_without_a_line_has_no_names(head: bytes) -> None:
    assert header_of(head, Dialect()) == ()


def test_names_that_are_empty_or_stand_twice_get_their_number() -> None:
    assert header_of(b"a,,A,\xe2\x80\x8b\n", Dialect()) == ("a", "column_2", "A_3", "column_4")
