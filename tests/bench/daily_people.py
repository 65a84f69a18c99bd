"""The people of a site that has long been there, without a list of them.

As many arrive on every day. A person is a number: the day of arrival and a place among those who arrived then. All else
about a person is a hash of that number, so that any day can be drawn for itself and nothing is kept from day to day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oneuser.demo.population import ANONYMOUS, MEMBER, SUBSCRIBER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Numbers = NDArray[np.int64]

# nobody comes back after so many days; a visit may be told of so many days later
OLDEST, MOST_LATE = 180, 30
SHARED_DEVICE, KIOSK = 3, 4

# How often people of each age come back: visits of a day by days since arrival. The tail is heavy, most come soon.
AGES = np.arange(1, OLDEST + 1)
RETURNS_BY_AGE = (1 / (AGES + 3)) / (1 / (AGES + 3)).sum()
# visits that follow the first one, on average
RETURNS = 20.0
# of those who arrive: come every few days, come now and then; all others never come again
_LOYAL, _RETURNING = 0.12, 0.33
_MEMBERS, _SUBSCRIBERS = np.array([0.85, 0.55, 0.10]), 0.10
# of loyal members
_TWO_ACCOUNTS, _NEWSLETTER = 0.15, 0.20
_HOUSEHOLDS = 0.20
_WITHDRAWN = 0.3
_COOKIE_DAYS = np.array([1, 7, 14, 60])
_COOKIE_SHARES = np.array([0.05, 0.30, 0.30, 0.35])
_SHARED_COOKIE_DAYS, _KIOSK_DAYS = 60, 10_000
_SECOND_DEVICE, _THIRD_DEVICE = 0.5, 0.1
_EMPLOYED = 0.06
_BEFORE_ALL = OLDEST + MOST_LATE
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def mix(*parts: int | NDArray[np.integer]) -> NDArray[np.uint64]:
    """Numbers that look drawn and follow from the parts alone, element by element (splitmix64)."""
    state = np.zeros(1, np.uint64)
    for part in parts:
        state = (state ^ np.atleast_1d(np.asarray(part)).astype(np.uint64)) + np.uint64(_GOLDEN)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(_FIRST)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(_SECOND)
        state ^= state >> np.uint64(31)
    return state


@dataclass(frozen=True)
class DailyPeople:
    """Everybody, by number. Functions take and return one element per person, unless they say otherwise.

    Attributes:
        seed: Another seed is another people.
        arriving: How many arrive on each day.
    """

    seed: int
    arriving: int

    def arrived(self, day: Numbers, place: Numbers) -> Numbers:
        """The people at these places among those who arrived on these days, the first of the log being 0."""
        return (day + _BEFORE_ALL) * self.arriving + place

    def day_of_arrival(self, person: Numbers) -> Numbers:
        """From 0; negative for who came before the log begins."""
        return person // self.arriving - _BEFORE_ALL

    @property
    def n_loyal(self) -> int:
        """How many of those who arrive on a day are loyal: those at the first places."""
        return max(1, round(self.arriving * _LOYAL))

    def draw_returning(self, rng: np.random.Generator, age: Numbers) -> Numbers:
        """Places of people who come back so many days after their arrival: the longer ago, the more of them loyal."""
        is_loyal = rng.random(len(age)) < 1 - 0.5 / (1 + age / 30)
        n_returning = max(1, round(self.arriving * _RETURNING))
        first = np.where(is_loyal, 0, self.n_loyal)
        most = np.where(is_loyal, self.n_loyal, n_returning)
        return np.minimum(first + (rng.random(len(age)) * most).astype(np.int64), self.arriving - 1)

    def kind(self, person: Numbers) -> NDArray[np.int64]:
        """`MEMBER` (has an account, logs in), `SUBSCRIBER` (leaves an address), `ANONYMOUS`."""
        place = person % self.arriving
        pace = np.digitize(place, [self.n_loyal, self.n_loyal + max(1, round(self.arriving * _RETURNING))])
        drawn, members = self._chance(1, person), _MEMBERS[pace]
        return np.where(drawn < members, MEMBER, np.where(drawn < members + _SUBSCRIBERS, SUBSCRIBER, ANONYMOUS))

    def sign_up_age(self, person: Numbers) -> Numbers:
        """Days after arrival on which a member has an account."""
        later = 1 + np.floor(-5 * np.log1p(-self._chance(3, person))).astype(np.int64)
        return np.where(self._chance(2, person) < 0.5, 0, later)

    def has_two_accounts(self, person: Numbers) -> Flags:
        """A loyal member with another account on the second device, until the two become one at the age of meeting."""
        return self._is_loyal_member(person) & (self._chance(4, person) < _TWO_ACCOUNTS)

    def age_of_meeting(self, person: Numbers) -> Numbers:
        """Days after arrival on which two accounts of one person become one."""
        return self.sign_up_age(person) + (10 + 90 * self._chance(5, person)).astype(np.int64)

    def has_newsletter(self, person: Numbers) -> Flags:
        """A loyal member who reads mail at another address, on the second device, where nobody logs in."""
        drawn = self._chance(4, person)
        return self._is_loyal_member(person) & (drawn >= _TWO_ACCOUNTS) & (drawn < _TWO_ACCOUNTS + _NEWSLETTER)

    def is_paired(self, person: Numbers, day: int) -> Flags:
        """Whether the customer system says at the end of a day that account and newsletter address are one person's.

        It finds out some weeks after the arrival, and takes back some of it some days later.
        """
        age = day - self.day_of_arrival(person)
        since = (5 + 60 * self._chance(6, person)).astype(np.int64)
        until = since + (3 + 14 * self._chance(7, person)).astype(np.int64)
        is_withdrawn = (self._chance(8, person) < _WITHDRAWN) & (age >= until)
        return self.has_newsletter(person) & (age >= since) & ~is_withdrawn

    def loyal_until(self, day: int) -> Numbers:
        """All loyal people who have arrived by the end of a day, and may not have come yet within the log."""
        days = np.arange(-OLDEST, day + 1)
        places = np.arange(self.n_loyal)
        return self.arrived(np.repeat(days, len(places)), np.tile(places, len(days)))

    def account(self, person: Numbers) -> Numbers:
        """The account that somebody works for, -1 for none."""
        account = (mix(self.seed, 9, person) % np.uint64(max(1, self.arriving))).astype(np.int64)
        return np.where(self._chance(10, person) < _EMPLOYED, account, -1)

    def draw_devices(self, rng: np.random.Generator, person: Numbers) -> Numbers:
        """The device of a visit: 0 to 2 of one's own, or the one shared with somebody at the place next to it."""
        n = len(person)
        more = self._chance(11, person)
        n_own = 1 + (more < _SECOND_DEVICE) + (more < _THIRD_DEVICE)
        n_own = np.where(self.has_two_accounts(person) | self.has_newsletter(person), 2, n_own)
        own = np.where(rng.random(n) < 0.5, 0, (rng.random(n) * n_own).astype(np.int64))
        at_home = (self._chance(12, person - person % 2) < _HOUSEHOLDS) & (rng.random(n) < 0.3)
        return np.where(at_home, SHARED_DEVICE, own)

    def owner_of(self, person: Numbers, device: Numbers, n_kiosks: int) -> Numbers:
        """Whose the device is: the person's, the household's, or the public's (a negative number)."""
        kiosk = -1 - (mix(self.seed, 13, person) % np.uint64(n_kiosks)).astype(np.int64)
        return np.where(device == KIOSK, kiosk, np.where(device == SHARED_DEVICE, person - person % 2, person))

    def cookies(self, owner: Numbers, device: Numbers, day: Numbers) -> NDArray[np.uint64]:
        """Two numbers for each visit, which name the cookie that the device has on that day: it forgets it at times."""
        lifetime = _COOKIE_DAYS[np.searchsorted(np.cumsum(_COOKIE_SHARES), self._chance(14, owner, device))]
        lifetime = np.where(device == SHARED_DEVICE, _SHARED_COOKIE_DAYS, lifetime)
        lifetime = np.where(device == KIOSK, _KIOSK_DAYS, lifetime)
        phase = (mix(self.seed, 15, owner, device) % lifetime.astype(np.uint64)).astype(np.int64)
        period = (day + _BEFORE_ALL + phase) // lifetime
        return np.stack([mix(self.seed, what, owner, device, period) for what in (16, 17)], axis=1)

    def device_hash(self, owner: Numbers, device: Numbers) -> NDArray[np.float64]:
        """From 0 up to 1, the same at every visit on the device."""
        return self._chance(18, owner, device)

    def _is_loyal_member(self, person: Numbers) -> Flags:
        return (person % self.arriving < self.n_loyal) & (self.kind(person) == MEMBER)

    def _chance(self, what: int, *keys: Numbers) -> NDArray[np.float64]:
        """From 0 up to 1, the same for the same question and keys."""
        return (mix(self.seed, what, *keys) >> np.uint64(11)).astype(np.float64) / float(1 << 53)
