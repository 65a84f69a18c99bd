from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.events.normalise import NORMALISER_VERSIONS, has_hidden_characters, is_garbage, make_normaliser
from oneuser.events.spec import IdTypeSpec


def normalise(name: str, value: str, region: str | None = None, *, gmail: bool = False) -> str | None:
    return make_normaliser(IdTypeSpec("t", name, region, gmail))(value)


@pytest.mark.parametrize(
    "value",
    [
        *["", "  ", "null", "NULL", "None", "nil", "NaN", "undefined", "Anonymous", "guest", "UNKNOWN", "N/A", "true"],
        *["False", "0", "-1", "[object Object]", "'null'", '"undefined"', "`0`", "-", "--", "0-0", "000", "0000-0000"],
        *["00000000-0000-0000-0000-000000000000", '"00000000-0000-0000-0000-000000000000"'],
    ],
)
def test_values_of_programs_that_know_nobody_are_garbage(value: str) -> None:
    assert is_garbage(value)


@pytest.mark.parametrize("value", ["1", "u1", "nobody", "guest7", "-2", "10", "0a", "null@example.com"])
def test_other_values_are_not(value: str) -> None:
    assert not is_garbage(value)


@pytest.mark.parametrize("value", ["a\0", "a\u200b", "\u202ea", "a\ufffd", "a\x7f", "a\u2028", "\ud800"])
def test_characters_that_nobody_sees_are_found(value: str) -> None:
    assert has_hidden_characters(value)


@pytest.mark.parametrize("value", ["plain", "José", "名前", "two words", "a\u00a0b"])
def test_letters_of_all_languages_are_not_hidden(value: str) -> None:
    assert not has_hidden_characters(value)


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        (" Jen@Example.COM ", "jen@example.com"),
        ("jen+news@example.com", "jen+news@example.com"),
        ("jen@localhost", "jen@localhost"),
        ("jen@test.invalid", "jen@test.invalid"),
        ("jen@Bücher.example", "jen@xn--bcher-kva.example"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("o'brien@example.co.uk", "o'brien@example.co.uk"),
        ("@example.com", None),
        ("jen@", None),
        ("jen@@example.com", None),
        ("jen@exam ple.com", None),
        ("j en@example.com", None),
        ("jen@-example.com", None),
        ("jen..x@example.com", None),
        (".jen@example.com", None),
        ("jen.@example.com", None),
        ("jen@192.168.0.1", None),
        ("j" * 65 + "@example.com", None),
        ("jen", None),
    ],
)
def test_an_email_has_one_form(value: str, normal: str | None) -> None:
    assert normalise("email", value) == normal


def test_gmail_ignores_dots_and_tags_where_told_so() -> None:
    assert normalise("email", "J.E.N+x@GoogleMail.com", gmail=True) == "jen@gmail.com"
    assert normalise("uid2_email", "J.E.N+x@gmail.com") == "jen@gmail.com"
    assert normalise("uid2_email", "j.e.n+x@example.com") == "j.e.n+x@example.com"
    assert normalise("uid2_email", "J.E.N+x@googlemail.com") == "j.e.n+x@googlemail.com"
    assert normalise("email", "j.e.n@gmail.com") == "j.e.n@gmail.com"
    assert normalise("email", "+x@gmail.com", gmail=True) == "+x@gmail.com"


@pytest.mark.parametrize(
    ("value", "region", "normal"),
    [
        ("020 7183 8750", "GB", "+442071838750"),
        ("+44 (0)20 7183 8750", None, "+442071838750"),
        ("020 7183 8750", None, None),
        ("12", "GB", None),
        ("not a number", "GB", None),
    ],
)
def test_a_phone_number_is_e164(value: str, region: str | None, normal: str | None) -> None:
    assert normalise("phone", value, region) == normal


def test_a_salesforce_id_gets_its_check_characters() -> None:
    assert normalise("salesforce_id", "001A0000006Vm9r") == "001A0000006Vm9rIAC"
    assert normalise("salesforce_id", "001A0000006Vm9rIAC") == "001A0000006Vm9rIAC"
    assert normalise("salesforce_id", "001A0000006Vm9rIAD") is None
    assert normalise("salesforce_id", "001A") is None


def test_a_uuid_is_lower_case_with_dashes() -> None:
    assert normalise("uuid", "{6F9619FF8B86D011B42D00C04FC964FF}") == "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    assert normalise("uuid", "x") is None


@pytest.mark.parametrize("name", sorted(NORMALISER_VERSIONS))
@given(value=st.text(max_size=40) | st.emails())
def test_a_normal_form_is_its_own_normal_form(name: str, value: str) -> None:
    once = normalise(name, value, "GB")

    if once is not None:
        assert normalise(name, once, "GB") == once
