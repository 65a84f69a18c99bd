"""The text of a secret: a line `key_id hex` for each version, oldest first, with the day that it was made on.

The oldest makes message keys and User IDs, which are never rotated; the newest makes identifier keys.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import date

from oneuser.core.errors import EnvironmentProblem

MIN_BYTES = 32
# what a line without an id, as other programs make one, is called
_ONLY = "k1"
_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_NUMBERED = re.compile(r"k([0-9]{1,9})")
_LINES = "lines of `key_id hex`, 64 digits or more, the oldest first"


@dataclass(frozen=True)
class KeyVersion:
    """One version of a secret; `created` is null where its line does not say when it was made."""

    key_id: str
    secret: bytes = field(repr=False)
    created: date | None = None

    @property
    def line(self) -> str:
        """How it is written down."""
        return " ".join([self.key_id, self.secret.hex(), *([self.created.isoformat()] if self.created else [])])


def parse_versions(text: str) -> list[KeyVersion]:
    """The versions of a secret, oldest first.

    Raises:
        EnvironmentProblem: where there is none, one is too short or not hexadecimal, or two have one id. No error
            repeats anything that may be a secret.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    versions = [_parse(number, line.split()) for number, line in lines]
    if not versions:
        raise no_secret("the secret is empty", f"put the key back from its copy: {_LINES}")
    ids = [version.key_id for version in versions]
    twice = sorted({key_id for key_id in ids if ids.count(key_id) > 1})
    if twice:
        raise no_secret(f"two versions of the secret are called {twice[0]}", "keep the line that made what is stored")
    return versions


def make_version(others: list[KeyVersion], created: date) -> KeyVersion:
    """A new version with a random secret, called by the number after the highest there is."""
    numbers = [int(found[1]) for version in others if (found := _NUMBERED.fullmatch(version.key_id))]
    return KeyVersion(f"k{max(numbers, default=0) + 1}", secrets.token_bytes(MIN_BYTES), created)


def format_versions(versions: list[KeyVersion]) -> str:
    """The text that `parse_versions` reads."""
    return "".join(f"{version.line}\n" for version in versions)


def no_secret(found: str, next_step: str) -> EnvironmentProblem:
    """The error for a secret that is missing or cannot be used."""
    return EnvironmentProblem(
        found=found, expected=f"a secret of {MIN_BYTES} random bytes or more", where="keys.identifiers",
        next_step=next_step,
    )  # fmt: skip


def _parse(number: int, words: list[str]) -> KeyVersion:
    # an id alone would be too short for a secret, so no line is taken for another form
    key_id, digits, *more = words if len(words) > 1 else [_ONLY, *words]
    place = f"line {number} of the secret"
    try:
        secret = bytes.fromhex(digits)
        created = date.fromisoformat(more[0]) if more else None
    except ValueError:
        raise no_secret(f"{place} is not hexadecimal, or no day follows", f"use {_LINES}") from None
    if not _ID.fullmatch(key_id) or len(more) > 1:
        raise no_secret(f"{place} does not begin with the id of a key, of up to 32 letters", f"use {_LINES}")
    if len(secret) < MIN_BYTES:
        raise no_secret(f"{place} has {len(secret)} bytes", f"use {MIN_BYTES} random bytes or more")
    return KeyVersion(key_id, secret, created)
