from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.events.nobody import is_garbage
from oneuser.events.normalise import (
    NORMALISER_VERSIONS,
    has_hidden_characters,
    has_lost_digits,
    is_plain,
    make_normaliser,
)
from oneuser.events.spec import IdTypeSpec


def normalise(name: str, value: str, region: str | None = None, *, gmail: bool = False) -> str | None:
    return make_normaliser(IdTypeSpec("t", name, region, gmail))(value)


@pytest.mark.parametrize(
    "value",
    [
        *["a\0", "a\u200b", "\u202ea", "a\ufffd", "a\x7f", "a\u2028", "\ud800", "a\u00adb", "a\ufeff", "\u2060a"],
        *["\u3164", "a\u115f", "a\uffa0", "a\u034f", "a\ufe0f", "\u2800", "a\U000e0101"],
    ],
)
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


@pytest.mark.parametrize("value", ["13085", "13085.0", "13085.00", " 13085.0 "])
def test_a_whole_number_has_one_form_however_many_zeros_follow_its_point(value: str) -> None:
    assert normalise("trim", value) == normalise("lower", value) == "13085"


@pytest.mark.parametrize("value", ['"u1"', "'u1'", '="u1"', ' "u1" ', "`u1`", "\"'u1'\""])
def test_quotes_around_a_value_are_not_its_own(value: str) -> None:
    assert normalise("trim", value) == normalise("lower", value) == "u1"


def test_what_spreadsheets_write_to_keep_a_text_a_text_is_no_part_of_it() -> None:
    assert normalise("trim", "'007") == normalise("trim", '="007"') == "007"
    assert normalise("trim", '="13085.0"') == "13085"
    assert normalise("email", '"ann@example.com"') == "ann@example.com"
    assert normalise("phone", '="+14155550132"') == "+14155550132"


@pytest.mark.parametrize("value", ["o'neill", "'til", "'", '"a', 'a"', '"a" and "b"', "=1+1"])
def test_quotes_that_are_part_of_a_value_stay(value: str) -> None:
    assert normalise("trim", value) == value


@pytest.mark.parametrize("value", ["1.0.0", "13085.5", "v1.0", "1,0", "13085.", ".0", "1.0e"])
def test_what_is_no_whole_number_stays_as_it_is(value: str) -> None:
    assert normalise("trim", value) == value


def test_a_normaliser_can_say_that_ids_have_zeros_after_a_point() -> None:
    assert normalise("none", "1.0") == "1.0"


@pytest.mark.parametrize(
    "value",
    [
        *["3.12346E+16", "3,12346E+16", "3.1e16", "-1.5E-7", "1E+16", "4.93091E+11", " 3.12346E+16 ", "3,1E16"],
        *["'3.12346E+16", '="3.12346E+16"', "3.12346 E+16", "3.12346E +16", "3.12346E\u221216", "３.１Ｅ＋１６"],
        *["3.12346\u00d710^16", "3.12346 x 10^16", "3\u00b71E+16", "3.1\u0415+16"],
    ],
)
def test_numbers_in_scientific_notation_have_lost_their_digits(value: str) -> None:
    assert has_lost_digits(value)


@pytest.mark.parametrize("value", ["12e4", "0e10", "1e16", "3.14", "E+16", "1.2.3e+4", "12E4F", "3x10", "u3.1E+16"])
def test_hexadecimal_ids_and_plain_decimals_have_not(value: str) -> None:
    assert not has_lost_digits(value)


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        ("+1 415 555 0132 ext. 5", "+14155550132;ext=5"),
        ("+1 415 555 0132 x5", "+14155550132;ext=5"),
        ("+1 415 555 0132 #5", "+14155550132;ext=5"),
        ("+14155550132;ext=5", "+14155550132;ext=5"),
        ("tel:+1-415-555-0132;ext=5", "+14155550132;ext=5"),
        ("+1 415 555 0132, Durchwahl 5", "+14155550132;ext=5"),
        ("+49 30 9018200 (DW 12)", "+49309018200;ext=12"),
        ("+1 415 555 0132", "+14155550132"),
    ],
)
def test_an_extension_tells_desks_of_one_company_apart(value: str, normal: str) -> None:
    assert normalise("phone", value) == normal


def test_a_phone_number_that_came_as_a_decimal_is_the_same_number() -> None:
    assert normalise("phone", "309018200.0", "DE") == normalise("phone", "309018200", "DE") == "+49309018200"


@pytest.mark.parametrize("normaliser", ["trim", "lower", "phone", "email", "uuid", "salesforce_id"])
def test_normalising_twice_changes_nothing_more(normaliser: str) -> None:
    for value in ("13085.0", " A.b ", "+1 415 555 0132 ext. 5", "Ann@Example.COM", "003000000000001AAA"):
        once = normalise(normaliser, value, "US")
        assert once is None or normalise(normaliser, once, "US") == once


@given(
    st.text(alphabet="0123456789abcXYZ.,eE+-{}%[]| ", min_size=21, max_size=60)
    | st.text(alphabet="0123489aefnulxEX\"'-.", max_size=12)
)
def test_what_is_plain_needs_no_closer_look(value: str) -> None:
    if is_plain(value):
        assert not is_garbage(value)
        assert not has_lost_digits(value)
        assert normalise("trim", value) == value
