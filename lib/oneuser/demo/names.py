"""How people, browsers and accounts are called in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oneuser.demo.vocabulary import FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS, PLACEHOLDER_EMAILS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COOKIE_BYTES = 16
_STRIDE = 7_368_787  # a prime: spreads consecutive numbers


@dataclass(frozen=True)
class Names:
    """Identifiers as programs write them, by number.

    Attributes:
        user_ids: By person; the second id of people who get one is at `n_people + person`.
        emails: By person, normalised; the second address is at `n_people + person`. A placeholder stands where a person
            has nothing else, so several people may have the same.
        anonymous_ids: By cookie.
    """

    user_ids: list[str]
    emails: list[str]
    anonymous_ids: list[str]


def name_all(rng: np.random.Generator, *, n_cookies: int, has_placeholder: NDArray[np.bool_]) -> Names:
    """Name everybody. No two people get the same identifier, placeholders aside."""
    n = len(has_placeholder)
    first, last = rng.integers(0, len(FIRST_NAMES), n).tolist(), rng.integers(0, len(LAST_NAMES), n).tolist()
    domain = rng.integers(0, len(MAIL_DOMAINS), n).tolist()
    placeholder = np.where(has_placeholder, rng.integers(0, len(PLACEHOLDER_EMAILS), n), -1).tolist()
    emails = [
        PLACEHOLDER_EMAILS[placeholder[i]]
        if placeholder[i] >= 0
        else f"{FIRST_NAMES[first[i]]}.{LAST_NAMES[last[i]]}{i}@{MAIL_DOMAINS[domain[i]]}".lower()
        for i in range(n)
    ]
    second = [
        email if placeholder[i] >= 0 else f"{LAST_NAMES[last[i]]}{i}@new-{MAIL_DOMAINS[domain[i]]}".lower()
        for i, email in enumerate(emails)
    ]
    # multiplying by a number coprime to the modulus gives each person another number
    user_ids = [f"u{i * _STRIDE % 100_000_007:09d}" for i in range(n)]
    renamed = [f"acct-{user_id[1:]}" for user_id in user_ids]
    digits = rng.bytes(_COOKIE_BYTES * n_cookies).hex()
    width = 2 * _COOKIE_BYTES
    anonymous_ids = [
        f"{d[:8]}-{d[8:12]}-4{d[13:16]}-a{d[17:20]}-{d[20:]}"
        for d in (digits[start : start + width] for start in range(0, len(digits), width))
    ]
    return Names(user_ids=user_ids + renamed, emails=emails + second, anonymous_ids=anonymous_ids)
