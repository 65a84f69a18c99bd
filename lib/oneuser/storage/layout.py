"""Where the tables and small files of a warehouse lie, and which versions a table's log holds. Reads nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.config.base import absolute_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.contracts.table import TableContract

# what makes a folder a warehouse
MARKER = "oneuser.warehouse"
# what readers without Spark follow
PUBLISHED_FILE = "published.json"
_LOG_FILE = re.compile(r"^(\d{20})\.json$")
_ZONE_FOLDERS = {"raw": "raw", "pseudonymous": "tables", "control": "control"}


@dataclass(frozen=True)
class Layout:
    """The folders of one warehouse: its root, and that of the tables of each zone."""

    root: str
    zones: Mapping[str, str]

    @classmethod
    def of(cls, root: str, raw_root: str | None = None) -> Layout:
        """The layout below a root; tables of the raw zone may lie below another."""
        absolute = absolute_path(root).rstrip("/")
        zones = {zone: f"{absolute}/{folder}" for zone, folder in _ZONE_FOLDERS.items()}
        return cls(absolute, zones | ({"raw": absolute_path(raw_root).rstrip("/")} if raw_root else {}))

    def path(self, contract: TableContract) -> str:
        """Folder of a table."""
        return f"{self.zones[contract.zone]}/{contract.name}"

    def log(self, contract: TableContract) -> str:
        """Folder of a table's log."""
        return f"{self.path(contract)}/_delta_log"


def marker_text(deployment: str) -> str:
    """What the marker says: whose warehouse it is."""
    return json.dumps({"deployment": deployment, "layout": 1}) + "\n"


def versions_in(names: Iterable[str]) -> set[int]:
    """Versions whose commits are among the names in a table's log."""
    return {int(match[1]) for name in names if (match := _LOG_FILE.match(name))}
