"""The visits of the demo: who came when, on which browser, logged in or not, and what of note happened."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from oneuser.demo.channels import EMAIL_ORIGINS, ORIGINS
from oneuser.demo.population import ANONYMOUS, DEVICES_PER_PERSON, MEMBER, NEVER, SUBSCRIBER, People, draw_people
from oneuser.demo.vocabulary import DEVICES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Numbers = NDArray[np.int32]

# What happens in a visit, in this order; each is one message. Bits of `Visits.happenings`.
EMAIL_CLICK, IDENTIFY, SIGN_UP, ALIAS, RENAME, GROUP, INVOICE, ORDER = (1 << n for n in range(8))
SERVER_ORDER = 1 << 8  # the order is reported by the shop's server; no message of its own
N_HAPPENINGS = 8

_PEOPLE_PER_EVENT = 1 / 16
_MEAN_MESSAGES = 6.4
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 9, 9, 10, 9, 8, 8, 9, 10, 12, 14, 15, 13, 9, 5], float)
_DAY_SECONDS = 86_400
_COOKIE_DAYS = np.array([0, 30, 7])  # 0: never cleared
_COOKIE_SHARES = [0.72, 0.18, 0.10]
_PLATFORM_SHARES = [0.40, 0.20, 0.25, 0.15]
_MAX_COOKIES = 1024
_MAX_LATE_SECONDS = 21 * _DAY_SECONDS


@dataclass(frozen=True)
class Visits:
    """One element per visit, in all arrays; ordered by person and time where `draw_visits` gives them.

    Attributes:
        person: Number of the person.
        day: From 0.
        second: Of the day, when the visit begins.
        n_messages: How many messages it sends, at least 1.
        cookie: Number of the browser's anonymous id.
        platform: Index into the vocabulary's devices.
        is_known: The visitor is logged in.
        is_renamed: The application already uses the member's second user id.
        email: Number of the address: the person's, `n_people +` the person for the second one, -1 for none yet.
        account: Account of the person at this time, -1 for none.
        happenings: Bits, as above.
        origin: Index into the origins.
        late_seconds: How long the device was offline after the visit, 0 for most.
        skew_seconds: How wrong the device's clock is, 0 for most.
    """

    person: Numbers
    day: Numbers
    second: Numbers
    n_messages: Numbers
    cookie: Numbers
    platform: NDArray[np.int8]
    is_known: Flags
    is_renamed: Flags
    email: Numbers
    account: Numbers
    happenings: NDArray[np.int16]
    origin: NDArray[np.int8]
    late_seconds: Numbers
    skew_seconds: Numbers

    def take(self, rows: NDArray[np.int64]) -> Visits:
        """The visits at these places, in their order."""
        return Visits(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def draw_visits(rng: np.random.Generator, *, n_messages: int, days: int) -> tuple[People, Visits]:
    """Draw as many people as it takes to send exactly `n_messages`; their visits are ordered by person and time."""
    people = draw_people(rng, int(n_messages * _PEOPLE_PER_EVENT) + 50, days)
    person, day, second, ordinal = _draw_times(rng, people)
    happenings, is_known, is_renamed, moved, account = _draw_happenings(rng, people, person, ordinal)
    origin, clicked = _draw_origins(rng, people, person, ordinal)
    happenings[clicked] |= EMAIL_CLICK
    cookie, platform = _draw_browsers(rng, people, person, day)
    # the first log-in on a browser always says so; later ones now and then
    first_here = _first_of(person.astype(np.int64) * 2**32 + cookie, where=is_known)
    again = rng.random(len(person)) < 0.2  # noqa: PLR2004
    happenings[first_here | (is_known & again)] |= IDENTIFY
    needed = 1 + sum((happenings >> bit) & 1 for bit in range(N_HAPPENINGS))
    sent = np.maximum(rng.geometric(1 / _MEAN_MESSAGES, len(person)), needed)
    n_people = len(people.kind)
    has_email = (ordinal >= people.signup[person]) & (people.kind[person] != ANONYMOUS)
    late, skew = _draw_faults(rng, len(person))
    visits = Visits(
        person=person,
        day=day,
        second=second,
        n_messages=sent.astype(np.int32),
        cookie=cookie,
        platform=platform,
        is_known=is_known,
        is_renamed=is_renamed,
        email=np.where(has_email, person + n_people * moved, -1).astype(np.int32),
        account=account,
        happenings=happenings,
        origin=origin,
        late_seconds=late,
        skew_seconds=skew,
    )
    return people, _cut(rng, visits, n_messages)


def _cut(rng: np.random.Generator, visits: Visits, n_messages: int) -> Visits:
    """Visits of the first people, as far as the messages go; what is left over lengthens some visits."""
    sent = np.cumsum(visits.n_messages)
    last_of_person = np.append(visits.person[1:] != visits.person[:-1], True)
    ends = np.flatnonzero(last_of_person & (sent <= n_messages))
    kept = visits.take(np.arange(int(ends[-1]) + 1))
    longer = kept.n_messages.copy()
    np.add.at(longer, rng.integers(0, len(longer), n_messages - int(longer.sum())), 1)
    _, cookie = np.unique(kept.cookie, return_inverse=True)
    return replace(kept, n_messages=longer, cookie=cookie.astype(np.int32))


def _draw_times(rng: np.random.Generator, people: People) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    person = np.repeat(np.arange(len(people.kind), dtype=np.int32), people.n_visits)
    starts = np.cumsum(people.n_visits) - people.n_visits
    ordinal = (np.arange(len(person)) - starts[person]).astype(np.int32)
    later = rng.random(len(person)) * (people.lifetime[person] + 1)
    day = people.arrival[person] + np.where(ordinal == 0, 0, later).astype(np.int32)
    hour = rng.choice(24, len(person), p=_HOURS / _HOURS.sum())
    second = (hour * 3600 + rng.integers(0, 3600, len(person))).astype(np.int32)
    order = np.lexsort((second, day, person))
    # people are equally often there before and after sorting, so `person` and `ordinal` stay as they are
    return person, day[order].astype(np.int32), second[order], ordinal


def _draw_happenings(
    rng: np.random.Generator, people: People, person: Numbers, ordinal: Numbers
) -> tuple[NDArray[np.int16], Flags, Flags, Flags, Numbers]:
    """What happens in each visit; known, renamed and moved or not; and the account at that time."""

    def chance(share: float) -> Flags:
        return rng.random(len(person)) < share

    kind, signup = people.kind[person], people.signup[person]
    is_member, signs_up = kind == MEMBER, ordinal == signup
    is_known = is_member & (ordinal >= signup) & (signs_up | chance(0.6))
    is_later = is_known & (ordinal > signup)
    renames = _first_of(person, where=is_later & people.is_renamed[person] & chance(0.7))
    moves = _first_of(person, where=is_later & people.is_mover[person] & chance(0.7))
    changes = _first_of(person, where=is_later & (people.next_account[person] >= 0) & chance(0.7))
    account = np.where(_since(changes, person), people.next_account[person], people.account[person]).astype(np.int32)
    leaves_address = (kind == SUBSCRIBER) & (signs_up | ((ordinal > signup) & chance(0.1)))
    works = is_known & (account >= 0)
    happenings = np.zeros(len(person), np.int16)
    happenings[leaves_address | (is_known & (signs_up | moves))] |= IDENTIFY
    happenings[is_member & signs_up] |= SIGN_UP
    happenings[is_member & signs_up & chance(0.1)] |= ALIAS
    happenings[renames] |= RENAME
    happenings[works & (signs_up | changes | chance(0.15))] |= GROUP
    happenings[works & chance(0.02)] |= INVOICE
    orders = np.where(is_known, chance(0.16), chance(0.025))
    happenings[orders] |= ORDER
    happenings[orders & is_known & chance(0.3)] |= SERVER_ORDER
    return happenings, is_known, _since(renames, person), _since(moves, person), account


def _draw_origins(
    rng: np.random.Generator, people: People, person: Numbers, ordinal: Numbers
) -> tuple[NDArray[np.int8], Flags]:
    """Where each visit comes from, and whether the mail tool reports the click by the address alone."""
    first, later = (np.cumsum([getattr(origin, name) for origin in ORIGINS]) for name in ("first", "later"))
    drawn = rng.random(len(person))
    origin = np.where(
        ordinal == 0,
        np.searchsorted(first / first[-1], drawn, side="right"),
        np.searchsorted(later / later[-1], drawn, side="right"),
    )
    is_reachable = (ordinal > people.signup[person]) & (people.kind[person] != ANONYMOUS)
    by_email = np.isin(origin, EMAIL_ORIGINS)
    origin[by_email & ~is_reachable] = 0
    clicked = by_email & is_reachable & ~people.has_placeholder[person] & (rng.random(len(person)) < 0.6)  # noqa: PLR2004
    return origin.astype(np.int8), clicked


def _draw_browsers(
    rng: np.random.Generator, people: People, person: Numbers, day: Numbers
) -> tuple[Numbers, NDArray[np.int8]]:
    """The anonymous id and the platform of each visit. Some browsers forget their id every week or month."""
    n_own = len(people.kind) * DEVICES_PER_PERSON
    n_devices = n_own + int(people.shared_device.max(initial=-1)) + 1
    other = (rng.random(len(person)) * people.n_devices[person]).astype(np.int64)
    number = np.where(rng.random(len(person)) < 0.5, 0, other)  # noqa: PLR2004 - most use one device more than others
    device = person.astype(np.int64) * DEVICES_PER_PERSON + number
    shared = people.shared_device[person]
    device = np.where((shared >= 0) & (rng.random(len(person)) < 0.5), n_own + shared, device)  # noqa: PLR2004
    lifetime = rng.choice(_COOKIE_DAYS, n_devices, p=_COOKIE_SHARES)
    platform = rng.choice(len(DEVICES), n_devices, p=_PLATFORM_SHARES).astype(np.int8)
    platform[n_own:] = 0
    phase = rng.integers(0, 30, n_devices)
    forgets = lifetime[device] > 0
    n_forgotten = np.where(forgets, (day + phase[device]) // np.maximum(lifetime[device], 1), 0)
    _, cookie = np.unique(device * _MAX_COOKIES + n_forgotten, return_inverse=True)
    return cookie.astype(np.int32), platform[device]


def _draw_faults(rng: np.random.Generator, n: int) -> tuple[Numbers, Numbers]:
    """Offline time and clock error of each visit, in seconds; a visit has one of them at most."""
    drawn = rng.random(n)
    offline = np.clip(rng.lognormal(np.log(8 * 3600), 1.5, n), 3600, _MAX_LATE_SECONDS)
    error = rng.normal(0, 1800, n)
    late = np.where(drawn < 0.01, offline, 0)  # noqa: PLR2004
    skew = np.where(drawn > 0.98, error, 0)  # noqa: PLR2004
    return late.astype(np.int32), skew.astype(np.int32)


def _first_of(key: NDArray[np.integer], *, where: Flags) -> Flags:
    """Marks the first row of each key among those asked for."""
    rows = np.flatnonzero(where)
    _, first = np.unique(key[rows], return_index=True)
    marked = np.zeros(len(key), bool)
    marked[rows[first]] = True
    return marked


def _since(marked: Flags, person: Numbers) -> Flags:
    """Marks a person's visits from the marked one on. At most one visit of a person is marked."""
    rows = np.flatnonzero(marked)
    start = np.full(int(person[-1]) + 1, NEVER, np.int64)
    start[person[rows]] = rows
    return np.arange(len(person)) >= start[person]
