"""Rotation: a new version of the secret, written into its file, or said for whoever keeps it elsewhere.

Nothing that is stored changes. What is seen first from then on is keyed with the new version; everything else keeps the
key that it has.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from oneuser.core.errors import EnvironmentProblem, LockedError
from oneuser.privacy.key_references import describe_reference, split_reference
from oneuser.privacy.key_versions import format_versions, make_version
from oneuser.privacy.keys import load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date


@dataclass(frozen=True)
class Rotation:
    """A new version of a secret.

    Attributes:
        place: Where the secret is, in words.
        key_id: Id of the new version.
        key_ids: All versions with it, oldest first.
        is_written: Whether it is in place; otherwise nothing was changed.
        line: The line to add where the secret is kept, a secret itself; null where it is written to a file, and where
            this is only a look.
    """

    place: str
    key_id: str
    key_ids: tuple[str, ...]
    is_written: bool
    line: str | None = field(default=None, repr=False)


def rotate(reference: str, *, today: date, is_dry_run: bool) -> Rotation:
    """Make a new version of a secret. A file gets it at once; for others the new line is told.

    A file is replaced by one step, for its owner alone: whoever reads meanwhile reads the old one or the new one.

    Args:
        reference: Where the secret is.
        today: The day that is written beside it.
        is_dry_run: Whether to tell what would be done, and do nothing.

    Raises:
        EnvironmentProblem: where there is no secret yet, or its file belongs to somebody else.
        LockedError: where another process is rotating it.
    """
    kind, place = split_reference(reference)
    path = Path(place).resolve() if kind == "file" else None
    if path is None or is_dry_run or not path.is_file():
        versions = load_versions(reference)
        new = make_version(versions, today)
        line = new.line if path is None and not is_dry_run else None
    else:
        line = None
        with _held(path):
            versions = load_versions(reference)
            new = make_version(versions, today)
            _replace(path, format_versions([*versions, new]))
    return Rotation(
        describe_reference(reference),
        new.key_id,
        (*(one.key_id for one in versions), new.key_id),
        is_written=path is not None and not is_dry_run,
        line=line,
    )


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """One process at a time: of two new versions one would be lost, with all that was keyed by it meanwhile."""
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(holder="another process that rotates the key") from None
        yield
    finally:
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    """Put a file in the place of another, so that a crash leaves the one or the other whole."""
    beside = path.with_name(f"{path.name}.new")
    owner = path.stat().st_uid
    # what a crash has left may be anything's
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        if owner != os.geteuid():
            _give(beside, owner, path)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _give(beside: Path, owner: int, path: Path) -> None:
    try:
        os.chown(beside, owner, -1)
    except OSError:
        beside.unlink()
        raise EnvironmentProblem(
            found=f"the key file {path} belongs to another user, who could read a new one of yours no more",
            expected="the user that runs are done as",
            where="keys.identifiers",
            next_step="run the same command as that user",
        ) from None
