"""Where the tables and small files of a warehouse lie, and which versions a table's log holds. Reads nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oneuser.config.base import absolute_path, local_path
from oneuser.core.errors import ConfigError, EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.contracts.table import TableContract

# what makes a folder a warehouse
MARKER = "oneuser.warehouse"
# what readers without Spark follow
PUBLISHED_FILE = "published.json"
# ends the name of a file that is being written; of one whose writer was killed, too
PART = ".part"
_LOG_FILE = re.compile(r"(\d{20})\.json")
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

    def outside(self, path: Path) -> Path:
        """The absolute path of a file or folder that is written for others, links on its way followed, itself not.

        Raises:
            ConfigError: where it is in the warehouse: maintenance removes what it does not know, and what stands there
                already is what readers follow.
        """
        expanded = path.expanduser()
        found = expanded.parent.resolve() / expanded.name if expanded.name not in ("", "..") else expanded.resolve()
        for root in (self.root, *self.zones.values()):
            local = local_path(root)
            inside = None if local is None else Path(local).resolve()
            if inside is not None and any(one.is_relative_to(inside) for one in (found, found.resolve())):
                raise ConfigError.single("--to", "that is in the warehouse: expected a place elsewhere")
        return found

    def log(self, contract: TableContract) -> str:
        """Folder of a table's log."""
        return f"{self.path(contract)}/_delta_log"


def marker_text(deployment: str) -> str:
    """What the marker says: whose warehouse it is."""
    return json.dumps({"deployment": deployment, "layout": 1}) + "\n"


def marked_deployment(text: str, *, where: str) -> str:
    """The deployment that a marker names.

    Args:
        text: What the marker says.
        where: The warehouse.

    Raises:
        EnvironmentProblem: where it says something else than `marker_text` does.
    """
    try:
        return str(json.loads(text)["deployment"])
    except (KeyError, TypeError, ValueError):
        raise EnvironmentProblem(
            found=f"the file {MARKER} of the warehouse is damaged",
            expected="what oneuser wrote into it: the warehouse's deployment, and layout 1, as JSON",
            where=where,
            next_step='put back {"deployment": NAME, "layout": 1} with the `deployment` of its configuration',
        ) from None


def versions_in(names: Iterable[str]) -> set[int]:
    """Versions whose commits are among the names in a table's log."""
    return {int(match[1]) for name in names if (match := _LOG_FILE.fullmatch(name))}
