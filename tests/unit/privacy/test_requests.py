"""Requests as OpenDSR shapes them: one, many, and what is wrong with them, without a value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oneuser.core.errors import ConfigError
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.privacy.requests import Request, read_requests

TYPES = ("email", "user_id")


def asked(request_id: str, **facts: Any) -> dict[str, Any]:
    identities = [{"identity_type": "email", "identity_value": "ann@example.com", "identity_format": "raw"}]
    return {"subject_request_id": request_id, "subject_identities": identities} | facts


def read(text: str) -> list[Request]:
    return read_requests({"requests.json": text}, action="erase", scope="connected", id_types=dict.fromkeys(TYPES))


def test_one_object_an_array_and_a_line_each_are_the_same_requests() -> None:
    both = [asked("a"), asked("b", scope="exact")]

    assert read(json.dumps(both)) == read("\n".join(map(json.dumps, both)))
    assert [one.scope for one in read(json.dumps(both))] == ["connected", "exact"]
    assert read(json.dumps(asked("a"))) == [
        Request("a", "erase", "connected", (NamedIdentifier("email", "ann@example.com"),))
    ]


def test_a_request_is_kept_as_it_was_read() -> None:
    (request,) = read(json.dumps(asked("a")))
    (lawful,) = read(json.dumps(asked("b", regulation="gdpr", submitted_time="2026-03-01T01:00:00+01:00")))

    assert Request.from_text(request.to_text()) == request
    assert Request.from_text(lawful.to_text()) == lawful
    assert lawful.claims == {"regulation": "gdpr", "submitted_time": "2026-03-01T00:00:00+00:00"}


def test_the_customer_id_of_the_standard_is_a_user_id() -> None:
    identity = {"identity_type": "controller_customer_id", "identity_value": "7"}

    (request,) = read(json.dumps(asked("a", subject_identities=[identity])))

    assert request.identities == (NamedIdentifier("user_id", "7"),)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (asked("../../etc"), "subject_request_id"),
        (asked("a", subject_request_type="access"), "subject_request_type"),
        (asked("a", scope="everything"), "scope"),
        (asked("a", subject_identities=[]), "subject_identities"),
        (asked("a", subject_identities=[{"identity_type": "shoe", "identity_value": "9"}]), "email, user_id"),
        (asked("a", subject_identities=[{"identity_type": "email", "identity_value": 9}]), "identity_value"),
        ("ann@example.com", "not an object"),
        (asked("a", regulation="ask ann"), "regulation"),
        (asked("a", submitted_time="yesterday"), "submitted_time"),
        (asked("a", submitted_time="2026-03-01T00:00:00"), "submitted_time"),
        (asked("a", submitted_time=1), "submitted_time"),
        (
            asked(
                "a",
                regulation="number-7",
                subject_identities=[{"identity_type": "user_id", "identity_value": "NUMBER-7"}],
            ),
            "holds an identity",
        ),
    ],
)
def test_what_is_wrong_is_said_without_a_value(wrong: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as problem:
        read(json.dumps(wrong))

    assert "ann@example.com" not in str(problem.value)


def test_all_mistakes_are_told_at_once_with_their_lines() -> None:
    text = f"{json.dumps(asked('a'))}\n{{broken\n{json.dumps(asked('b', scope='x'))}\n"

    with pytest.raises(ConfigError) as problem:
        read(text)

    assert [one.line for one in problem.value.problems] == [2, 3]


def test_one_id_for_two_requests_is_refused() -> None:
    other = [{"identity_type": "email", "identity_value": "bob@example.com"}]

    with pytest.raises(ConfigError, match="another request"):
        read(json.dumps([asked("a"), asked("a", subject_identities=other)]))


def test_an_erasure_says_how_far_it_goes() -> None:
    with pytest.raises(ConfigError, match="--scope"):
        read_requests({"one.json": json.dumps(asked("a"))}, action="erase", scope=None, id_types=TYPES)


def test_a_package_answers_portability_and_access_for_the_whole_person() -> None:
    texts = {"both.json": json.dumps([asked(kind, subject_request_type=kind) for kind in ("portability", "access")])}

    found = read_requests(texts, action="package", scope=None, id_types=TYPES)

    assert [(one.request_id, one.scope) for one in found] == [("portability", "connected"), ("access", "connected")]
    erasure = {"one.json": json.dumps(asked("a", subject_request_type="erasure"))}
    with pytest.raises(ConfigError, match="portability or access"):
        read_requests(erasure, action="package", scope=None, id_types=TYPES)


def test_nesting_without_end_is_a_mistake_like_others() -> None:
    with pytest.raises(ConfigError):
        read("[" * 100_000)


def test_a_broken_text_over_many_lines_is_one_mistake_where_it_breaks() -> None:
    text = json.dumps(asked("a"), indent=2).replace('"scope"', "scope").replace("]", "")

    with pytest.raises(ConfigError) as problem:
        read(text)

    (found,) = problem.value.problems
    assert found.line == len(text.splitlines())
    assert "not JSON from column" in found.message
    with pytest.raises(ConfigError, match=r"requests\.json:1: not JSON from column 1 on"):
        read("email\nann@example.com\nbob@example.com\n")


def test_a_key_that_stands_twice_is_refused_since_nobody_can_tell_which_is_meant() -> None:
    text = json.dumps(asked("a"))[:-1] + ', "subject_request_id": "b"}'

    for wrong in (text, f"{json.dumps(asked('c'))}\n{text}\n"):
        with pytest.raises(ConfigError, match="a key stands twice"):
            read(wrong)
    # in the first line of several, too, it hides no other mistake
    with pytest.raises(ConfigError) as problem:
        read(f"{text}\n{{}}\n{text}\n")
    assert {one.line for one in problem.value.problems} == {1, 2, 3}


def test_a_blank_identity_is_refused() -> None:
    with pytest.raises(ConfigError, match="is blank"):
        read(json.dumps(asked("a", subject_identities=[{"identity_type": "email", "identity_value": " "}])))


def test_breaks_of_lines_within_a_text_end_no_line() -> None:
    both = [asked("a", note="one\u2028two"), asked("b")]

    assert len(read("\r\n".join(json.dumps(one, ensure_ascii=False) for one in both))) == 2


def test_the_order_of_identities_makes_no_other_request() -> None:
    two = [{"identity_type": "email", "identity_value": value} for value in ("ann@example.com", "bob@example.com")]

    (one,) = read(json.dumps([asked("a", subject_identities=two), asked("a", subject_identities=two[::-1])]))

    assert len(one.identities) == 2


def test_a_suppression_is_exact_and_its_end_may_be_connected() -> None:
    texts = {"one.json": json.dumps(asked("a", scope="connected"))}

    with pytest.raises(ConfigError, match="a suppression is exact"):
        read_requests(texts, action="suppress", scope=None, id_types=TYPES)
    (freed,) = read_requests(texts, action="unsuppress", scope=None, id_types=TYPES)

    assert freed.scope == "connected"


@pytest.mark.parametrize(
    ("request_id", "is_refused"),
    [("erase-customer-17", True), ("CUSTOMER-17", True), ("customer-171", False), ("erase-9", False)],
)
def test_an_id_that_holds_an_identity_is_refused_since_no_search_could_ever_end_well(
    request_id: str,
    is_refused: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    identity = {"identity_type": "user_id", "identity_value": " Customer-17 "}
    text = json.dumps(asked(request_id, subject_identities=[identity]))

    if is_refused:
        with pytest.raises(ConfigError, match="holds an identity"):
            read(text)
    else:
        assert len(read(text)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"subject_request_id": ' + "7" * 5_000 + "}", "a number of more digits than can be read"),
        ('{"subject_request_id": "a"}\n{"subject_request_id": ' + "7" * 5_000 + "}", "a number of more digits"),
        (json.dumps(asked("a", subject_identities=[{"identity_type": ["email"]}])), "identity_type: expected one of"),
        (json.dumps(asked("a", subject_identities=[{"identity_type": {}}])), "identity_type: expected one of"),
        (
            json.dumps(
                asked("a", subject_identities=[{"identity_type": "email", "identity_value": "a\ud800@b.example"}])
            ),
            "identity_value: holds half a character",
        ),
        (json.dumps(asked("4711.receipt")), r"subject_request_id: .* that does not end in \.receipt"),
    ],
)
def test_what_json_allows_and_nothing_can_work_with_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(text)


@pytest.mark.parametrize("empty", ["", " \n", "[]"])
def test_a_file_without_a_request_is_named_also_beside_others(empty: str) -> None:
    texts = {"one.json": json.dumps(asked("a")), "none.jsonl": empty}

    with pytest.raises(ConfigError, match=r"none\.jsonl:1: expected a request, found none"):
        read_requests(texts, action="erase", scope="connected", id_types=TYPES)


def test_of_mistakes_without_end_the_first_are_told() -> None:
    with pytest.raises(ConfigError) as problem:
        read_requests({"many.jsonl": "x\n" * 100_000}, action="erase", scope="connected", id_types=TYPES)

    assert len(problem.value.problems) == 101
    assert "more" in problem.value.problems[-1].message
