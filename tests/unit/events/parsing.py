"""What the tests of parsing share: secrets, specs, and a way to parse one line."""

from __future__ import annotations

import json
from typing import Any

from oneuser.core.keyed import Keys
from oneuser.events.mapping import load_preset, read_mapping
from oneuser.events.parse import EVENT_COLUMNS, MessageParser
from oneuser.events.spec import IdTypeSpec, SourceSpec
from oneuser.events.syntax import RefusedLine

KEYS = Keys("tests", "k1", b"i" * 32, b"m" * 32, b"u" * 32)
HORIZON = 1_800_000_000_000_000  # 2027-01-15
ID_TYPES = (
    IdTypeSpec("user_id"),
    IdTypeSpec("email", "email"),
    IdTypeSpec("phone", "phone", "GB"),
    IdTypeSpec("anonymous_id"),
)
SEGMENT = SourceSpec("web", "web", load_preset("segment"), ID_TYPES)


def table_spec(**mapping: Any) -> SourceSpec:
    """A source of rows with a declared mapping."""
    read = read_mapping(mapping, is_table=True)
    return SourceSpec("shop", "shop", read, (*ID_TYPES, IdTypeSpec("customer_id")), is_table=True)


def message(**parts: Any) -> dict[str, Any]:
    """A track message that is fine, but for `parts`; null leaves a part out."""
    whole = {
        "messageId": "m1",
        "type": "track",
        "event": "Seen",
        "anonymousId": "a1",
        "timestamp": "2026-05-01T10:00:00Z",
        "receivedAt": "2026-05-01T10:00:01Z",
        **parts,
    }
    return {key: value for key, value in whole.items() if value is not None}


def line(**parts: Any) -> bytes:
    """The same as a line."""
    return json.dumps(message(**parts)).encode()


def parse(raw: bytes, spec: SourceSpec = SEGMENT) -> dict[str, Any]:
    """Columns of the event in a line, or `code` and `detail` of its refusal."""
    try:
        row = MessageParser(spec, KEYS, horizon=HORIZON).parse_line(raw, len(raw))
    except RefusedLine as refusal:
        return {"code": refusal.code, "detail": refusal.detail}
    return {"code": None, **dict(zip(EVENT_COLUMNS, row, strict=True))}


def parse_row(row: dict[str, Any], spec: SourceSpec) -> dict[str, Any]:
    """The same for a row of a table."""
    try:
        parsed = MessageParser(spec, KEYS, horizon=HORIZON).parse_row(row)
    except RefusedLine as refusal:
        return {"code": refusal.code, "detail": refusal.detail}
    return {"code": None, **dict(zip(EVENT_COLUMNS, parsed, strict=True))}


def carried(event: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Type, value and link of an event's identifiers."""
    return [(link.identifier.id_type, link.identifier.value, link.link) for link in event["identifiers"]]
