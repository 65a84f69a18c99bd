"""New User IDs: `usr_` and 26 characters, a keyed hash of deployment, run and anchor. Pure: same run, same answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from numpy.typing import NDArray

PREFIX = "usr_"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_BYTES = 16
ID_CHARACTERS = 26
USER_ID_LENGTH = len(PREFIX) + ID_CHARACTERS

_LETTERS = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
_PLACES = np.array([16, 8, 4, 2, 1], dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Mint:
    """What new User IDs are made from, but for their anchors."""

    deployment: str
    run_seq: int
    secret: bytes = field(repr=False)


def number_hasher(mint: Mint) -> Callable[[bytes], bytes]:
    """Hasher from the key of an anchor to the 128 bits of its User ID."""
    prepared = blake2b(digest_size=ID_BYTES, key=mint.secret, person=b"oneuser user_id")
    # the length keeps (deployment, run) pairs apart whatever a deployment is called
    deployment = mint.deployment.encode()
    prepared.update(len(deployment).to_bytes(4, "big") + deployment + mint.run_seq.to_bytes(8, "big"))

    def hash_anchor(key: bytes) -> bytes:
        state = prepared.copy()
        state.update(key)
        return state.digest()

    return hash_anchor


def encode_user_id(number: bytes) -> str:
    """TypeID of 128 bits: 26 characters of Crockford's base 32 in lower case, the first at most 7."""
    return encode_user_ids([number]).decode()


def encode_user_ids(numbers: Iterable[bytes]) -> bytes:
    """TypeIDs of many numbers, one after another, each `USER_ID_LENGTH` characters long."""
    octets: NDArray[np.uint8] = np.frombuffer(b"".join(numbers), dtype=np.uint8).reshape(-1, ID_BYTES)
    bits = np.zeros((len(octets), 5 * ID_CHARACTERS), dtype=np.uint8)
    bits[:, 2:] = np.unpackbits(octets, axis=1)
    digits = bits.reshape(-1, ID_CHARACTERS, 5) @ _PLACES
    text = np.empty((len(octets), USER_ID_LENGTH), dtype=np.uint8)
    text[:, : len(PREFIX)] = np.frombuffer(PREFIX.encode(), dtype=np.uint8)
    text[:, len(PREFIX) :] = _LETTERS[digits]
    return text.tobytes()


def mint_user_id(key: bytes, existing: Container[str], hash_anchor: Callable[[bytes], bytes]) -> str:
    """The new User ID of an anchor; never one of the existing ones, though that takes a collision of 128 bits."""
    user_id = encode_user_id(hash_anchor(key))
    attempt = 0
    while user_id in existing:
        attempt += 1
        user_id = encode_user_id(hash_anchor(key + attempt.to_bytes(4, "big")))
    return user_id
