from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest

from oneuser.core.keyed import identifier_hasher
from oneuser.events.fast_path import FastPath
from oneuser.events.mapping import preset_names, read_mapping
from oneuser.events.parse import MessageParser
from oneuser.events.spec import SourceSpec
from tests.unit.events.parsing import (
    HORIZON,
    ID_TYPES,
    KEYS,
    SEGMENT,
    carried,
    line,
    message,
    parse,
    parse_row,
    table_spec,
)


def test_a_message_becomes_an_event() -> None:
    event = parse(line(userId="u1", properties={"b": 1, "a": {"x": None}}, traits={"email": "Jen@Example.com"}))

    assert (event["message_id"], event["type"], event["event"]) == ("m1", "track", "Seen")
    assert carried(event) == [
        ("user_id", "u1", "event"), ("anonymous_id", "a1", "event"), ("email", "jen@example.com", "event"),
    ]  # fmt: skip
    assert json.loads(event["properties"]) == {"a": {"x": None}, "b": 1}
    assert event["raw"] is None
    assert not event["is_keyless"]


def test_keys_are_those_of_the_normalised_value_and_its_type() -> None:
    (_, email) = parse(line(context={"traits": {"email": " JEN@example.com"}}))["identifiers"]

    assert email.identifier.key == identifier_hasher(KEYS, "email")("jen@example.com")
    assert email.identifier.key != identifier_hasher(KEYS, "user_id")("jen@example.com")


def test_a_value_that_stands_twice_counts_once_and_two_values_of_a_type_both_count() -> None:
    event = parse(line(traits={"email": "a@x.com"}, context={"traits": {"email": "A@x.com"}}))
    both = parse(line(traits={"email": "a@x.com"}, context={"traits": {"email": "b@x.com"}}))

    assert [value for _, value, _ in carried(event)] == ["a1", "a@x.com"]
    assert [value for _, value, _ in carried(both)] == ["a1", "a@x.com", "b@x.com"]


def test_external_ids_of_configured_types_link_and_others_are_noted() -> None:
    ids = [
        {"id": "b@x.com", "type": "email", "collection": "users", "encoding": "none"},
        {"id": "55", "type": "ios.idfa"},
        {"id": "55", "type": "who@x.com"},
    ]

    event = parse(line(context={"externalIds": ids}))

    assert [value for _, value, _ in carried(event)] == ["a1", "b@x.com"]
    assert event["unlinked"] == ["ios.idfa", "(other)"]


def test_an_alias_gives_both_readings_of_its_previous_id() -> None:
    event = parse(line(type="alias", userId="u1", previousId="old", anonymousId="a1"))

    assert carried(event) == [
        ("user_id", "u1", "alias"),
        ("anonymous_id", "a1", "event"),
        ("anonymous_id", "old", "previous_anonymous"),
        ("user_id", "old", "previous_user"),
    ]


def test_an_alias_of_a_declared_type_gives_one_reading() -> None:
    spec = replace(SEGMENT, previous_id_type="user_id")

    event = parse(line(type="alias", anonymousId=None, userId="u1", previousId="u0"), spec)

    assert carried(event) == [("user_id", "u1", "alias"), ("user_id", "u0", "previous")]


def test_an_alias_without_a_user_id_renames_to_the_anonymous_one() -> None:
    event = parse(line(type="alias", previousId="old"))

    assert carried(event)[0] == ("anonymous_id", "a1", "alias")


def test_an_event_with_a_group_alone_is_the_accounts() -> None:
    event = parse(line(anonymousId=None, context={"groupId": 77}))

    assert (event["code"], event["group_id"], event["identifiers"]) == (None, "77", [])


def test_the_same_message_with_other_transport_times_has_the_same_content() -> None:
    first = parse(line(sentAt="2026-05-01T10:00:00Z"))
    again = parse(orjson.dumps(dict(reversed(message(receivedAt="2026-05-02T00:00:00Z").items()))))
    other = parse(line(event="Bought"))

    assert first["content_hash"] == again["content_hash"] != other["content_hash"]
    assert first["message_key"] == again["message_key"] == other["message_key"]


@pytest.mark.parametrize("message_id", [None, "", "undefined", "0", {"a": 1}])
def test_a_message_without_a_usable_id_is_known_by_its_content(message_id: object) -> None:
    event = parse(line(messageId=message_id))
    other = parse(line(messageId=message_id, event="Bought"))

    assert event["is_keyless"]
    assert event["message_id"] is None
    assert event["message_key"] != other["message_key"]
    assert event["message_key"] == parse(line(messageId=message_id))["message_key"]


def test_the_message_sits_below_a_root() -> None:
    spec = replace(SEGMENT, root=("doc", "message"))

    assert parse(json.dumps({"doc": {"message": message()}}).encode(), spec)["code"] is None
    assert parse(line(), spec)["code"] == "spec.no_root"
    twice = b'{"doc":{"message":{"type":"track","userId":"a","userId":"b"}}}'
    assert parse(twice, spec)["code"] == "json.dup_key"


