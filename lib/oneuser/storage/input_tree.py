"""What a pattern matches: the walk over folders, whoever lists them, and which names are hidden. Loads no Spark."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACE = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):(?=/))?(?://([^/]*))?(.*)", re.DOTALL)
_WILDCARD = re.compile(r"(?<!\\)(?:\\\\)*[*?\[{]")


class Status(NamedTuple):
    """A file or folder as a file system lists it; `uri` is written with escapes, `place` is the path without them."""

    uri: str
    place: str
    is_file: bool
    n_bytes: int
    modified_ms: int

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.place.rpartition("/")[2]


class FileSystem(Protocol):
    """What the walk asks of a file system. Places are absolute paths without escapes."""

    def alternatives(self, pattern: str) -> list[str]:
        """The patterns that a pattern stands for, in whose braces no slash is left."""

    def matcher(self, part: str) -> re.Pattern[str] | None:
        """The names that a part of a pattern with a wildcard in it matches; null where it is no pattern after all."""

    def there(self, places: Sequence[str]) -> list[Status]:
        """The places at which something is."""

    def children(self, places: Sequence[str]) -> list[Status]:
        """What lies in folders; nothing in files and in places where nothing is."""

    def below(self, folders: Sequence[Status]) -> list[Status]:
        """What lies in folders, and, where that takes no longer, what lies in those below them instead."""


def split_pattern(pattern: str) -> tuple[str | None, str | None, str]:
    """Scheme, host or bucket, and the rest."""
    match = _PLACE.fullmatch(pattern)
    return (match[1], match[2], match[3]) if match else (None, None, pattern)


def walk(file_system: FileSystem, pattern: str) -> tuple[list[Status], int]:
    """All files that are matched, or lie below a folder that is; and how many names were passed over as hidden.

    Folders are walked here and not by Hadoop's own search, which takes a name with a colon for a URI.
    """
    level = _matches(file_system, pattern)
    files: list[Status] = []
    n_hidden = 0
    while level:
        shown = [status for status in level if not is_hidden(status.name, is_file=status.is_file)]
        n_hidden += len(level) - len(shown)
        files += [status for status in shown if status.is_file]
        level = file_system.below([status for status in shown if not status.is_file])
    return files, n_hidden


def _matches(file_system: FileSystem, pattern: str) -> list[Status]:
    """Files and folders that the pattern itself matches."""
    found: dict[str, Status] = {}
    for alternative in file_system.alternatives(pattern):
        places, is_listed = ["/"], False
        statuses: list[Status] = []
        for part in [part for part in alternative.split("/") if part not in {"", "."}]:
            matcher = file_system.matcher(part) if _WILDCARD.search(part) else None
            is_listed = matcher is not None
            if matcher is None:
                name = re.sub(r"\\(.)", r"\1", part)
                places = [f"{place.rstrip('/')}/{name}" for place in places]
                continue
            statuses = [one for one in file_system.children(places) if one.name == part or matcher.fullmatch(one.name)]
            places = [one.place for one in statuses]
        # what was found in a folder's listing is known; what was only named is looked for
        found |= {one.uri: one for one in (statuses if is_listed else file_system.there(places))}
    return list(found.values())


def leads_out(uri: str, pattern: str) -> bool:
    """Whether a file of this machine's disk is, or lies behind, a link out of the folder that a path or pattern names.

    That folder is as far as the pattern has no wildcard; it may be a link itself, and so may a file that is named
    alone: whoever has written the path has chosen them. Files of other storages have no links.
    """
    scheme, host, place = split_pattern(pattern)
    if scheme not in {None, "file"} or host:
        return False
    file = unquote(urlsplit(uri).path)
    if os.path.realpath(file) == os.path.normpath(file):
        # no link on the way
        return False
    named = []
    for part in place.split("/"):
        if _WILDCARD.search(part):
            break
        named.append(re.sub(r"\\(.)", r"\1", part))
    folder = os.path.realpath("/".join(named) or "/")
    return os.path.commonpath([folder, os.path.realpath(file)]) != folder


def is_hidden(name: str, *, is_file: bool) -> bool:
    """Whether a name is hidden. A folder such as `_date=2026-05-01` holds a partition."""
    return (name.startswith(("_", ".")) and (is_file or "=" not in name)) or name.endswith("._COPYING_")


def has_hidden_part(path: str) -> bool:
    """Whether a file's name is hidden, or that of a folder on its way."""
    *folders, name = path.split("/")
    return is_hidden(name, is_file=True) or any(is_hidden(folder, is_file=False) for folder in folders)


def as_reported(uri: str) -> str:
    """A path as Spark reports it beside a row: with escapes, and with one slash for local files."""
    return re.sub(r"^file:/+", "file:/", uri)
