"""Records of link tables: which are links, and what the others are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oneuser.events.link_records import LEFT_OUT, LinkReader, LinkSpec, Part, RefusedRecord, ValueTest, passes
from tests.unit.events.parsing import HORIZON, ID_TYPES, KEYS

ENDS = ((Part("a"),), (Part("b"),))
TYPED = LinkSpec({spec.name: spec for spec in ID_TYPES}, ("user_id", "email"), ENDS, HORIZON)
FOUR_COLUMNS = replace(TYPED, types=None)


def read(record: dict[str, Any], spec: LinkSpec = TYPED) -> Any:
    try:
        link = LinkReader(spec, KEYS).read(record)
    except RefusedRecord as refusal:
        return refusal.code, refusal.detail
    return [(end.id_type, end.value) for end in (link.a, link.b)], link.at


def test_ends_are_normalised_like_those_of_events() -> None:
    ends, at = read({"a": "u1", "b": " Ann@Example.com", "link_time": None})

    assert ends == [("user_id", "u1"), ("email", "ann@example.com")]
    assert at is None


def test_each_record_may_say_its_own_types() -> None:
    record = {"type_a": "email", "a": "a@x.com", "type_b": "email", "b": "b@x.com"}

    assert read(record, FOUR_COLUMNS)[0] == [("email", "a@x.com"), ("email", "b@x.com")]
    assert read(record | {"type_b": "crm"}, FOUR_COLUMNS) == ("links.type", "the type of end b is not declared")
    assert read(record | {"type_a": None}, FOUR_COLUMNS) == ("links.type", "the type of end a is not declared")


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("null", "a@x.com", ("id.blocked", "end a")),
        ("u1", "no address", ("id.email", "end b")),
        (None, "a@x.com", ("links.missing", "end a")),
        ("a\u200bb", "a@x.com", ("id.charset", "end a")),
    ],
)
def test_what_names_nobody_is_no_end(a: str | None, b: str | None, said: tuple[str, str]) -> None:
    assert read({"a": a, "b": b}) == said


def test_a_value_may_be_put_together() -> None:
    spec = replace(TYPED, values=((Part("set"), Part(None, "-"), Part("a")), (Part("b"),)))

    assert read({"set": "crm", "a": "0", "b": "a@x.com"}, spec)[0][0] == ("user_id", "crm-0")
    assert read({"set": None, "a": "0", "b": "a@x.com"}, spec) == ("links.missing", "end a")


def test_an_identifier_is_not_linked_to_itself() -> None:
    spec = replace(TYPED, types=("email", "email"))

    assert read({"a": "A@x.com", "b": "a@x.com"}, spec)[0] == "links.self"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-05-01T10:00:00Z", 1_777_629_600_000_000),
        ("1777629600", 1_777_629_600_000_000),
        ("2026-05-01", 1_777_593_600_000_000),
        ("soon", "no time"),
        ("1969-12-31T00:00:00Z", "before 1970"),
        ("2027-05-01T00:00:00Z", "in the future"),
    ],
)
def test_times_are_read_like_those_of_events(text: str, found: int | str) -> None:
    record = {"a": "u1", "b": "a@x.com", "link_time": text}

    assert read(record)[1] == found


def test_a_time_may_have_a_declared_form() -> None:
    spec = replace(TYPED, time_format="dd/MM/yyyy HH:mm", time_zone="Europe/London")

    at = read({"a": "u1", "b": "a@x.com", "link_time": "01/05/2026 11:00"}, spec)[1]

    assert at == 1_777_629_600_000_000


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("0.95", ValueTest(at_least=0.95)),
        ("1e0", ValueTest(at_least=0.95, at_most=1.0)),
        ("3", ValueTest(at_most=3.0)),
        ("active", ValueTest(one_of=("active", "lead"))),
        ("2.0", ValueTest(one_of=(2,))),
        ("TRUE", ValueTest(one_of=(True,))),
    ],
)
def test_what_passes_a_test(text: str, test: ValueTest) -> None:
    assert passes(text, test)


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("0.9499", ValueTest(at_least=0.95)),
        ("1.01", ValueTest(at_least=0.95, at_most=1.0)),
        ("Active", ValueTest(one_of=("active",))),
        ("1", ValueTest(one_of=(True,))),
        (None, ValueTest(at_least=0.0)),
        (None, ValueTest(one_of=("",))),
    ],
)
def test_what_does_not(text: str | None, test: ValueTest) -> None:
    assert not passes(text, test)


def test_a_record_that_a_test_leaves_out_is_no_fault_and_one_without_a_number_is() -> None:
    spec = replace(TYPED, tests={"score": ValueTest(at_least=0.5)})
    record = {"a": "u1", "b": "a@x.com"}

    assert read(record | {"score": "0.7"}, spec)[1] is None
    assert read(record | {"score": "0.4", "a": "null"}, spec) == (LEFT_OUT, None)
    assert read(record | {"score": "high"}, spec)[0] == "reference.number"
    assert read(record | {"score": "nan"}, spec)[0] == "reference.number"
