"""From the visits of one day to lines of JSON: one line per message, visits in order of their beginning."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from oneuser.demo import visits as v
from oneuser.demo.channels import CLICK_ID, ORIGINS, app_landing_body, landing_body
from oneuser.demo.happenings import Happenings
from oneuser.demo.times import DAY_MILLIS, Clock
from oneuser.demo.vocabulary import APP, DEVICES, N_BROWSE, PRODUCTS, browse_bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from oneuser.demo.names import Names

_MAX_DRAW = 1 << 30
_MEAN_GAP_SECONDS = 35.0
_ID_BYTES = 12
_LAST_MILLI = DAY_MILLIS - 10_000
# one message in so many has no id; one in so many is stamped by a clock with an offset
_KEYLESS_EVERY, _AHEAD_EVERY = 199, 17
_LANDINGS = (("/", "Home"), ("/new", "New in"), ("/sale", "Sale"), (f"/p/{PRODUCTS[9][0].lower()}", "Product"))
_CONSENTS = tuple(
    f'"consent":{{"categoryPreferences":{{"Analytics":{analytics},"Advertising":{ads},"Functional":true}}}},'
    for analytics, ads in (("true", "true"), ("true", "true"), ("true", "false"), ("false", "false"))
)


class Line(NamedTuple):
    """A message on its way. It happens `milli` after midnight and is received `late_seconds` after that."""

    text: str
    has_id: bool
    late_seconds: int
    milli: int
    anonymous_id: str


@dataclass
class Tally:
    """What was written so far. Revenue is in minor units by currency."""

    kinds: Counter[str] = field(default_factory=Counter)
    revenue: Counter[str] = field(default_factory=Counter)
    n_keyless: int = 0
    n_late: int = 0
    n_skewed: int = 0


class LineWriter:
    """Writes the lines of one demo, day by day, and counts what it writes."""

    def __init__(self, names: Names, tally: Tally) -> None:
        self._names = names
        self._tally = tally
        self._happenings = Happenings(names, tally.revenue)
        self._web, self._app = browse_bodies(is_app=False), browse_bodies(is_app=True)
        self._landings = [[landing_body(origin, *place) for place in _LANDINGS] for origin in ORIGINS]
        self._app_landings = [[app_landing_body(origin)] for origin in ORIGINS]

    def lines_of(self, rng: np.random.Generator, visits: v.Visits, clock: Clock) -> list[Line]:
        """All messages of these visits, which are of one day. Rows of one visit stand together, in order of time."""
        n = int(visits.n_messages.sum())
        digits = rng.bytes(_ID_BYTES * n).hex()
        draws = rng.integers(0, _MAX_DRAW, n).tolist()
        millis = _times(rng, visits).tolist()
        columns = (
            visits.cookie,
            visits.platform,
            visits.origin,
            visits.n_messages,
            visits.late_seconds,
            visits.skew_seconds,
        )
        lines: list[Line] = []
        start = 0
        for row, (cookie, platform, origin, n_messages, late, skew) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            self._tally.n_late += n_messages if late else 0
            self._tally.n_skewed += n_messages if skew else 0
            browser = self._names.anonymous_ids[cookie]
            anonymous = f'"anonymousId":"{browser}",'
            bodies = self._bodies(visits, row, anonymous, platform, origin, draws[start : start + n_messages])
            for n_line, body in enumerate(bodies, start):
                draw, milli = draws[n_line], millis[n_line]
                width = 2 * _ID_BYTES
                message_id = digits[n_line * width : n_line * width + width]
                has_id = draw % _KEYLESS_EVERY > 0
                head = f'{{"messageId":"ajs-{message_id}",' if has_id else "{"
                self._tally.n_keyless += not has_id
                if CLICK_ID in body:
                    body = body.replace(CLICK_ID, message_id)  # noqa: PLW2901 - the last place it is needed
                lines.append(Line(f"{head}{body}{_tail(clock, milli, draw, late, skew)}", has_id, late, milli, browser))
            start += n_messages
        return lines

    def _bodies(
        self, visits: v.Visits, row: int, anonymous: str, platform: int, origin: int, draws: list[int]
    ) -> Iterator[str]:
        """What each message of a visit says: the e-mail click, the landing, happenings, browsing, the order."""
        happenings, kinds = int(visits.happenings[row]), self._tally.kinds
        is_known = bool(visits.is_known[row])
        device = DEVICES[platform]
        browse, landings = (self._app, self._app_landings) if platform == APP else (self._web, self._landings)
        user = f'"userId":"{self._names.user_ids[self._user(visits, row)]}",' if is_known else ""
        before, after, end = self._happenings.of_visit(visits, row, anonymous, user, device, draws)
        for kind, body in before:
            kinds[kind] += 1
            yield body
        # whoever logs in during the visit lands unknown
        who = anonymous if happenings & v.IDENTIFY else anonymous + user
        landing = landings[origin][draws[0] % len(landings[origin])]
        kinds["landing"] += 1
        yield f"{who}{landing}{_CONSENTS[int(visits.person[row]) % len(_CONSENTS)] if draws[0] % 3 else ''}{device}"
        for kind, body in after:
            kinds[kind] += 1
            yield body
        who = anonymous + user
        n_before = len(before) + 1 + len(after)
        for draw in draws[n_before : len(draws) - len(end)]:
            kind, body = browse[draw % N_BROWSE]
            kinds[kind] += 1
            yield f"{who}{body}{device}"
        for kind, body in end:
            kinds[kind] += 1
            yield body

    def _user(self, visits: v.Visits, row: int) -> int:
        person = int(visits.person[row])
        return person + len(self._names.user_ids) // 2 if visits.is_renamed[row] else person


def _times(rng: np.random.Generator, visits: v.Visits) -> NDArray[np.int64]:
    """Milliseconds since midnight of every message. A visit near midnight begins earlier instead of ending tomorrow."""
    n_messages = visits.n_messages
    gaps = rng.exponential(_MEAN_GAP_SECONDS * 1000, int(n_messages.sum())).astype(np.int64) + 50
    ends = np.cumsum(n_messages)
    firsts = ends - n_messages
    gaps[firsts] = 0
    since_start = np.cumsum(gaps)
    since_start -= np.repeat(since_start[firsts], n_messages)
    began = visits.second.astype(np.int64) * 1000 + rng.integers(0, 1000, len(visits.second))
    starts = np.minimum(began, _LAST_MILLI - since_start[ends - 1])
    return np.repeat(np.maximum(starts, 0), n_messages) + since_start


def _tail(clock: Clock, milli: int, draw: int, late_seconds: int, skew_seconds: int) -> str:
    """The four times of a message. A wrong clock stamps two of them; half of such messages have no corrected one."""
    sent = milli + 200 + draw % 1500 + late_seconds * 1000
    received = sent + 40 + draw % 331
    time = clock.write(milli)
    if skew_seconds:
        skew = skew_seconds * 1000
        stamped = f'"originalTimestamp":"{clock.write(milli + skew)}","sentAt":"{clock.write(sent + skew)}"'
        corrected = f',"timestamp":"{clock.write(milli + received - sent)}"' if draw & 1 else ""
        return f'{stamped},"receivedAt":"{clock.write(received)}"{corrected}}}'
    original = clock.write_ahead(milli) if draw % _AHEAD_EVERY == 0 else time
    return (
        f'"originalTimestamp":"{original}","sentAt":"{clock.write(sent)}","receivedAt":"{clock.write(received)}",'
        f'"timestamp":"{original}"}}'
    )
