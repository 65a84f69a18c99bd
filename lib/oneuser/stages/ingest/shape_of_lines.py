"""What lines look like of which none is accepted, and what to do about it. Names keys, never values. No Spark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from oneuser.core.suggestions import did_you_mean
from oneuser.events.parse import paths_of

if TYPE_CHECKING:
    from oneuser.events.spec import SourceSpec

_MOST_SHOWN = 8
_LOOK = "look into `quarantine`, or at the files and the mapping"
# a key may be anything, a value too
_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$ -]{0,63}")


def explain_lines(spec: SourceSpec, line: bytes) -> str:
    """What to do, from the keys of the first line of a source beside those that its mapping reads."""
    if spec.is_table:
        return _LOOK
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return f"the lines are no JSON objects; {_LOOK}"
    for key in spec.root:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return f"nothing is where `root` says; {_LOOK}"
    keys = [key for key in found if _KEY.fullmatch(key)]
    wanted = _top_keys(spec)
    folded = {_fold(key): key for key in wanted}
    other_spelling = [key for key in keys if key not in wanted and _fold(key) in folded]
    if other_spelling:
        shown = ", ".join(other_spelling[:_MOST_SHOWN])
        meant = ", ".join(folded[_fold(key)] for key in other_spelling[:_MOST_SHOWN])
        return (
            f"the lines have {shown} where {meant} is read: columns of a warehouse, not messages; give a `mapping` in "
            "place of the preset, or export the messages themselves"
        )
    absent = sorted(wanted - set(keys))
    nearest = did_you_mean(absent[0], keys) if absent else ""
    return f"the lines have the keys {', '.join(keys[:_MOST_SHOWN]) or 'of no name'}{nearest or ';'} {_LOOK}"


def _top_keys(spec: SourceSpec) -> set[str]:
    mapping = spec.mapping
    parts = [mapping.message_id, mapping.type, mapping.event, mapping.event_time, mapping.received_at, mapping.group_id]
    parts += [part for _, part in mapping.identifiers]
    return {keys[0] for part in parts for keys in paths_of(part)}


def _fold(key: str) -> str:
    return key.replace("_", "").lower()
