"""Values that name nobody, by word and by form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.events.identifiers import Identifier, IdentifierReader
from oneuser.events.nobody import are_garbage, is_garbage, is_nobodys_mailbox
from oneuser.events.spec import IdTypeSpec
from tests.unit.events.parsing import KEYS

WORDS = [
    *["", "  ", "null", "NULL", "None", "nil", "NaN", "undefined", "Anonymous", "guest", "UNKNOWN", "N/A", "true"],
    *["False", "[object Object]", "'null'", '"undefined"', "n. a.", "not-set", "NOT_SET", "not set", "(not set)"],
    *["(none)", "(null)", "<null>", "[null]", "NA", "n.a.", "\\N", "\\\\N", "(NOT PROVIDED)", "<NA>", "NaT", "<nil>"],
    *["%!s(<nil>)", "(anonymous)", "guest_user", "EMPTY", "not_authenticated", "$posthog_cookieless", "no id", "blank"],
    *[
        "[object Undefined]",
        "[redacted]",
        "deleted user",
        "DBNull",
        "Optional.empty",
        "unbekannt",
        "Gast",
        "неизвестно",
    ],
    *[
        "undefinedundefined",
        "null-null",
        "None None",
        '{"id":null}',
        "{'id': None}",
        '{"$oid":null}',
        "xxxx",
        "XXXXXXXX",
    ],
]
SPREADSHEETS = [
    *["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#n/a", "#NULL!", "#SPILL!", "#GETTING_DATA", "#N/A N/A"],
    *[
        "#¡REF!",
        "#¡VALOR!",
        "#¿NOMBRE?",
        "#¡DIV/0!",
        "#NV",
        "#BEZUG!",
        "#WERT!",
        "#ZAHL!",
        "#ÜBERLAUF!",
        "#N/D",
        "#NOM?",
    ],
    *[
        "#VALEUR!",
        "#RIF!",
        "#NOME?",
        "#VERW!",
        "#N/B",
        "#ССЫЛКА!",
        "#ЗНАЧ!",
        "#Н/Д",
        "#ADR!",
        "#VÄRDE!",
        "#DIVISION/0!",
    ],
    *["#####", "Err:502", "#REF", "1.#QNAN", "-1.#IND", "1,#INF", "#N/A Requesting Data..."],
]
TEMPLATES = [
    *["{{user.id}}", "{{ user.id }}", "${user.id}", "%%USER_ID%%", "<%= user.id %>", "*|EMAIL|*", "#{user.id}", "{{id"],
    *[
        "{% if user %}",
        "[[user.id]]",
        "{!Contact.Id}",
        "{$user_id}",
        "{uid}",
        "[UID]",
        "<user id>",
        "%UID%",
        "%s",
        "%(id)s",
    ],
    *[
        "$(user_id)",
        "@{user}",
        "@@uid@@",
        "##UID##",
        "__UID__",
        "__OAID__",
        "&lt;uid&gt;",
        "%7B%7Buser_id%7D%7D",
        "|*UID*|",
    ],
    *["<?php echo $id ?>", "[Function: getId]", "() => id", "function () { [native code] }", "Promise { <pending> }"],
    *["customer-{{ user.identifier.of.the.account }}", "https://x.example/${id}/and/more", "[object Promise]"],
]
FIELDS = [
    *[
        "userId",
        "user_id",
        "User ID",
        "USERID",
        "anonymousId",
        "anonymous-id",
        "distinct_id",
        "$device_id",
        "id",
        "uid",
    ],
    *["@user_id", ":userId", "user_id:", "customerId", "visitorid", "traits.userId", "YOUR_USER_ID", "<your id here>"],
    *["INSERT_USER_ID_HERE", "\u201cuser_id\u201d"],
]
ZEROS_AND_SIGNS = [
    *[
        "0",
        "-1",
        "\u22121",
        "`0`",
        "-",
        "--",
        "0-0",
        "000",
        "0000-0000",
        "0.0",
        "0,0",
        "+0",
        "0x0",
        "[0]",
        "0x00000000",
    ],
    *[
        "00000000-0000-0000-0000-000000000000",
        '"00000000-0000-0000-0000-000000000000"',
        "[]",
        "{}",
        "()",
        '[""]',
        "\u2014",
    ],
    *["???", "***", "..", "/", "FFFFFFFFFFFFFFFF"],
]
SOMEBODY = [
    *["1", "u1", "nobody", "guest7", "-2", "10", "0a", "null@example.com", "nancy", "nadia", "#1234", "user-7", "ids"],
    *["(ann)", "100%", "50%%", "a|b", "{1f0e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}", "[7]", "$12", "identity", "naomi", "n"],
    *[
        "{af0e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}",
        "0x1f",
        "#ann",
        "ann!",
        "o'neill",
        "<ann@example.com>",
        "__ga1.2.3",
        "f" * 12,
    ],
    *[
        "customer_7",
        "testid7",
        "1.5",
        "x",
        "N",
        "id7",
        "e1-null-2",
        "nullify",
        "@ann",
        "ann?",
        "xx",
        "ajs-1cb20448770f2947",
    ],
]


@pytest.mark.parametrize("value", [*WORDS, *SPREADSHEETS, *TEMPLATES, *FIELDS, *ZEROS_AND_SIGNS])
def test_what_programs_write_for_nobody_is_garbage_by_word_and_by_form(value: str) -> None:
    assert is_garbage(value)
    assert is_garbage(f" {value} ")


@pytest.mark.parametrize("value", SOMEBODY)
def test_other_values_are_not(value: str) -> None:
    assert not is_garbage(value)


@given(
    st.lists(st.sampled_from([*WORDS, *TEMPLATES, *FIELDS, *SOMEBODY]) | st.text("0{%[|<ab", max_size=30), max_size=9)
)
def test_many_values_are_judged_as_each_is_alone(values: list[str]) -> None:
    assert are_garbage(values) == [is_garbage(value) for value in values]


@pytest.mark.parametrize("address", ["null@null.com", "undefined@undefined", "none@none.example", "test@test.com"])
def test_an_address_of_two_such_words_is_nobodys(address: str) -> None:
    assert is_nobodys_mailbox(address)
    assert IdentifierReader(IdTypeSpec("email", "email"), KEYS, is_table=False).read(address) == "id.blocked"


@pytest.mark.parametrize("address", ["null@example.com", "info@info.com", "ann@none.com", "guest@hotel.example"])
def test_an_address_with_one_of_them_is_somebodys(address: str) -> None:
    assert not is_nobodys_mailbox(address)


def test_the_name_of_its_own_field_in_any_spelling_is_no_value() -> None:
    reader = IdentifierReader(IdTypeSpec("loyalty"), KEYS, is_table=True, fields=("Kundennr.", "card no"))

    names = ["loyalty", "LOYALTY", "Kundennr", "kunden-nr", "KUNDEN_NR.", "Card No", "cardNo", "card_no"]
    assert {reader.read(name) for name in names} == {"id.blocked"}
    assert isinstance(reader.read("Kundennr7"), Identifier)


def test_the_name_of_a_field_with_a_digit_is_no_value_either() -> None:
    reader = IdentifierReader(IdTypeSpec("sha256_id"), KEYS, is_table=True, fields=("id2",))

    assert reader.read("SHA256_ID") == reader.read("sha256id") == reader.read("ID2") == "id.blocked"
    assert isinstance(reader.read("id3"), Identifier)


def test_zeros_after_a_comma_are_taken_off_where_a_source_writes_decimals_with_one() -> None:
    def read(value: str, decimal: str) -> str:
        found = IdentifierReader(IdTypeSpec("user_id"), KEYS, is_table=True, decimal=decimal).read(value)
        assert isinstance(found, Identifier)
        return found.value

    assert read("13085,0", ",") == read("13085,00", ",") == read("13085.0", ".") == "13085"
    assert read("13085,0", ".") == "13085,0"
