"""Folders for people who ask for their data: a file and a JSON Schema for each table, and a manifest.

A folder appears whole or not at all. Only its owner can read it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from oneuser.core.masking import HIDDEN
from oneuser.exports.json_schemas import json_schema
from oneuser.exports.single_file import csv_cell, json_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from oneuser.contracts.table import TableContract
    from oneuser.storage.table_reader import Row

MANIFEST = "manifest.json"
PackageFormat = Literal["jsonl", "csv"]


class Package:
    """A folder that is being written."""

    def __init__(self, folder: Path, kind: PackageFormat) -> None:
        self._folder = folder
        self._has_csv = kind == "csv"
        self._tables: dict[str, dict[str, Any]] = {}

    def write(self, contract: TableContract, rows: Iterable[Row]) -> None:
        """Write the rows of a table, one by one."""
        lines, cells, schema = (f"{contract.name}{ending}" for ending in (".jsonl", ".csv", ".schema.json"))
        n_rows = 0
        with ExitStack() as files:
            as_lines = files.enter_context(self._open(lines))
            as_cells = (
                csv.writer(files.enter_context(self._open(cells)), lineterminator="\n") if self._has_csv else None
            )
            if as_cells:
                as_cells.writerow(contract.columns)
            for row in rows:
                plain = {name: json_value(row[name]) for name in contract.columns}
                as_lines.write(json.dumps(plain, ensure_ascii=False) + "\n")
                if as_cells:
                    as_cells.writerow([csv_cell(row[name]) for name in contract.columns])
                n_rows += 1
        self._write_json(schema, json_schema(contract))
        named = [lines, *([cells] if self._has_csv else []), schema]
        self._tables[contract.name] = {"rows": n_rows, "schema": schema, "files": {n: self._sha256(n) for n in named}}

    def finish(self, **facts: Any) -> None:
        """Write the manifest: facts about the package, its tables, and the SHA-256 of each file."""
        tables = dict(sorted(self._tables.items()))
        self._write_json(MANIFEST, {**facts, "values_of_others": HIDDEN, "tables": tables})

    def _write_json(self, name: str, value: Any) -> None:
        with self._open(name) as file:
            file.write(json.dumps(value, indent=2) + "\n")

    def _open(self, name: str) -> IO[str]:
        handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return os.fdopen(handle, "w", encoding="utf-8", newline="")

    def _sha256(self, name: str) -> str:
        with (self._folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_package(folder: Path, kind: PackageFormat) -> Iterator[Package]:
    """A package that takes the place of a folder, which is empty or not there, once its block has ended well.

    Args:
        folder: Its folder.
        kind: `jsonl`, or `csv` for CSV beside JSON Lines, safe to open in a spreadsheet.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = folder.with_name(f".{folder.name}.part")
    # what was left of an attempt that was killed
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    try:
        yield Package(unfinished, kind)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a package; null where there is nothing yet.

    Raises:
        ValueError: where something else is there.
        TypeError: where the manifest is no object.
    """
    path = folder / MANIFEST
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ValueError("not a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return None
    if path.is_symlink() or not path.is_file():
        raise ValueError("no package")
    return dict(json.loads(path.read_text(encoding="utf-8")))
