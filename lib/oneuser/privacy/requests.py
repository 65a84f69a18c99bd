"""Requests of people about their data, as OpenDSR 2.0 shapes them: what is asked, and for whom. Reads no files.

A request names identities; the run that takes it in brings them to their normal form and looks for their keyed hashes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast, get_args

from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.core.text_readings import folded, has_half_character
from oneuser.core.whole_words import holds, is_telling
from oneuser.core.zoned_times import checked_instant

Action = Literal["erase", "suppress", "unsuppress"]
# an action is taken in by a run; who asks for a package is answered at once
Asked = Literal[Action, "package"]
Scope = Literal["connected", "exact"]

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_REGULATION = re.compile(r"[A-Za-z0-9_-]{1,40}")
# what OpenDSR calls identities that the default types of identifiers call otherwise
_OPENDSR_TYPES = {"controller_customer_id": "user_id"}
# how far a request goes that does not say it; an erasure has to
_SCOPES: dict[Asked, Scope] = {"suppress": "exact", "unsuppress": "exact", "package": "connected"}
# what a request may be called, where it says so
_ERASURE, _PORTABILITY = ("erasure",), ("portability", "access")
# files of one request a line, by the ending of their name
LINES_ENDINGS = (".jsonl", ".ndjson")
# an id that ends so would have the status file of one request take the place of another one's receipt
_RECEIPT = ".receipt"
_MOST_IDENTITIES = 1_000
_LONGEST_VALUE = 2_000
_MOST_PROBLEMS = 100
_NEXT_STEP = "mend the requests: nothing was done"


@dataclass(frozen=True)
class Request:
    """One request.

    `scope` says how far an erasure goes: the whole person, or the messages that carry what is named; and how far it is
    ended that something is suppressed: all that one request has suppressed, or what is named. `regulation` is the law
    by which somebody asks, and `submitted_time` when they did, as they say: time limits count from then.
    """

    request_id: str
    action: Asked
    scope: Scope
    identities: tuple[NamedIdentifier, ...]
    regulation: str | None = None
    submitted_time: str | None = None

    def to_text(self) -> str:
        """The request as it is kept in the raw zone until it is completed: it holds values."""
        identities = [[one.id_type, one.value] for one in self.identities]
        facts = {"request_id": self.request_id, "action": self.action, "scope": self.scope, "identities": identities}
        return json.dumps(facts | self.claims) + "\n"

    @property
    def claims(self) -> dict[str, str]:
        """By which law somebody asks, and since when, as far as they say it."""
        claimed = {"regulation": self.regulation, "submitted_time": self.submitted_time}
        return {name: text for name, text in claimed.items() if text is not None}

    def is_same(self, other: Request) -> bool:
        """Whether both ask the same about the same, in whatever order their identities stand."""
        asked = (self.request_id, self.action, self.scope)
        is_alike = asked == (other.request_id, other.action, other.scope)
        return is_alike and set(self.identities) == set(other.identities)

    @classmethod
    def from_text(cls, text: str) -> Request:
        """What `to_text` wrote."""
        facts = json.loads(text)
        identities = tuple(NamedIdentifier(id_type, value) for id_type, value in facts["identities"])
        claims = facts.get("regulation"), facts.get("submitted_time")
        return cls(facts["request_id"], facts["action"], facts["scope"], identities, *claims)


def read_requests(
    texts: Mapping[str, str], *, action: Asked, scope: Scope | None, id_types: Collection[str]
) -> list[Request]:
    """Requests from the texts of files: one JSON object each, an array of them, or JSON Lines.

    Args:
        texts: Texts by the name of their file.
        action: What is to be done with them.
        scope: How far an erasure goes where a request does not say it itself.
        id_types: Types of identifiers that are declared.

    Raises:
        ConfigError: with every mistake in them, or the first hundred, without a value.
    """
    problems: list[ConfigProblem] = []
    found: dict[str, Request] = {}
    for name, text in texts.items():
        n_objects, n_problems = 0, len(problems)
        for number, fact in _objects(name, text, problems):
            n_objects += 1
            refuse = partial(_add, problems, (name, number))
            request = _read_one(fact, action, scope, id_types, refuse)
            if request is not None and not found.setdefault(request.request_id, request).is_same(request):
                _add(problems, (name, number), f"another request has the id {request.request_id!r}")
        if not n_objects and len(problems) == n_problems:
            _add(problems, (name, 1), "expected a request, found none")
    if problems:
        raise ConfigError(problems, next_step=_NEXT_STEP)
    return list(found.values())


def _add(problems: list[ConfigProblem], at: tuple[str, int], message: str) -> None:
    """Keep a mistake.

    Raises:
        ConfigError: where there are too many to be read: a file that is something else has one in each of its lines.
    """
    if len(problems) == _MOST_PROBLEMS:
        more = ConfigProblem("", "and more, which were not looked for", file=at[0], code="config.usage")
        raise ConfigError([*problems, more], next_step=_NEXT_STEP)
    problems.append(ConfigProblem("", message, file=at[0], line=at[1], code="config.usage"))


def _objects(name: str, text: str, problems: list[ConfigProblem]) -> Iterator[tuple[int, Any]]:
    """The objects of one text, each with the line that it begins in."""
    try:
        whole = _parse(text)
    except RecursionError:
        _add(problems, (name, 1), "nested too deeply: expected a request")
    except ValueError as error:
        # only a line feed ends a line: other breaks may stand within a text of JSON
        lines = text.split("\n")
        if _is_lines(name, lines):
            yield from _objects_of_lines(name, lines, problems)
        elif not isinstance(error, json.JSONDecodeError):
            _add(problems, (name, 1), str(error))
        else:
            expected = "expected one request, an array of them, or one request a line"
            _add(problems, (name, error.lineno), f"not JSON from column {error.colno} on: {expected}")
    else:
        yield from ((1, one) for one in (whole if isinstance(whole, list) else [whole]))


def _is_lines(name: str, lines: list[str]) -> bool:
    """Whether a text that is no JSON as a whole is meant as JSON Lines: by the name of its file, or its first line."""
    first = next((line.strip() for line in lines if line.strip()), "")
    return name.lower().endswith(LINES_ENDINGS) or (first.startswith("{") and first.endswith("}"))


def _objects_of_lines(name: str, lines: list[str], problems: list[ConfigProblem]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, _parse(line)
        except (json.JSONDecodeError, RecursionError):
            _add(problems, (name, number), "not JSON: expected one request a line")
        except ValueError as error:
            _add(problems, (name, number), str(error))


def _parse(text: str) -> Any:
    """The value of a JSON text in which no object has a key twice.

    Raises:
        ValueError: where one has, or a number is longer than Python reads; of no JSON, a `JSONDecodeError`.
    """
    return json.loads(text, object_pairs_hook=_object, parse_int=_integer)


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise ValueError("a number of more digits than can be read: expected a request") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # nobody can tell which of the two was meant
        raise ValueError("a key stands twice in one object: expected each once")
    return found


def _read_one(
    fact: Any, action: Asked, scope: Scope | None, id_types: Collection[str], refuse: Callable[[str], None]
) -> Request | None:
    """A request from its object; null where something is wrong with it, which `refuse` is told."""
    if not isinstance(fact, dict):
        refuse("not an object: expected a request")
        return None
    request_id = fact.get("subject_request_id")
    if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id) or request_id.endswith(_RECEIPT):
        expected = "up to 100 letters, digits, dots, dashes and underscores"
        refuse(f"subject_request_id: expected a text of {expected}, that does not end in {_RECEIPT}")
        return None
    kinds = _PORTABILITY if action == "package" else _ERASURE
    if fact.get("subject_request_type", kinds[0]) not in kinds:
        refuse(f"subject_request_type: expected {' or '.join(kinds)}")
        return None
    wanted = fact.get("scope", scope or _SCOPES.get(action))
    if wanted not in get_args(Scope):
        refuse("scope: expected connected (the person) or exact (what is named), in the request or by --scope")
        return None
    if action == "suppress" and wanted != "exact":
        refuse("scope: a suppression is exact: expected every identifier to be named")
        return None
    identities = fact.get("subject_identities")
    if not isinstance(identities, list) or not 0 < len(identities) <= _MOST_IDENTITIES:
        refuse(f"subject_identities: expected a list of 1 to {_MOST_IDENTITIES} identities")
        return None
    named = [_identity(one, id_types) for one in identities]
    wrong = dict.fromkeys(one for one in named if isinstance(one, str))
    for message in wrong:
        refuse(message)
    kept = tuple(dict.fromkeys(one for one in named if isinstance(one, NamedIdentifier)))
    claims = _regulation(fact, refuse), _submitted_time(fact, refuse)
    for name, text in (("subject_request_id", request_id), ("regulation", claims[0] or "")):
        if any(_is_named_by(text, one.value) for one in kept):
            refuse(f"{name}: holds an identity, and stays for ever where no value may: expected one without")
            return None
    return None if wrong else Request(request_id, action, cast("Scope", wanted), kept, *claims)


def _regulation(fact: Mapping[str, Any], refuse: Callable[[str], None]) -> str | None:
    """The law by which somebody asks, null where nothing is said of it."""
    found = fact.get("regulation")
    if found is not None and not (isinstance(found, str) and _REGULATION.fullmatch(found)):
        refuse("regulation: expected up to 40 letters, digits, dashes and underscores, such as gdpr")
        return None
    return found


def _submitted_time(fact: Mapping[str, Any], refuse: Callable[[str], None]) -> str | None:
    """When somebody asked, in UTC, null where nothing is said of it."""
    found = fact.get("submitted_time")
    if found is None:
        return None
    try:
        if isinstance(found, str):
            return checked_instant("submitted_time", found).isoformat()
    except ConfigError:
        pass
    # what it is instead is not repeated: it may be anything
    refuse("submitted_time: expected a time with its zone, such as 2026-03-01T00:00:00Z")
    return None


def _is_named_by(kept: str, value: str) -> bool:
    """Whether a search for a value would find it in the id of the request, or another text that is kept of it."""
    value = value.strip()
    return is_telling(value) and holds(folded(kept.encode()), folded(value.encode()))


def _identity(fact: Any, id_types: Collection[str]) -> NamedIdentifier | str:
    """An identity, or what is wrong with it."""
    if not isinstance(fact, dict):
        return "subject_identities: expected objects"
    id_type, value = fact.get("identity_type"), fact.get("identity_value")
    if isinstance(id_type, str) and id_type not in id_types:
        id_type = _OPENDSR_TYPES.get(id_type, id_type)
    if not isinstance(id_type, str) or id_type not in id_types:
        return f"identity_type: expected one of {', '.join(sorted(id_types))}"
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_VALUE:
        return f"identity_value: expected a text of up to {_LONGEST_VALUE} characters"
    if not value.strip():
        return "identity_value: is blank, expected whom the request is about"
    if has_half_character(value):
        return "identity_value: holds half a character (a surrogate of UTF-16), expected whole ones"
    if fact.get("identity_format", "raw") != "raw":
        return "identity_format: expected raw; hashes are not looked up"
    return NamedIdentifier(id_type, value)
