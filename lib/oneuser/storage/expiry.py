"""What a table's folder may lose, decided from inventories alone: names, sizes and times of files, numbers of versions.

A version is read from the checkpoint at or before it and from the commits after that, and from the data files that
these name. Whatever none of the versions to be kept needs so is expendable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oneuser.storage.listing import name_alone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from oneuser.storage.files import StoredFile

# a file below this is put together with others, into files of this size: larger ones are read by more than one task,
# but a row that changes has the whole file written again
SMALL_FILE = 16 * 1024 * 1024
COMPACTED_FILE = 64 * 1024 * 1024
# with fewer small files than this there is nothing to be gained
_MANY_SMALL_FILES = 16
# a checkpoint costs a Spark job; for fewer commits than these the log is left as it is
_MANY_COMMITS = 10
_DATA_FILE = ".parquet"
# commits, their checksums, and checkpoints in one file
_LOG_FILE = re.compile(r"(\d{20})\.(?:json|crc|(checkpoint\.parquet))")


def is_worth_compacting(sizes: Iterable[int]) -> bool:
    """Whether a version whose files have these sizes is quicker to read in fewer files."""
    return sum(size < SMALL_FILE for size in sizes) >= _MANY_SMALL_FILES


def expendable_files(stored: Iterable[StoredFile], named: Collection[str], *, older_than_ms: int) -> list[StoredFile]:
    """Data files that nothing needs.

    Args:
        stored: What is in the table's folder.
        named: Data files of all versions that are to be kept, without their folders.
        older_than_ms: When whoever asks became the only writer; what was written since may not be named yet.
    """
    return [
        file
        for file in stored
        if file.name.endswith(_DATA_FILE) and name_alone(file.name) not in named and file.modified_ms < older_than_ms
    ]


def expendable_log(names: Iterable[str], *, oldest_kept: int) -> list[str]:
    """Files of a table's log that no version from `oldest_kept` on needs, oldest first.

    Those before the last checkpoint that comes no later than it; none where there is no such checkpoint. A checkpoint
    in several parts counts for none, so that more is kept than must be.
    """
    versions = _versions(names)
    keep_from = max(_checkpoints(versions, oldest_kept), default=0)
    return sorted(name for name, match in versions.items() if int(match[1]) < keep_from)


def is_worth_a_checkpoint(names: Iterable[str], *, oldest_kept: int) -> bool:
    """Whether a checkpoint of `oldest_kept` would let many more commits of the log go."""
    return oldest_kept - max(_checkpoints(_versions(names), oldest_kept), default=0) >= _MANY_COMMITS


def checkpoint_name(version: int) -> str:
    """Name of a version's checkpoint in the log's folder."""
    return f"{version:020d}.checkpoint.parquet"


def _versions(names: Iterable[str]) -> dict[str, re.Match[str]]:
    return {name: match for name in names if (match := _LOG_FILE.fullmatch(name))}


def _checkpoints(versions: Mapping[str, re.Match[str]], up_to: int) -> list[int]:
    return [int(match[1]) for match in versions.values() if match[2] and int(match[1]) <= up_to]
