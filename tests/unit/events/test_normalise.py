from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.events.normalise import (
    NORMALISER_VERSIONS,
    has_hidden_characters,
    has_lost_digits,
    is_garbage,
    is_plain,
    make_normaliser,
)
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


@pytest.mark.parametrize(
    "value",
    [
        *[
            "(not set)",
            "not set",
            "NOT_SET",
            "(none)",
            "(null)",
            "<null>",
            "[null]",
            "NA",
            "n.a.",
            "\\N",
            "(NOT PROVIDED)",
        ],
        *[
            "#N/A",
            "#REF!",
            "#VALUE!",
            "#NAME?",
            "#DIV/0!",
            "#n/a",
            "[]",
            "{}",
            "()",
            "<NA>",
            "NaT",
            "<nil>",
            "%!s(<nil>)",
        ],
        *["{{user.id}}", "{{ user.id }}", "${user.id}", "%%USER_ID%%", "<%= user.id %>", "*|EMAIL|*", "#{user.id}"],
        *[
            "{% if user %}",
            "[[user.id]]",
            "customer-{{ user.identifier.of.the.account }}",
            "https://x.example/${id}/and/more",
        ],
        *["userId", "user_id", "User ID", "USERID", "anonymousId", "anonymous-id", "distinct_id", "$device_id", "id"],
        *["(anonymous)", "guest_user", "EMPTY", "not_authenticated", "$posthog_cookieless", "[object Undefined]"],
    ],
)
def test_what_other_programs_write_for_nobody_is_garbage_by_word_and_by_form(value: str) -> None:
    assert is_garbage(value)


@pytest.mark.parametrize(
    "value",
    [
        *[
            "1",
            "u1",
            "nobody",
            "guest7",
            "-2",
            "10",
            "0a",
            "null@example.com",
            "nancy",
            "nadia",
            "#1234",
            "user-7",
            "ids",
        ],
        *["(ann)", "100%", "50%%", "a|b", "{1f0e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}", "[7]", "$12", "identity", "naomi"],
    ],
)
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


@pytest.mark.parametrize("value", ["13085", "13085.0", "13085.00", " 13085.0 "])
def test_a_whole_number_has_one_form_however_many_zeros_follow_its_point(value: str) -> None:
    assert normalise("trim", value) == normalise("lower", value) == "13085"


@pytest.mark.parametrize("value", ["1.0.0", "13085.5", "v1.0", "1,0", "13085.", ".0", "1.0e"])
def test_what_is_no_whole_number_stays_as_it_is(value: str) -> None:
    assert normalise("trim", value) == value


def test_a_normaliser_can_say_that_ids_have_zeros_after_a_point() -> None:
    assert normalise("none", "1.0") == "1.0"


@pytest.mark.parametrize(
    "value", ["3.12346E+16", "3,12346E+16", "3.1e16", "-1.5E-7", "1E+16", "4.93091E+11", " 3.12346E+16 "]
)
def test_numbers_in_scientific_notation_have_lost_their_digits(value: str) -> None:
    assert has_lost_digits(value)


@pytest.mark.parametrize("value", ["12e4", "0e10", "1e16", "3.14", "E+16", "1.2.3e+4", "12E4F"])
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


@given(st.text(alphabet="0123456789abcXYZ.,eE+-{}%[]| ", min_size=21, max_size=60))
def test_what_is_plain_needs_no_closer_look(value: str) -> None:
    if is_plain(value):
        assert not is_garbage(value)
        assert not has_lost_digits(value)
        assert normalise("trim", value) == value
