"""Lines that a log holds in real life and nobody wants: each with what ingest must make of it.

A poison line is an extra line. It never takes the place of a good one, so the truth does not depend on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneuser.demo.times import Clock

_OVERSIZE = 40_000
_DEPTH = 150
_FAR_FUTURE = "2199-01-01T00:00:00.000Z"


class Sample(NamedTuple):
    """What a poison line is made of: a good line, a browser, a moment, and a message id of its own."""

    line: str
    anonymous_id: str
    clock: Clock
    milli: int
    message_id: str


class Poison(NamedTuple):
    """One class. `code` is the code of quarantine, or null where the event is accepted; `flag` says what is odd."""

    name: str
    make: Callable[[Sample], str]
    code: str | None
    flag: str | None = None

    @property
    def is_damage(self) -> bool:
        """Whether such lines count towards `quarantine.max_share`."""
        return self.code is not None and not self.code.startswith("spec.")


def _message(sample: Sample, **changes: Any) -> dict[str, Any]:
    """A plain message of the sample's browser; a change to null takes a key away."""
    time, received = sample.clock.write(sample.milli), sample.clock.write(sample.milli + 300)
    message = {
        "messageId": sample.message_id,
        "type": "track",
        "event": "Page Scrolled",
        "anonymousId": sample.anonymous_id,
        "properties": {"depth": 50},
        "receivedAt": received,
        "timestamp": time,
        **changes,
    }
    return {key: value for key, value in message.items() if value is not None}


def _line(sample: Sample, **changes: Any) -> str:
    return orjson.dumps(_message(sample, **changes)).decode()


def _nested(sample: Sample) -> str:
    deep = "[" * _DEPTH + "]" * _DEPTH
    return f'{{"deep":{deep},{_line(sample)[1:]}'


def _invalid_utf8(sample: Sample) -> str:
    # a byte that is no UTF-8, carried through text as Python does
    return _line(sample, userId="uBYTE7").replace("BYTE", "\udcff")


POISONS = (
    Poison("not_json", lambda _: "<html><body>502 Bad Gateway</body></html>", "json.syntax"),
    Poison("truncated", lambda s: s.line[: len(s.line) * 3 // 5], "json.syntax"),
    Poison("scalar", lambda s: str(s.milli), "json.syntax"),
    Poison("array", lambda s: f"[{_line(s)}]", "json.syntax"),
    Poison("two_objects", lambda s: _line(s) + _line(s, messageId=f"{s.message_id}-b"), "json.multi"),
    Poison("trailing_garbage", lambda s: f"{_line(s)} /* end */", "json.syntax"),
    Poison("duplicate_key", lambda s: f'{_line(s)[:-1]},"anonymousId":"another-browser"}}', "json.dup_key"),
    Poison("oversize", lambda s: _line(s, properties={"html": "x" * _OVERSIZE}), "limit.line"),
    Poison("nested", _nested, "limit.depth"),
    Poison("no_time", lambda s: _line(s, timestamp=None, receivedAt=None), "time.missing"),
    Poison("far_future", lambda s: _line(s, timestamp=_FAR_FUTURE, receivedAt=None), "time.future"),
    Poison("unknown_type", lambda s: _line(s, type="purchase"), "spec.unknown_type"),
    Poison("no_identity", lambda s: _line(s, anonymousId=None), "spec.no_identity"),
    Poison("garbage_identity", lambda s: _line(s, anonymousId=None, userId="undefined"), "spec.no_identity"),
    Poison("group_without_group", lambda s: _line(s, type="group"), "spec.group"),
    Poison("alias_of_nothing", lambda s: _line(s, type="alias"), "spec.alias"),
    Poison("user_id_null", lambda s: _line(s, userId="null"), None, "id.blocked"),
    Poison("user_id_undefined", lambda s: _line(s, userId=" Undefined "), None, "id.blocked"),
    Poison("user_id_object", lambda s: _line(s, userId={"id": 7}), None, "id.type"),
    Poison("user_id_boolean", lambda s: _line(s, userId=True), None, "id.type"),
    Poison("user_id_fraction", lambda s: _line(s, userId=7.5), None, "id.type"),
    Poison("user_id_zero_width", lambda s: _line(s, userId="u7\u200b7"), None, "id.charset"),
    Poison("user_id_not_utf8", _invalid_utf8, None, "id.charset"),
    Poison("bad_email", lambda s: _line(s, type="identify", traits={"email": "ada(at)home"}), None, "id.email"),
    Poison("epoch_time", lambda s: _line(s, timestamp=s.clock.epoch_millis(s.milli)), None, "time.epoch_ms"),
    Poison("no_timestamp", lambda s: _line(s, timestamp=None), None, "time.missing"),
    Poison("future_timestamp", lambda s: _line(s, timestamp=_FAR_FUTURE), None, "time.future"),
)
DAMAGED = tuple(poison for poison in POISONS if poison.is_damage)
ODD = tuple(poison for poison in POISONS if not poison.is_damage)
# a few endless lines do; a share of them would double a large log
MAX_OVERSIZE = 40