def test_campaign_click_and_hosts_are_found() -> None:
    page = {"url": "https://U:p@Shop.example.com:8080/p?utm_source=news&UTM_Medium=email&gclid=x#f"}
    event = parse(line(context={"page": {**page, "referrer": "https://www.google.com/search?q=a"}}))

    assert (event["campaign_source"], event["campaign_medium"], event["campaign_name"]) == ("news", "email", None)
    assert (event["click_id_type"], event["page_host"]) == ("gclid", "shop.example.com")
    assert event["referrer_host"] == "www.google.com"


@pytest.mark.parametrize(
    "query",
    [
        "?utm_source=news&amp;utm_medium=email&amp;utm_campaign=feb",
        "?utm_source=news&#038;utm_medium=email&#038;utm_campaign=feb",
        "?utm_source=news&#38;utm_medium=email&amp;amp;utm_campaign=feb",
        "?utm_source=news&#x26;utm_medium=email&amp%3Butm_campaign=feb",
        "#utm_source=news&utm_medium=email&utm_campaign=feb",
        "#/offers?utm_source=news&utm_medium=email&utm_campaign=feb",
        "?utm_source=news#/offers?utm_source=other&utm_medium=email&utm_campaign=feb",
    ],
)
def test_a_campaign_is_read_from_links_as_programs_leave_them(query: str) -> None:
    for page in ({"url": f"https://shop.example/{query}"}, {"url": "https://shop.example/", "search": query}):
        event = parse(line(context={"page": page}))

        found = [event["campaign_source"], event["campaign_medium"], event["campaign_name"]]
        assert found == ["news", "email", "feb"]


def test_an_empty_text_before_a_full_value_is_no_value() -> None:
    spec = table_spec(
        message_id="id", type={"const": "track"}, event_time=["at", "seen"], identifiers={"customer_id": ["a", "b"]}
    )
    row = {"id": "1", "at": "", "seen": "2026-05-01T10:00:00Z", "a": "", "b": "c7"}

    event = parse_row(row, spec)

    assert [link.identifier.value for link in event["identifiers"]] == ["c7"]
    assert event["event_time"] is not None


CAMPAIGN = [f"campaign_{part}" for part in ("source", "medium", "name", "term", "content")]


def test_a_part_of_a_campaign_that_is_an_identifier_of_the_message_is_withheld() -> None:
    # given a login and a telephone number, spelled otherwise in the campaign
    campaign = {"source": " ANN-01", "medium": "44 20 7946 0018", "name": "spring", "content": "bob-01"}
    given = line(userId="ann-01", traits={"phone": "020 7946 0018"}, context={"campaign": campaign})

    event = parse(given)
    fast = FastPath(MessageParser(SEGMENT, KEYS, horizon=HORIZON), SEGMENT).parse(pa.array([given]), [len(given)])

    assert [event[name] for name in CAMPAIGN] == [None, None, "spring", None, "bob-01"]
    assert [fast[name] for name in CAMPAIGN] == [[event[name]] for name in CAMPAIGN]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        # as it is dialled; a number without that is a recipient's only where senders write these
        ("+44 20 7946 0018", ""),
        ("%2B442079460018", ""),
        ("(020) 7946-0018", ""),
        ("442079460018", "smn"),
        ("(01) 02-03-04-05", ""),
        ("01.02.03.04.05", ""),
        # what is longer is of an ad, and days are nobody's
        ("120210000000000123", "smntc"),
        ("0120210000000000", "smntc"),
        ("2026-03-01-2026-04-01", "smntc"),
        ("01.02.2024-15.02.2024", "smntc"),
        ("01.02.-15.02.2024", "smntc"),
        ("01.02.24 - 15.02.24", "smntc"),
        ("03/2024-05/2024", "smntc"),
        ("2/15/2024 - 3/1/2024", "smntc"),
        ("03-2026", "smntc"),
        ("spring 2026 +10 %", "smntc"),
    ],
)
def test_no_campaign_holds_a_telephone_number(value: str, kept: str) -> None:
    event = parse(line(context={"campaign": dict.fromkeys(("source", "medium", "name", "term", "content"), value)}))

    assert "".join(part for part, name in zip("smntc", CAMPAIGN, strict=True) if event[name] is not None) == kept


def test_the_declared_campaign_outranks_that_of_the_url() -> None:
    event = parse(line(context={"campaign": {"source": "x"}, "page": {"url": "https://s.com/?utm_medium=cpc"}}))

    assert (event["campaign_source"], event["campaign_medium"]) == ("x", None)


def test_no_touch_column_holds_an_email_address() -> None:
    url = "https://s.com/?utm_term=jen%40example.com&utm_source=s&utm_content=a@b.com"
    event = parse(line(event="jen@example.com", context={"page": {"url": url}}))

    assert event["campaign_source"] == "s"
    assert [event["event"], event["campaign_term"], event["campaign_content"]] == [None, None, None]


@pytest.mark.parametrize(
    "url", ["https://[bad/", "::::", "//", "http://a b/?x=%ff", "?" * 50, "https://x/?" + "a=1&" * 3000]
)
def test_a_broken_url_breaks_nothing(url: str) -> None:
    assert parse(line(context={"page": {"url": url, "referrer": url}}))["code"] is None


