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
    return read_requests({"requests.json": text}, action="erase", scope="connected", id_types=TYPES)


def test_one_object_an_array_and_a_line_each_are_the_same_requests() -> None:
    both = [asked("a"), asked("b", scope="exact")]

    assert read(json.dumps(both)) == read("\n".join(map(json.dumps, both)))
    assert [one.scope for one in read(json.dumps(both))] == ["connected", "exact"]
    assert read(json.dumps(asked("a"))) == [
        Request("a", "erase", "connected", (NamedIdentifier("email", "ann@example.com"),))
    ]


def test_a_request_is_kept_as_it_was_read() -> None:
    (request,) = read(json.dumps(asked("a")))

    assert Request.from_text(request.to_text()) == request


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
