"""Derived identifiers: what other tools make of a value before they send it on.

These are plain hashes, made so that they are equal everywhere: whoever has a list of addresses finds them again. So
they are values like any other: kept as they are in the raw zone alone, hashed with the secret everywhere else.
"""

from __future__ import annotations

import base64
from hashlib import md5, sha256
from typing import TYPE_CHECKING

from oneuser.events.normalise import normalise_uid2_email

if TYPE_CHECKING:
    from collections.abc import Callable


def make_transform(name: str) -> Callable[[str], str]:
    """The function from a normalised value to what is derived from it.

    Raises:
        KeyError: for a transform that does not exist; the configuration refuses it before.
    """
    return {"sha256": sha256_hex, "md5": md5_hex, "uid2": uid2_email_hash}[name]


def sha256_hex(value: str) -> str:
    """SHA-256 of the UTF-8 bytes, in lower-case hexadecimal."""
    return sha256(value.encode()).hexdigest()


def md5_hex(value: str) -> str:
    """MD5 of the UTF-8 bytes, in lower-case hexadecimal: what older tools send."""
    return md5(value.encode(), usedforsecurity=False).hexdigest()


def uid2_email_hash(value: str) -> str:
    """Base64 of the SHA-256 of an address as UID2 normalises it: the form in which UID2 takes a hashed e-mail."""
    normalised = normalise_uid2_email(value) or value
    return base64.b64encode(sha256(normalised.encode()).digest()).decode("ascii")
