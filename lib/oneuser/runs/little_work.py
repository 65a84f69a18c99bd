"""Whether all that a session will go through is little, told before Java starts by the sizes of files on this disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from oneuser.config.base import local_path
from oneuser.config.input_paths import input_paths
from oneuser.runs.small_stages import MEGABYTE
from oneuser.spark.default_storage import is_this_disk
from oneuser.storage.input_listing import COLUMNS_TIMES
from oneuser.storage.layout import Layout
from oneuser.storage.local_listing import list_local_files
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oneuser.config import Config

# so many times what is small for one stage, see decision 0185
_TIMES = 16


def is_little_work(config: Config) -> bool:
    """Whether input files and tables have so few bytes that Java's optimising compiler would not earn what it costs.

    Those already read count, too: more is never gone through. What is not certain to lie on this machine's disk is not
    little. Grows with the files, until they are too many.
    """
    left = _TIMES * config.spark.small_mb * MEGABYTE
    if not left or not is_this_disk(config):
        return False
    try:
        for n_bytes in _sizes(config):
            left -= n_bytes
            if left <= 0:
                return False
    except (UncertainError, OSError):
        return False
    return True


def _sizes(config: Config) -> Iterator[int]:
    for (section, name), path in input_paths(config).items():
        yield from (file.n_bytes_of_lines for file in list_local_files(f"{section}.{name}", path))
    layout = Layout.of(config.warehouse, config.raw_root)
    for root in (layout.root, *([layout.zones["raw"]] if config.raw_root else [])):
        folder = local_path(root)
        if folder is None:
            raise UncertainError("the warehouse is not on this machine's disk")
        yield from (COLUMNS_TIMES * n_bytes for n_bytes in _sizes_below(Path(folder)))


def _sizes_below(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        yield from ((Path(place) / name).stat().st_size for name in names)
