"""Identifiers as people write them."""

from __future__ import annotations

import pytest

from oneuser.core.identifier_text import Misread, NamedIdentifier, no_such_type, read_identifier, write_identifier


@pytest.mark.parametrize(
    ("text", "id_type", "value"),
    [
        ("email:ann@example.com", "email", "ann@example.com"),
        ("email: ann@example.com", "email", "ann@example.com"),
        ("  email :  ann@example.com ", "email", "ann@example.com"),
        ("user_id:a:b", "user_id", "a:b"),
        ('name: " a, b "', "name", " a, b "),
        ('name:""', "name", ""),
        ('name:"', "name", '"'),
    ],
)
def test_a_type_and_a_value_stand_on_both_sides_of_the_first_colon(text: str, id_type: str, value: str) -> None:
    assert read_identifier(text) == NamedIdentifier(id_type, value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("zed@example.com", "expected TYPE: VALUE, such as email: ann@example.com"),
        ("zed@example.com: 1", "expected TYPE: VALUE"),
        ("email:  ", 'email has no value: expected one after the colon, or "" for an empty one'),
        (": zed", "expected TYPE: VALUE"),
    ],
)
def test_anything_else_is_refused_without_being_repeated(text: str, said: str) -> None:
    with pytest.raises(Misread) as refused:
        read_identifier(text)

    assert said in str(refused.value)
    assert "zed" not in str(refused.value)


def test_a_value_stands_in_no_text_of_what_was_read() -> None:
    assert "zed" not in repr(read_identifier("email: zed@example.com"))


def test_what_is_written_can_be_read() -> None:
    assert read_identifier(write_identifier("email", "ann@example.com")).value == "ann@example.com"


def test_an_unknown_type_is_told_with_the_nearest_one() -> None:
    known = ["user_id", "email"]

    assert (
        no_such_type("emial", known) == "no identifier type emial: expected one of user_id, email; did you mean email?"
    )
    assert no_such_type("card", known) == "no identifier type card: expected one of user_id, email"
