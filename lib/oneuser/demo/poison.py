"""Lines that a log holds in real life and nobody wants: each with what ingest must make of it.

A poison line is an extra line. It never takes the place of a good one, so the truth does not depend on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from oneuser.core.reasons import Reason

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
    code: Reason | None
    flag: Reason | None = None

    @property
    def is_damage(self) -> bool:
        """Whether such lines count towards `quarantine.max_share`."""
        return self.code is not None and self.code.is_damage


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
    Poison("not_json", lambda _: "<html><body>502 Bad Gateway</body></html>", Reason.JSON_SYNTAX),
    Poison("truncated", lambda s: s.line[: len(s.line) * 3 // 5], Reason.JSON_SYNTAX),
    Poison("scalar", lambda s: str(s.milli), Reason.JSON_SYNTAX),
    Poison("array", lambda s: f"[{_line(s)}]", Reason.JSON_SYNTAX),
    Poison("two_objects", lambda s: _line(s) + _line(s, messageId=f"{s.message_id}-b"), Reason.JSON_MULTI),
    Poison("trailing_garbage", lambda s: f"{_line(s)} /* end */", Reason.JSON_SYNTAX),
    Poison("duplicate_key", lambda s: f'{_line(s)[:-1]},"anonymousId":"another-browser"}}', Reason.JSON_DUP_KEY),
    Poison("oversize", lambda s: _line(s, properties={"html": "x" * _OVERSIZE}), Reason.LIMIT_LINE),
    Poison("nested", _nested, Reason.LIMIT_DEPTH),
    Poison("no_time", lambda s: _line(s, timestamp=None, receivedAt=None), Reason.TIME_MISSING),
    Poison("far_future", lambda s: _line(s, timestamp=_FAR_FUTURE, receivedAt=None), Reason.TIME_FUTURE),
    Poison("unknown_type", lambda s: _line(s, type="purchase"), Reason.SPEC_UNKNOWN_TYPE),
    Poison("no_identity", lambda s: _line(s, anonymousId=None), Reason.SPEC_NO_IDENTITY),
    Poison("garbage_identity", lambda s: _line(s, anonymousId=None, userId="undefined"), Reason.SPEC_NO_IDENTITY),
    Poison("group_without_group", lambda s: _line(s, type="group"), Reason.SPEC_GROUP),
    Poison("alias_of_nothing", lambda s: _line(s, type="alias"), Reason.SPEC_ALIAS),
    Poison("user_id_null", lambda s: _line(s, userId="null"), None, Reason.ID_BLOCKED),
    Poison("user_id_undefined", lambda s: _line(s, userId=" Undefined "), None, Reason.ID_BLOCKED),
    Poison("user_id_object", lambda s: _line(s, userId={"id": 7}), None, Reason.ID_TYPE),
    Poison("user_id_boolean", lambda s: _line(s, userId=True), None, Reason.ID_TYPE),
    Poison("user_id_fraction", lambda s: _line(s, userId=7.5), None, Reason.ID_TYPE),
    Poison("user_id_zero_width", lambda s: _line(s, userId="u7\u200b7"), None, Reason.ID_CHARSET),
    Poison("user_id_not_utf8", _invalid_utf8, None, Reason.ID_CHARSET),
    Poison("bad_email", lambda s: _line(s, type="identify", traits={"email": "ada(at)home"}), None, Reason.ID_EMAIL),
    Poison("epoch_time", lambda s: _line(s, timestamp=s.clock.epoch_millis(s.milli)), None, Reason.TIME_EPOCH_MS),
    Poison("no_timestamp", lambda s: _line(s, timestamp=None), None, Reason.TIME_MISSING),
    Poison("future_timestamp", lambda s: _line(s, timestamp=_FAR_FUTURE), None, Reason.TIME_FUTURE),
)
DAMAGED = tuple(poison for poison in POISONS if poison.is_damage)
ODD = tuple(poison for poison in POISONS if not poison.is_damage)
# a few endless lines do; a share of them would double a large log
MAX_OVERSIZE = 40
