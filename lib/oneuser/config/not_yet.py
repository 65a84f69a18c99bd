"""Keys and values that the design has and this version does not: refused with a text that says so, never ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from oneuser.config.base import Place
from oneuser.config.document import Document
from oneuser.core.errors import ConfigProblem


@dataclass(frozen=True)
class NotYet:
    """One key, or some of its values, that nothing implements.

    In `path`, `*` stands for one key or place in a list and `**` for any number of them. Refused are the values of
    `refused`, or, where that is empty, every value but those of `allowed`. Null is always allowed.
    """

    path: str
    text: str
    refused: tuple[Any, ...] = ()
    allowed: tuple[Any, ...] = ()

    def refuses(self, value: Any) -> bool:
        """Whether a value written at this key is one that nothing implements."""
        if value is None:
            return False
        listed = self.refused or self.allowed
        # type and value: in Python, true equals 1
        is_listed = any(type(value) is type(entry) and value == entry for entry in listed)
        return is_listed if self.refused else not is_listed


NOT_YET = (
    NotYet("sources.*.format", "reading Delta tables is not implemented in this version", refused=("delta",)),
    NotYet(
        "sources.*.preset",
        "this preset is not implemented in this version; declare a `mapping` instead",
        refused=(
            "rudderstack", "snowplow", "ga4", "amplitude", "mixpanel", "posthog", "salesforce", "hubspot", "generic",
        ),
    ),
    NotYet("channels.*.when.utm_id", "utm_id is not kept of events in this version: test another utm parameter"),
    NotYet("audiences", "audiences are not implemented in this version"),
    NotYet("spark.packages", "Delta is found or fetched by itself; name others in spark-submit's --packages"),
)  # fmt: skip


def refused_keys(document: Document, table: tuple[NotYet, ...] = NOT_YET) -> dict[Place, ConfigProblem]:
    """What a document says that nothing implements, by place."""
    found: dict[Place, ConfigProblem] = {}
    for row in table:
        for place, value in _matches(document.values, row.path.split("."), ()):
            if row.refuses(value):
                found[place] = document.problem(place, row.text, code="config.not_yet")
    return found


def refused_words(place: Place, table: tuple[NotYet, ...] = NOT_YET) -> frozenset[Any]:
    """The words that a key knows and this version refuses."""
    parts = [str(part) for part in place]
    rows = [row for row in table if _fits(row.path.split("."), parts)]
    return frozenset(word for row in rows for word in row.refused)


def _fits(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) == len(parts) and all(p in {"*", part} for p, part in zip(pattern, parts, strict=True))


def without_not_yet(values: dict[str, Any], table: tuple[NotYet, ...] = NOT_YET) -> dict[str, Any]:
    """The values of a configuration without the keys that must not be written."""
    for row in table:
        if row.refused:
            continue
        for place, _ in list(_matches(values, row.path.split("."), ())):
            holder: Any = values
            for part in place[:-1]:
                holder = holder[part]
            if isinstance(holder, dict):
                del holder[place[-1]]
    return values


def _matches(value: Any, pattern: list[str], place: Place) -> Iterator[tuple[Place, Any]]:
    if not pattern:
        yield place, value
        return
    head, rest = pattern[0], pattern[1:]
    if head == "**":
        yield from _matches(value, rest, place)
        rest = pattern
    for part, below in _children(value):
        if head in {"*", "**"} or part == head:
            yield from _matches(below, rest, (*place, part))


def _children(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []
