"""The people of the demo: what they let us know about themselves, how long they stay, what they browse with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANONYMOUS, SUBSCRIBER, MEMBER = 0, 1, 2
NEVER = np.int32(2**30)

# Shares of one-off, returning and loyal people, by what they let us know.
_PACES = np.array([[0.65, 0.30, 0.05], [0.45, 0.45, 0.10], [0.20, 0.50, 0.30]])
_MEAN_LIFETIME_DAYS = np.array([2.0, 38.0, 140.0])
_VISITS_PER_DAY = np.array([0.15, 0.10, 0.20])
_SECOND_DEVICE = np.array([0.15, 0.15, 0.55])
_THIRD_DEVICE = np.array([0.0, 0.0, 0.17])
DEVICES_PER_PERSON = 3

# Of every so many members in a row: a household of two, and a machine in a library or a shop.
_HOUSEHOLD_EVERY, _HOUSEHOLD_SIZE = 40, 2
_KIOSK_EVERY, _KIOSK_FIRST, _KIOSK_SIZE = 800, 10, 6


@dataclass(frozen=True)
class People:
    """One element per person, in all arrays.

    Attributes:
        kind: `ANONYMOUS` (never says who), `SUBSCRIBER` (leaves an e-mail address), `MEMBER` (has an account, logs in).
        arrival: Day of the first visit, from 0.
        lifetime: Days between the first visit and the last possible one.
        n_visits: Visits, at least 1.
        n_devices: Devices of one's own.
        shared_device: Number of the machine shared with others, -1 for none.
        signup: Number of the visit, from 0, at which a subscriber or member becomes known; `NEVER` for the others.
        is_renamed: The application gives the member another user id one day, and says so by an alias.
        is_mover: The member changes e-mail address one day.
        has_placeholder: Somebody typed an address that many share.
        account: Account that the member works for, -1 for none.
        next_account: Account that the member changes to, -1 for none.
    """

    kind: NDArray[np.int8]
    arrival: NDArray[np.int32]
    lifetime: NDArray[np.int32]
    n_visits: NDArray[np.int64]
    n_devices: NDArray[np.int8]
    shared_device: NDArray[np.int32]
    signup: NDArray[np.int32]
    is_renamed: NDArray[np.bool_]
    is_mover: NDArray[np.bool_]
    has_placeholder: NDArray[np.bool_]
    account: NDArray[np.int32]
    next_account: NDArray[np.int32]


def draw_people(rng: np.random.Generator, n: int, days: int) -> People:
    """Draw `n` people who arrive within `days`."""
    kind = rng.choice(np.array([ANONYMOUS, SUBSCRIBER, MEMBER], np.int8), n, p=[0.45, 0.10, 0.45])
    pace = (rng.random(n)[:, None] > np.cumsum(_PACES, axis=1)[kind]).sum(axis=1).clip(0, 2)
    arrival_weights = np.linspace(1.4, 0.6, days)
    arrival = rng.choice(days, n, p=arrival_weights / arrival_weights.sum()).astype(np.int32)
    lifetime = np.minimum(rng.exponential(_MEAN_LIFETIME_DAYS[pace]), days - 1 - arrival).astype(np.int32)
    n_visits = 1 + rng.poisson(_VISITS_PER_DAY[pace] * lifetime)
    is_member = kind == MEMBER
    signup = np.minimum(rng.geometric(0.5, n) - 1, n_visits - 1).astype(np.int32)
    account, next_account = _draw_accounts(rng, is_member)
    return People(
        kind=kind,
        arrival=arrival,
        lifetime=lifetime,
        n_visits=n_visits,
        n_devices=(
            1 + (rng.random(n) < _SECOND_DEVICE[kind]) * (1 + (rng.random(n) < _THIRD_DEVICE[kind] / 0.55))
        ).astype(np.int8),
        shared_device=_share_devices(is_member),
        signup=np.where(kind == ANONYMOUS, NEVER, signup).astype(np.int32),
        is_renamed=is_member & (rng.random(n) < 0.02),  # noqa: PLR2004 - the mix of the log, as below
        is_mover=is_member & (rng.random(n) < 0.03),  # noqa: PLR2004
        has_placeholder=is_member & (rng.random(n) < 0.02),  # noqa: PLR2004
        account=account,
        next_account=next_account,
    )


def _draw_accounts(
    rng: np.random.Generator, is_member: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Accounts of very different size; a few people change from one to another."""
    n = len(is_member)
    n_accounts = max(2, int(is_member.sum()) // 14)
    works = is_member & (rng.random(n) < 0.3)  # noqa: PLR2004
    changes = works & (rng.random(n) < 0.05)  # noqa: PLR2004
    account = (n_accounts * rng.random(n) ** 2).astype(np.int32)
    other = (account + 1) % n_accounts
    return np.where(works, account, -1).astype(np.int32), np.where(changes, other, -1).astype(np.int32)


def _share_devices(is_member: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Machines that several members use. Households and kiosks do not overlap."""
    rank = np.cumsum(is_member) - 1
    shared = np.full(len(is_member), -1, np.int32)
    in_household = is_member & (rank % _HOUSEHOLD_EVERY < _HOUSEHOLD_SIZE)
    shared[in_household] = 2 * (rank[in_household] // _HOUSEHOLD_EVERY)
    place = rank % _KIOSK_EVERY - _KIOSK_FIRST
    at_kiosk = is_member & (place >= 0) & (place < _KIOSK_SIZE)
    shared[at_kiosk] = 2 * (rank[at_kiosk] // _KIOSK_EVERY) + 1
    return shared
