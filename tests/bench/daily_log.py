"""A log that grows by the day, for benchmarks of daily runs: what arrives on a day, as a file of its own.

    python -m tests.bench.daily_log FOLDER [--events N] [--days N] [--seed N]

`FOLDER/events/day=YYYY-MM-DD/part-0.jsonl` holds the messages that arrived on one day, in the demo's shape, so that
the demo's configuration reads them. `FOLDER/pairs.csv` is what the site's customer system says: pairs of a user id and
an address of one person, as of the newest day written. The same arguments give the same bytes, and each day is drawn
for itself: memory grows with the messages of a day, and by some bytes with each loyal person, whatever came before.

What is as in life: cookies live for days or weeks; people come back mostly soon, some after months; some log in, on
cookies that may have been there for days; devices are shared by households, and by everybody in a library; some
messages arrive up to a month late, some twice. Now and then two accounts of one person become one, by an alias; or the
customer system says whose an address is, and takes some of that back.
After a hundred days a day touches some 4.5 % of the people there are, and merges 0.15 % of them, mostly cookies of the
last days; so says a union-find over the lines, which knows no rules but that two user ids are two people.

What is not: no blocked values, no manual rules, no damaged lines; and who came before the log begins is new to it.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oneuser.demo import visits as v
from oneuser.demo.channels import EMAIL_ORIGINS, ORIGINS
from oneuser.demo.generate import FIRST_DAY
from oneuser.demo.message_lines import LineWriter, Tally
from oneuser.demo.names import Names
from oneuser.demo.population import MEMBER, SUBSCRIBER
from oneuser.demo.settings import demo_config
from oneuser.demo.times import Clock
from oneuser.demo.vocabulary import FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS
from tests.bench.daily_people import (
    AGES,
    KIOSK,
    MOST_LATE,
    OLDEST,
    RETURNS,
    RETURNS_BY_AGE,
    SHARED_DEVICE,
    DailyPeople,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Numbers = NDArray[np.int64]

FEWEST_EVENTS = 200
_MEAN_MESSAGES = 6.4
_DUPLICATES, _LATE, _AT_KIOSK = 0.01, 0.01, 0.004
_EVENTS_PER_KIOSK = 10_000
_DAY_SECONDS = 86_400
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 9, 9, 10, 9, 8, 8, 9, 10, 12, 14, 15, 13, 9, 5], float)
_PLATFORMS = np.cumsum([0.40, 0.20, 0.25])


@dataclass(frozen=True)
class _Callers:
    """Who comes: one element per visit. `late` is how many days after the visit its messages arrive."""

    person: Numbers
    age: Numbers
    late: Numbers
    is_meeting: Flags


@dataclass(frozen=True)
class DailyLog:
    """The log of one site. `events` are the lines of each day, duplicates included; days count from 0."""

    events: int
    seed: int = 7

    def __post_init__(self) -> None:
        if self.events < FEWEST_EVENTS:
            raise ValueError(f"{self.events} events a day: expected {FEWEST_EVENTS} or more")

    def write(self, folder: Path, days: range) -> None:
        """Write the files of these days, unless they are there, and what the customer system says after the last."""
        for day in days:
            path = folder / "events" / f"day={date_of(day)}" / "part-0.jsonl"
            if not path.is_file():
                _replace(path, "\n".join([*self.lines_of(day), ""]).encode())
        self.write_pairs(folder, days[-1])

    def write_pairs(self, folder: Path, day: int) -> None:
        """Write what the customer system says after a day, in the place of what it said before."""
        path = folder / "pairs.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("user", "address"), *self.pairs_of(day)])

    def pairs_of(self, day: int) -> list[tuple[str, str]]:
        """User ids and addresses that the customer system says are one person's, at the end of a day."""
        loyal = self._people.loyal_until(day)
        return [
            (user_id(person), second_email(person)) for person in loyal[self._people.is_paired(loyal, day)].tolist()
        ]

    def lines_of(self, day: int) -> list[str]:
        """What arrives on a day: late messages first, repeated ones last."""
        rng = np.random.Generator(np.random.PCG64([self.seed, 1, day + OLDEST]))
        n_duplicates = round(self.events * _DUPLICATES)
        callers = self._draw_callers(rng, day)
        visits, names = self._draw_visits(rng, day, callers, self.events - n_duplicates)
        writer = LineWriter(names, Tally())
        lines = []
        for late in np.unique(callers.late)[::-1].tolist():
            of_time = np.flatnonzero(callers.late == late)
            in_order = of_time[np.argsort(visits.second[of_time], kind="stable")]
            clock = Clock(FIRST_DAY + timedelta(days=day - late))
            lines += [line.text for line in writer.lines_of(rng, visits.take(in_order), clock)]
        return lines + [lines[n] for n in rng.choice(len(lines), n_duplicates, replace=False).tolist()]

    @cached_property
    def _people(self) -> DailyPeople:
        return DailyPeople(self.seed, max(1, round(self._n_visits / (1 + RETURNS))))

    @property
    def _n_visits(self) -> int:
        return round(self.events * (1 - _DUPLICATES) / _MEAN_MESSAGES)

    def _draw_callers(self, rng: np.random.Generator, day: int) -> _Callers:
        """Everybody who arrives, those who come back, and those whose two accounts become one."""
        people = self._people
        n_back = max(1, self._n_visits - people.arriving)
        late = np.where(rng.random(n_back) < _LATE, 1 + rng.pareto(0.8, n_back), 0)
        late = np.minimum(late, MOST_LATE).astype(np.int64)
        age = rng.choice(AGES, n_back, p=RETURNS_BY_AGE)
        back = people.arrived(day - late - age, people.draw_returning(rng, age))
        new = people.arrived(np.full(people.arriving, day), np.arange(people.arriving))
        loyal = people.loyal_until(day)
        age_of_loyal = day - people.day_of_arrival(loyal)
        meets = people.has_two_accounts(loyal) & (people.age_of_meeting(loyal) == age_of_loyal)
        meeting = loyal[meets]
        person = np.concatenate([new, back, meeting])
        return _Callers(
            person=person,
            age=np.concatenate([np.zeros_like(new), age, age_of_loyal[meets]]),
            late=np.concatenate([np.zeros_like(new), late, np.zeros_like(meeting)]),
            is_meeting=np.arange(len(person)) >= len(new) + len(back),
        )

    def _draw_visits(
        self, rng: np.random.Generator, day: int, callers: _Callers, n_messages: int
    ) -> tuple[v.Visits, Names]:
        """The visits as the writer of lines takes them. People and cookies are numbered within the day."""
        people, person, age = self._people, callers.person, callers.age
        n = len(person)

        def chance(share: float | Flags | NDArray[np.float64]) -> Flags:
            return rng.random(n) < share

        kind = people.kind(person)
        at_kiosk = (kind == MEMBER) & (age > people.sign_up_age(person)) & chance(_AT_KIOSK) & ~callers.is_meeting
        device = np.where(at_kiosk, KIOSK, np.where(callers.is_meeting, 0, people.draw_devices(rng, person)))
        owner = people.owner_of(person, device, max(1, self.events // _EVENTS_PER_KIOSK))
        is_newsletter = people.has_newsletter(person) & (device == 1)
        signs_up = (kind == MEMBER) & (age == people.sign_up_age(person)) & ~is_newsletter
        has_account = (kind == MEMBER) & (age >= people.sign_up_age(person)) & ~is_newsletter
        is_known = has_account & (signs_up | at_kiosk | callers.is_meeting | chance(0.65))
        has_met = age >= people.age_of_meeting(person)
        is_second = people.has_two_accounts(person) & (has_met | (device == 1))
        leaves_address = (kind == SUBSCRIBER) & ((age == 0) | chance(0.1)) | is_newsletter & chance(0.3)
        has_address = has_account | is_newsletter | (kind == SUBSCRIBER)
        account = np.where(is_known, people.account(person), -1)
        origin = _draw_origins(rng, age > 0, has_address)
        orders = chance(np.where(is_known, 0.16, 0.025))
        happenings = np.zeros(n, np.int16)
        for bit, happens in (
            (v.EMAIL_CLICK, np.isin(origin, EMAIL_ORIGINS) & chance(0.6)),
            (v.IDENTIFY, leaves_address | (is_known & (signs_up | callers.is_meeting | chance(0.3)))),
            (v.SIGN_UP, signs_up),
            (v.ALIAS, signs_up & chance(0.1)),
            (v.RENAME, callers.is_meeting),
            (v.GROUP, (account >= 0) & (signs_up | chance(0.15))),
            (v.ORDER, orders),
            (v.SERVER_ORDER, orders & is_known & chance(0.3)),
        ):
            happenings[happens] |= bit
        everybody, local = np.unique(person, return_inverse=True)
        cookies, cookie = np.unique(people.cookies(owner, device, day - callers.late), axis=0, return_inverse=True)
        own = np.searchsorted(_PLATFORMS, people.device_hash(owner, device), side="right")
        visits = v.Visits(
            person=local.astype(np.int32),
            day=np.full(n, day, np.int32),
            second=(rng.choice(24, n, p=_HOURS / _HOURS.sum()) * 3600 + rng.integers(0, 3600, n)).astype(np.int32),
            n_messages=_draw_lengths(rng, happenings, n_messages),
            cookie=cookie.reshape(-1).astype(np.int32),
            platform=np.where(device >= SHARED_DEVICE, 0, own).astype(np.int8),
            is_known=is_known,
            is_renamed=is_second,
            email=np.where(has_address, local + len(everybody) * (is_second | is_newsletter), -1).astype(np.int32),
            account=account.astype(np.int32),
            happenings=happenings,
            origin=origin.astype(np.int8),
            late_seconds=(callers.late * _DAY_SECONDS).astype(np.int32),
            skew_seconds=np.zeros(n, np.int32),
        )
        return visits, _name(everybody, cookies)


def date_of(day: int) -> str:
    """The date of a day of the log, in ISO 8601."""
    return (FIRST_DAY + timedelta(days=day)).isoformat()


def end_of_day(day: int) -> datetime:
    """The instant just after a day of the log, UTC: a run as of then sees all that has arrived."""
    return datetime.combine(FIRST_DAY + timedelta(days=day + 1), time(), tzinfo=UTC)


def daily_config(folder: Path, warehouse: Path) -> dict[str, Any]:
    """The demo's configuration, and the customer system's pairs."""
    pairs = {"path": str(folder / "pairs.csv"), "format": "csv", "a": {"user_id": "user"}, "b": {"email": "address"}}
    # product analytics came to the demo later: without it, results stay comparable
    return demo_config(folder, warehouse) | {"links": {"crm": pairs}, "product": {}}


def user_id(person: int) -> str:
    """What the application calls somebody."""
    return f"u{person:09d}"


def second_email(person: int) -> str:
    """The other address of who has two."""
    return f"{_name_of(LAST_NAMES, person)}{person}@new-{_name_of(MAIL_DOMAINS, person)}".lower()


def _first_email(person: int) -> str:
    first, last = _name_of(FIRST_NAMES, person), _name_of(LAST_NAMES, person)
    return f"{first}.{last}{person}@{_name_of(MAIL_DOMAINS, person)}".lower()


def _name_of(names: Sequence[str], person: int) -> str:
    return names[person * 7_368_787 % len(names)]


def _name(everybody: Numbers, cookies: NDArray[np.uint64]) -> Names:
    """How the people and cookies of a day are called."""
    people = everybody.tolist()
    digits = [f"{first:016x}{second:016x}" for first, second in cookies.tolist()]
    return Names(
        user_ids=[*map(user_id, people), *(f"acct-{person:09d}" for person in people)],
        emails=[*map(_first_email, people), *map(second_email, people)],
        anonymous_ids=[f"{d[:8]}-{d[8:12]}-4{d[13:16]}-a{d[17:20]}-{d[20:]}" for d in digits],
    )


def _draw_origins(rng: np.random.Generator, is_later: Flags, has_address: Flags) -> Numbers:
    """Where visits come from; from a mail only those who have an address."""
    drawn = rng.random(len(is_later))
    first, later = (np.cumsum([getattr(origin, name) for origin in ORIGINS]) for name in ("first", "later"))
    origin = np.where(
        is_later,
        np.searchsorted(later / later[-1], drawn, side="right"),
        np.searchsorted(first / first[-1], drawn, side="right"),
    )
    return np.where(np.isin(origin, EMAIL_ORIGINS) & ~has_address, 0, origin)


def _draw_lengths(rng: np.random.Generator, happenings: NDArray[np.int16], n_messages: int) -> NDArray[np.int32]:
    """Messages of each visit, `n_messages` in all: one for the landing and each happening, and a geometric rest."""
    needed = 1 + sum((happenings >> bit) & 1 for bit in range(v.N_HAPPENINGS))
    weights = rng.exponential(size=len(happenings))
    return (needed + rng.multinomial(n_messages - int(needed.sum()), weights / weights.sum())).astype(np.int32)


def _replace(path: Path, content: bytes) -> None:
    """A file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the first days of a log. Returns the exit code."""
    parser = argparse.ArgumentParser(description="A life-like log of so many days.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=10_000, help="lines of a day")
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    DailyLog(options.events, options.seed).write(options.folder, range(options.days))
    return 0


if __name__ == "__main__":
    sys.exit(main())
