"""The secret behind every keyed hash: where it comes from and how it is split.

A key file has a line `key_id hex` for each version, oldest first. The oldest makes message keys and User IDs, which are
never rotated; the newest makes identifier keys.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from oneuser.config.model import LOCAL_KEY_FILE, own_key_file
from oneuser.core.errors import ConfigError, EnvironmentProblem
from oneuser.core.keyed import Keys

_MIN_BYTES = 32


def load_keys(reference: str, *, deployment: str, may_create: bool) -> Keys:
    """Read the secret that `env:NAME` or `file:PATH` refers to.

    Args:
        reference: Where the secret is; the secret itself is refused by the configuration.
        deployment: Part of every keyed hash.
        may_create: Whether a missing file may be generated, with mode 0600 in a folder of mode 0700. True on the first
            run of a warehouse only: with a new secret, nothing that is stored could be recognised again.

    Raises:
        EnvironmentProblem: where the secret is missing or too short, or belongs into a warehouse that is not here.
    """
    kind, _, place = reference.partition(":")
    if kind == "env":
        text = os.environ.get(place, "")
        if not text:
            raise _no_secret(
                f"environment variable {place} is empty or not set", f"set {place} to 64 hexadecimal digits"
            )
    elif kind == "file":
        path = Path(place)
        if not path.exists():
            if not may_create:
                raise _no_secret(
                    f"no key file at {place}",
                    "put the key file back; without it no stored identifier can be recognised",
                )
            if path.match(LOCAL_KEY_FILE) and not path.parent.parent.is_dir():
                # Spark's own file system may be another one: a key on this disk would be lost with the machine
                raise _no_secret(
                    f"there is no warehouse {path.parent.parent} on this machine's disk to make a key file in",
                    "write where the secret is: `keys: {identifiers: env:NAME}`, or `file:PATH` in a folder that stays",
                )
            _generate(path)
        text = path.read_text(encoding="utf-8", errors="replace")
    else:
        raise ConfigError.single("keys.identifiers", f"{kind!r} is no kind of reference; use env:NAME or file:PATH")
    return read_keys(text, deployment=deployment)


def load_reading_keys(root: str, deployment: str, reference: str | None) -> Keys:
    """The keys of a warehouse; never makes any.

    Args:
        root: The warehouse; its own secrets file is read where there is no reference.
        deployment: What the warehouse belongs to.
        reference: `env:NAME` or `file:PATH`.

    Raises:
        EnvironmentProblem: where there is no secret.
    """
    if reference is None:
        local = own_key_file(root)
        if local is None or not Path(local.removeprefix("file:")).is_file():
            raise EnvironmentProblem(
                found="no secret: identifiers cannot be looked up without the key they were hashed with",
                expected=f"a reference to it, or the file {LOCAL_KEY_FILE} in the warehouse",
                where=root,
                next_step="give the configuration of the warehouse (--config), or keys='env:NAME' from Python",
            )
        reference = local
    return load_keys(reference, deployment=deployment, may_create=False)


def read_keys(text: str, *, deployment: str) -> Keys:
    """The keys that the text of a key file makes.

    Raises:
        EnvironmentProblem: where there is no secret in it, or one that is too short or not hexadecimal.
    """
    versions = [_version(line) for line in text.splitlines() if line.strip()]
    if not versions:
        raise _no_secret("the secret is empty", "put the key back from its copy: lines of `key_id hex`")
    oldest, newest = versions[0], versions[-1]
    return Keys(
        deployment=deployment,
        key_id=newest[0],
        identifiers=_derive(newest[1], deployment, "identifiers"),
        messages=_derive(oldest[1], deployment, "messages"),
        minting=_derive(oldest[1], deployment, "minting"),
    )


def _version(line: str) -> tuple[str, bytes]:
    key_id, _, digits = line.strip().rpartition(" ")
    try:
        secret = bytes.fromhex(digits)
    except ValueError:
        raise _no_secret("the secret is not hexadecimal", "use lines of `key_id hex`, 64 digits or more") from None
    if len(secret) < _MIN_BYTES:
        raise _no_secret(f"the secret has {len(secret)} bytes", f"use {_MIN_BYTES} random bytes or more")
    return key_id.strip() or "k1", secret


def _generate(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"k1 {secrets.token_hex(_MIN_BYTES)}\n")


def _derive(secret: bytes, deployment: str, purpose: str) -> bytes:
    return hmac.digest(secret, f"oneuser/{deployment}/{purpose}".encode(), "sha256")


def _no_secret(found: str, next_step: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        found=found, expected="a secret of 32 random bytes or more", where="keys.identifiers", next_step=next_step
    )
