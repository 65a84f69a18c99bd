"""The listing of input files by Python, for files on this machine's disk: what Hadoop lists there, or no answer.

Hadoop's own way is in `input_listing`; both share the walk. What is not certain to be the same in both is left to it.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oneuser.storage.input_listing import InputFile
from oneuser.storage.input_tree import Status, as_reported, split_pattern, walk
from oneuser.storage.name_patterns import PlainPatterns
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from collections.abc import Sequence

# what Java writes as it is in the path of a URI: see `URI.quote`
_PLAIN = re.compile(r"[A-Za-z0-9_\-!.~'()*,;:$&+=@/]*")
_ASCII = 0x80


def list_local_files(source: str, pattern: str) -> list[InputFile]:
    """The files that a path or pattern of the local disk matches, exactly as `list_files` gives them.

    Grows with the files that the pattern matches today.

    Raises:
        UncertainError: where Hadoop might list others: for other storages and hosts, patterns beyond the plain ones,
            names and folders that cannot be read, and where nothing matches.
    """
    scheme, host, place = split_pattern(pattern)
    if scheme not in {None, "file"} or host or not place.startswith("/"):
        raise UncertainError(f"{source} is not on this machine's disk")
    if ".." in place.split("/"):
        raise UncertainError(f"the path of {source} goes upwards")
    files, _ = walk(_Disk(source), place)
    if not files:
        raise UncertainError(f"{source} has no files")
    inputs = {InputFile(source, as_reported(file.uri), file.n_bytes, file.modified_ms) for file in files}
    return sorted(inputs, key=lambda file: file.path)


class _Disk(PlainPatterns):
    """The local disk as Hadoop sees it: links are followed, and those to nothing are not there."""

    def there(self, places: Sequence[str]) -> list[Status]:
        """The places at which something is."""
        with self._readable():
            return [found for place in places if (found := _status(place)) is not None]

    def children(self, places: Sequence[str]) -> list[Status]:
        """What lies in folders; nothing in files and in places where nothing is."""
        with self._readable():
            listed = [f"{place.rstrip('/')}/{name}" for place in places for name in _names(place)]
            return [found for place in listed if (found := _status(place)) is not None]

    def below(self, folders: Sequence[Status]) -> list[Status]:
        """What lies in folders, folder by folder."""
        return self.children([folder.place for folder in folders])

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, UnicodeError):
            raise UncertainError(f"a file or folder of {self.source} cannot be read") from None


def _names(folder: str) -> list[str]:
    """Names in a folder. Hadoop takes those such as `.NAME.crc` for its checksums of local files."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - no paths are made
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for name in names if not (name.startswith(".") and name.endswith(".crc"))]


def _status(place: str) -> Status | None:
    """What is at a place; null where nothing is."""
    try:
        found = os.stat(place)  # noqa: PTH116 - a text is at hand
    except (FileNotFoundError, NotADirectoryError):
        return None
    if found.st_mtime_ns < 0:
        raise OSError
    is_folder = stat.S_ISDIR(found.st_mode)
    return Status(_uri(place), place, not is_folder, found.st_size, found.st_mtime_ns // 1_000_000)


def _uri(place: str) -> str:
    """A path as Java writes it into a URI.

    Raises:
        UnicodeError: for a name that is no text.
    """
    if _PLAIN.fullmatch(place):
        return f"file:{place}"
    return "file:" + "".join(_quoted(sign) for sign in place)


def _quoted(sign: str) -> str:
    if ord(sign) < _ASCII:
        is_plain = _PLAIN.fullmatch(sign) is not None
    else:
        # of other alphabets only spaces and controls are written as bytes
        is_plain = unicodedata.category(sign) not in {"Zs", "Zl", "Zp", "Cc"}
    encoded = sign.encode()
    return sign if is_plain else "".join(f"%{byte:02X}" for byte in encoded)
