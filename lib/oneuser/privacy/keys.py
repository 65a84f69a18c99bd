"""The keys behind every keyed hash: made of the versions of one secret, for each purpose another."""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from oneuser.config.model import LOCAL_KEY_FILE, own_key_file
from oneuser.core.errors import EnvironmentProblem
from oneuser.core.keyed import Keys
from oneuser.privacy.key_references import read_reference, split_reference
from oneuser.privacy.key_versions import (
    KeyVersion,
    format_versions,
    make_version,
    no_secret,
    parse_versions,
)

_CHECK_BYTES = 8


def load_keys(reference: str, *, deployment: str, may_create: bool) -> Keys:
    """The keys of the secret that `file:PATH`, `env:NAME` or `command:PROGRAM ARGUMENT...` refers to.

    Args:
        reference: Where the secret is; the secret itself is refused by the configuration.
        deployment: Part of every keyed hash.
        may_create: Whether a missing file may be generated, with mode 0600 in a folder of mode 0700. True on the first
            run of a warehouse only: with a new secret, nothing that is stored could be recognised again.

    Raises:
        EnvironmentProblem: where the secret is missing or too short, or belongs into a warehouse that is not here.
    """
    return make_keys(load_versions(reference, may_create=may_create), deployment=deployment)


def load_versions(reference: str, *, may_create: bool = False) -> list[KeyVersion]:
    """The versions of the secret that a reference leads to, oldest first; otherwise as `load_keys`."""
    text = read_reference(reference)
    kind, _ = split_reference(reference)
    # of a first run that was cut short, nothing is stored by it
    is_cut_short = kind == "file" and may_create and text is not None and not text.strip()
    if text is None or is_cut_short:
        text = _make_file(split_reference(reference)[1], may_create=may_create)
    return parse_versions(text)


def load_reading_keys(root: str, deployment: str, reference: str | None) -> Keys:
    """The keys of a warehouse; never makes any.

    Args:
        root: The warehouse; its own secrets file is read where there is no reference.
        deployment: What the warehouse belongs to.
        reference: As `load_keys` takes it.

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
    return make_keys(parse_versions(text), deployment=deployment)


def make_keys(versions: list[KeyVersion], *, deployment: str) -> Keys:
    """The keys of a deployment from the versions of its secret, oldest first."""
    *earlier, newest = versions
    oldest = versions[0].secret
    return Keys(
        deployment=deployment,
        key_id=newest.key_id,
        identifiers=_derive(newest.secret, deployment, "identifiers"),
        messages=_derive(oldest, deployment, "messages"),
        minting=_derive(oldest, deployment, "minting"),
        earlier=tuple((one.key_id, _derive(one.secret, deployment, "identifiers")) for one in reversed(earlier)),
        checks=tuple((one.key_id, _derive(one.secret, deployment, "check")[:_CHECK_BYTES].hex()) for one in versions),
    )


def _make_file(place: str, *, may_create: bool) -> str:
    """Generate a key file that does not exist or is empty, where it may be; its text, or that of whoever was faster."""
    path = Path(place)
    if not may_create:
        raise no_secret(
            f"no key file at {place}", "put the key file back; without it no stored identifier can be recognised"
        )
    if path.match(LOCAL_KEY_FILE) and not path.parent.parent.is_dir():
        # Spark's own file system may be another one: a key on this disk would be lost with the machine
        raise no_secret(
            f"there is no warehouse {path.parent.parent} on this machine's disk to make a key file in",
            "write where the secret is: `keys: {identifiers: env:NAME}`, or `file:PATH` in a folder that stays",
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = format_versions([make_version([], datetime.now(UTC).date())])
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return text if _put_whole(beside, path) else path.read_text(encoding="utf-8")
    finally:
        beside.unlink(missing_ok=True)


def _put_whole(beside: Path, path: Path) -> bool:
    """Put a file where there is none, or an empty one; false where another has one there by now."""
    with suppress(FileNotFoundError):
        if not path.read_bytes().strip():
            beside.replace(path)
            return True
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    return True


def _derive(secret: bytes, deployment: str, purpose: str) -> bytes:
    return hmac.digest(secret, f"oneuser/{deployment}/{purpose}".encode(), "sha256")
