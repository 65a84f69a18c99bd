"""Keyed hashes of identifiers and message ids. Pure: the secrets come in, nothing is read or kept.

Hashers are made on the executors, from `Keys` inside the pickled function: no configuration, plan or log sees a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_BYTES = 16
_LINE_BYTES = 8


@dataclass(frozen=True)
class Keys:
    """Secrets of one deployment, each derived for one purpose, so that no hash of one equals a hash of another.

    `messages` and `minting` come from the oldest version of the secret and never change; `identifiers` comes from the
    newest, which `key_id` names. `earlier` has the others, newest first: identifiers that were first seen under one of
    them keep the hash that it gave them. `checks` has a hash of the secret of every version by its id, oldest first,
    which tells a secret from another one and nothing of what it is.
    """

    deployment: str
    key_id: str
    identifiers: bytes = field(repr=False)
    messages: bytes = field(repr=False)
    minting: bytes = field(repr=False)
    earlier: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    checks: tuple[tuple[str, str], ...] = ()

    def of_each_version(self) -> tuple[Keys, ...]:
        """The same with one version of identifier keys each, newest first."""
        ages = ((self.key_id, self.identifiers), *self.earlier)
        return tuple(replace(self, key_id=key_id, identifiers=key, earlier=()) for key_id, key in ages)


def identifier_hasher(keys: Keys, id_type: str) -> Callable[[str], bytes]:
    """Hasher of the normalised values of one type: 16 bytes, other bytes for the same value of another type."""
    prepared = blake2b(id_type.encode() + b"\0", digest_size=KEY_BYTES, key=keys.identifiers)

    def hash_value(value: str) -> bytes:
        state = prepared.copy()
        state.update(value.encode())
        return state.digest()

    return hash_value


def message_hasher(keys: Keys, id_space: str) -> Callable[[bytes], bytes]:
    """Hasher of the message ids of one id space: 16 bytes."""
    prepared = blake2b(id_space.encode() + b"\0", digest_size=KEY_BYTES, key=keys.messages)

    def hash_message(message_id: bytes) -> bytes:
        state = prepared.copy()
        state.update(message_id)
        return state.digest()

    return hash_message


def line_hasher(keys: Keys) -> Callable[[int], int]:
    """Hasher of the hashes of refused lines and records: whole numbers of 64 bits, as these are."""
    prepared = blake2b(b"line\0", digest_size=_LINE_BYTES, key=keys.messages)

    def hash_line(line_hash: int) -> int:
        state = prepared.copy()
        state.update(line_hash.to_bytes(_LINE_BYTES, "big", signed=True))
        return int.from_bytes(state.digest(), "big", signed=True)

    return hash_line
