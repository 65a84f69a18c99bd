"""A file for others, which appears whole or not at all, in a folder where others may write, too."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOR_ALL, _FOR_OWNER = 0o666, 0o600


@contextmanager
def new_file(path: Path, *, only_for_owner: bool = False) -> Iterator[IO[bytes]]:
    """A file that takes the place of another one once its block has ended well; of a link, not of what that leads to.

    It is written beside, under a name that nobody can guess: whoever lays a link there would have it written elsewhere.

    Args:
        path: The file; its folder is there.
        only_for_owner: Whether nobody else may read it. Otherwise as this user makes files.
    """
    scratch = path.with_name(f".{secrets.token_hex(16)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    handle = os.open(scratch, flags, _FOR_OWNER if only_for_owner else _FOR_ALL)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