def test_a_row_of_a_table_follows_its_mapping() -> None:
    spec = table_spec(
        type={"const": "track"},
        event={"concat": ["Kind", "Sub"]},
        event_time={"column": "When", "format": "yyyy-MM-dd HH:mm:ss", "zone": "Europe/London"},
        identifiers={"customer_id": "Customer ID", "email": ["mail", "other.mail"]},
        properties={"revenue": {"product": ["Quantity", "Price"]}, "quantity": "Quantity"},
    )
    row = {
        "Kind": "Order ", "Sub": "Completed", "When": "2026-05-01 10:00:00", "Customer ID": 13085.0, "Quantity": 3,
        "Price": 0.1, "mail": None, "other.mail": "A@x.com",
    }  # fmt: skip

    event = parse_row(row, spec)

    assert event["event"] == "Order Completed"
    assert carried(event) == [("customer_id", "13085", "event"), ("email", "a@x.com", "event")]
    assert json.loads(event["properties"]) == {"quantity": 3, "revenue": "0.3"}


@pytest.mark.parametrize("value", [None, float("nan")])
def test_an_empty_cell_is_no_identifier(value: float | None) -> None:
    spec = table_spec(type={"const": "track"}, identifiers={"customer_id": "c"})

    assert parse_row({"c": value}, spec) == {"code": "spec.no_identity", "detail": None}


@pytest.mark.parametrize(("value", "text"), [(Decimal("7.00"), "7"), (2**60, str(2**60)), ("07", "07")])
def test_numbers_of_typed_columns_become_decimal_text(value: object, text: str) -> None:
    spec = table_spec(
        type={"const": "track"}, event_time={"const": "2026-01-01T00:00:00Z"}, identifiers={"customer_id": "c"}
    )

    assert carried(parse_row({"c": value}, spec)) == [("customer_id", text, "event")]


@pytest.mark.parametrize("factor", ["", "x", None, "NaN", "1e999", True])
def test_a_product_with_what_is_no_number_is_left_out(factor: object) -> None:
    spec = table_spec(
        type={"const": "track"}, event_time={"const": "2026-01-01T00:00:00Z"}, identifiers={"customer_id": "c"},
        properties={"revenue": {"product": ["a", "b"]}},
    )  # fmt: skip

    assert parse_row({"c": "1", "a": "2", "b": factor}, spec)["properties"] is None


def test_points_in_numbers_with_a_comma_divide_thousands_or_nothing() -> None:
    row = {"a": "1.299,00", "b": "12.5", "c": "0.925", "d": "1.2999", "e": "-12.345.678", "f": "0,5", "g": "1,299.00"}
    products = {"ae": {"product": ["a", "two"]}, "bf": {"product": ["b", "quarter"]}}
    spec = replace(
        table_spec(
            type={"const": "track"}, event_time={"const": "2026-01-01T00:00:00Z"}, identifiers={"customer_id": "id"},
            properties={name: name for name in row} | products,
        ),
        decimal=",",
    )  # fmt: skip

    found = parse_row(row | {"id": "c1", "two": "2", "quarter": "0,25"}, spec)

    assert json.loads(found["properties"]) == {
        "a": "1299.00", "b": "12.5", "c": "0.925", "d": "1.2999", "e": "-12345678", "f": "0.5", "g": "1,299.00",
        "ae": "2598.00", "bf": "3.125",
    }  # fmt: skip


def test_a_mapping_of_lines_reads_url_parameters() -> None:
    mapping = read_mapping(
        {"type": {"const": "page"}, "event_time": "at", "identifiers": {"user_id": {"url_param": ["page.url", "eid"]}}}
    )
    spec = SourceSpec("mail", "mail", mapping, ID_TYPES)

    event = parse(b'{"at":"2026-05-01T10:00:00Z","page":{"url":"https://x.com/?a=1&eid=u9"}}', spec)

    assert carried(event) == [("user_id", "u9", "event")]


def test_the_presets_that_ship_can_be_read() -> None:
    assert preset_names() == ["segment"]


@pytest.mark.parametrize("key", ["user_id", "userid", "UserId", "USER_ID", "user-id", "USERID", "User_Id".lower()])
def test_an_id_in_another_spelling_than_the_one_that_is_read_is_counted(key: str) -> None:
    event = parse(line(**{key: "u1"}))

    assert event["dropped"] == ["part.spelling"]
    assert carried(event) == [("anonymous_id", "a1", "event")]


@pytest.mark.parametrize(
    "parts", [{"user_id": "u1", "userId": "u2"}, {"user_id": None}, {"user_id": ""}, {"user": "u1"}]
)
def test_a_spelling_is_not_counted_where_the_right_one_is_there_or_it_has_no_value(parts: dict[str, Any]) -> None:
    assert parse(line(**parts))["dropped"] == []


def test_receipts_in_the_columns_of_a_warehouse_are_counted_too() -> None:
    assert parse(line(receivedAt=None, received_at="2026-05-01T10:00:01Z"))["dropped"] == ["part.spelling"]
