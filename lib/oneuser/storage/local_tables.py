"""Tables and small files of a warehouse on this machine's disk, read without Spark."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from oneuser.config.base import local_path
from oneuser.storage.delta_rs_tables import DeltaRsTables
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from oneuser.storage.layout import Layout

# delta-rs takes `%20` for a space, and a backslash for a slash
_MISREAD = re.compile(r"[%\\\x00-\x1f\x7f]")


class LocalTables(DeltaRsTables):
    """The tables below a folder of this machine. Raises `UncertainError` where the root may be none, too."""

    def __init__(self, layout: Layout, *, most_bytes: int | None = None) -> None:
        for root in {layout.root, *layout.zones.values()}:
            local = local_path(root)
            if local is None or not local.startswith("/") or _MISREAD.search(local):
                raise UncertainError("the warehouse is not on this machine's disk, or oddly named")
        super().__init__(layout, most_bytes=most_bytes)

    def _place(self, path: str) -> str:
        return local_path(path) or path

    def _address(self, path: str) -> str:
        return self._place(path)

    def _read(self, path: str) -> str:
        return Path(self._place(path)).read_text(encoding="utf-8")

    def _names(self, folder: str) -> list[str]:
        try:
            return os.listdir(self._place(folder))  # noqa: PTH208 - names are wanted
        except FileNotFoundError:
            return []
