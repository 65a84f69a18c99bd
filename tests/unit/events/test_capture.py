"""Identifiers from parameters of URLs, and those derived from others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oneuser.events.derive import make_transform
from oneuser.events.mapping import load_preset, with_identifiers
from oneuser.events.spec import IdTypeSpec, SourceSpec
from tests.unit.events.parsing import ID_TYPES, SEGMENT, carried, line, parse, parse_row, table_spec

HASHES = (IdTypeSpec("email_sha256", "lower"), IdTypeSpec("eid"))


def spec(**identifiers: Any) -> SourceSpec:
    """The Segment preset with further identifiers."""
    mapping = with_identifiers(load_preset("segment"), identifiers)
    return replace(SEGMENT, mapping=mapping, id_types=(*ID_TYPES, *HASHES))


def from_url(url: Any) -> dict[str, Any]:
    return parse(line(context={"page": {"url": url}}), spec(eid={"url_param": ["context.page.url", "eid"]}))


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("https://shop.example/?utm_source=mail&eid=c42", "c42"),
        ("https://shop.example/a?eid=c42#eid=other", "c42"),
        ("/relative?eid=c42", "c42"),
        ("?eid=c42", "c42"),
        ("https://shop.example/?eid=first&eid=second", "first"),
        ("https://shop.example/?eid=&eid=second", "second"),
        ("https://shop.example/?eid=a%2Bb%40x%20y", "a+b@x y"),
        ("https://shop.example/?eid=two+words", "two words"),
        ("https://shop.example/?%65id=c42", "c42"),
        ("https://shop.example/#/?eid=c42", "c42"),
        ("https://shop.example/?a=b#eid=c42", "c42"),
        ("https://shop.example/?a=b&amp;eid=c42", "c42"),
        ("https://shop.example/?eid=caf%C3%A9", "caf\u00e9"),
    ],
)
def test_a_parameter_of_a_url_names_somebody(url: str, value: str) -> None:
    assert carried(from_url(url)) == [("anonymous_id", "a1", "event"), ("eid", value, "event")]


@pytest.mark.parametrize(
    "url",
    [
        *[None, "", "https://shop.example/", "https://shop.example/#/?a=b", "https://shop.example/?EID=c42"],
        *["http://[::1", "https://shop.example/?eid", "https://shop.example/?" + "a=1&" * 1_001 + "eid=c42", 42],
        *["https://shop.example/?xeid=c42", {"href": "?eid=c42"}],
    ],
)
def test_a_url_without_it_is_no_fault(url: Any) -> None:
    event = from_url(url)

    assert (event["code"], event["dropped"]) == (None, [])
    assert carried(event) == [("anonymous_id", "a1", "event")]


@pytest.mark.parametrize(
    ("url", "code"), [("?eid=null", "id.blocked"), ("?eid=%FF", "id.charset"), ("?eid=a%00b", "id.charset")]
)
def test_a_parameter_is_judged_like_any_value(url: str, code: str) -> None:
    event = from_url(url)

    assert carried(event) == [("anonymous_id", "a1", "event")]
    assert event["dropped"] == [code]


def test_a_parameter_may_come_from_a_column() -> None:
    shop = table_spec(
        type={"const": "track"}, event_time="At", identifiers={"customer_id": {"url_param": ["Link", "c"]}}
    )

    event = parse_row({"At": "2026-05-01T10:00:00Z", "Link": "https://x.example/?c=7"}, shop)

    assert carried(event) == [("customer_id", "7", "event")]


@pytest.mark.parametrize(
    ("transform", "value", "derived"),
    [
        # from the documentation of UID2
        ("uid2", "user@example.com", "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ="),
        ("sha256", "user@example.com", "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"),
        ("md5", "user@example.com", "b58996c504c5638798eb6b511e6f49af"),
        ("sha256", "+4915112345678", "536afd523e19dc83fccba822ef5e4ca646111314aaf0aa286667c5bea18dd70b"),
    ],
)
def test_transforms_give_what_other_programs_give(transform: str, value: str, derived: str) -> None:
    assert make_transform(transform)(value) == derived


def test_uid2_folds_what_gmail_ignores() -> None:
    transform = make_transform("uid2")

    assert transform("j.e.n+news@gmail.com") == transform("jen@gmail.com")
    assert transform("j.e.n@example.com") != transform("jen@example.com")


def test_a_derived_identifier_is_made_of_the_normalised_value_and_meets_one_that_was_sent() -> None:
    derived = spec(email_sha256=["hem", {"derive": {"from": "email", "transform": "sha256"}}])
    known = make_transform("sha256")("ann@example.com")

    address = parse(line(traits={"email": " Ann@Example.com "}), derived)
    hashed = parse(line(anonymousId="a2", hem=known.upper()), derived)
    both = parse(line(traits={"email": "ann@example.com"}, hem=known), derived)

    expected = [
        ("anonymous_id", "a1", "event"),
        ("email", "ann@example.com", "event"),
        ("email_sha256", known, "event"),
    ]
    assert carried(address) == expected
    assert carried(hashed) == [("anonymous_id", "a2", "event"), ("email_sha256", known, "event")]
    assert sorted(carried(both)) == expected


def test_every_value_of_a_type_has_its_derived_one_wherever_it_stands() -> None:
    derived = spec(email_sha256={"derive": {"from": "email", "transform": "sha256"}})
    external = [{"id": "b@example.com", "type": "email"}]

    event = parse(line(traits={"email": "a@example.com"}, context={"externalIds": external}), derived)

    of_type = [value for id_type, value, _ in carried(event) if id_type == "email_sha256"]
    assert of_type == [make_transform("sha256")(f"{letter}@example.com") for letter in "ab"]


def test_nothing_is_derived_from_what_was_dropped_or_is_a_previous_id() -> None:
    derived = spec(
        email_sha256={"derive": {"from": "email", "transform": "sha256"}},
        eid={"derive": {"from": "user_id", "transform": "md5"}},
    )

    dropped = parse(line(traits={"email": "not an address"}), derived)
    alias = parse(line(type="alias", anonymousId=None, userId="new", previousId="old"), derived)

    assert (carried(dropped), dropped["dropped"]) == ([("anonymous_id", "a1", "event")], ["id.email"])
    assert [(value, link) for id_type, value, link in carried(alias) if id_type == "eid"] == [
        (make_transform("md5")("new"), "event")
    ]
