"""Permissions of what holds personal data on this machine's disk; other storages have rules of their own."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from oneuser.config.base import local_path

_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def only_for_owner(path: str, mode: int) -> None:
    """Take a file or folder from the others, where it is on this machine's disk and there."""
    local = local_path(path)
    if local is not None:
        with suppress(FileNotFoundError):
            Path(local).chmod(mode)


def open_to_others(path: str) -> str | None:
    """The permissions of a file or folder, such as 755, where others than its owner have any.

    Null where nobody has, where nothing is there, and where it is on another storage.
    """
    local = local_path(path)
    if local is None:
        return None
    try:
        mode = stat.S_IMODE(os.stat(local).st_mode)  # noqa: PTH116 - a path of any spelling
    except OSError:
        return None
    return f"{mode:o}" if mode & _OF_OTHERS else None
