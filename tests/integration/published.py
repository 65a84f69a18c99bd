"""Reading a warehouse as other people's tools do: `published.json`, and deltalake at the version it names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable


def copied(warehouse: Path, to: Path) -> Path:
    """A copy of a warehouse, which may be written to meanwhile; its `published.json` names paths."""
    root = Path(shutil.copytree(warehouse, to / "warehouse", copy_function=_copy_if_there))
    listing = root / "published.json"
    listing.write_text(listing.read_text().replace(str(warehouse), str(root)))
    return root


def _copy_if_there(path: str, to: str) -> None:
    """Copy a file, unless it went since its folder was listed, as half-written ones do."""
    with suppress(FileNotFoundError):
        shutil.copy2(path, to)


def published_versions(warehouse: Path) -> dict[str, int]:
    """Version of each published table."""
    listing = json.loads((warehouse / "published.json").read_text())
    return {name: entry["version"] for name, entry in listing["tables"].items()}


def read_table(warehouse: Path, name: str) -> pa.Table:
    """Rows of a published table."""
    entry = json.loads((warehouse / "published.json").read_text())["tables"][name]
    return DeltaTable(entry["path"], version=entry["version"]).to_pyarrow_table()


def commits(warehouse: Path) -> dict[str, set[str]]:
    """Names in the log of each table, by its folder: nothing is committed without a new one."""
    logs = warehouse.glob("*/*/_delta_log")
    return {str(log.parent.relative_to(warehouse)): {file.name for file in log.iterdir()} for log in logs}


def contents(warehouse: Path, name: str, *, without: Collection[str] = ()) -> list[str]:
    """Rows of a published table as sorted text, whatever order they are stored in; some columns left out."""
    rows = read_table(warehouse, name)
    rows = rows.drop_columns([column for column in rows.column_names if column in without])
    return sorted(json.dumps(row, sort_keys=True, default=_text) for row in rows.to_pylist())


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def people(warehouse: Path) -> dict[tuple[str, str], str]:
    """User ID by (id_type, normalised value)."""
    values = {row["identifier_id"]: row for row in read_table(warehouse, "identifier_values").to_pylist()}
    return {
        (values[row["identifier_id"]]["id_type"], values[row["identifier_id"]]["id_value"]): row["user_id"]
        for row in read_table(warehouse, "identifier_map").to_pylist()
    }


def partition(labels: dict[Any, Any]) -> set[frozenset[Any]]:
    """The groups that labels make, whatever the labels are called."""
    groups: dict[Any, set[Any]] = {}
    for member, label in labels.items():
        groups.setdefault(label, set()).add(member)
    return {frozenset(group) for group in groups.values()}
