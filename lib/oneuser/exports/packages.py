"""Folders for people who ask for their data: a file and a JSON Schema for each table, a manifest, and a page to read.

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
    from collections.abc import Iterable, Iterator, Mapping

    from oneuser.contracts.table import TableContract
    from oneuser.storage.table_reader import Row

MANIFEST, PAGE = "manifest.json", "README.txt"
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
                csv.writer(files.enter_context(self._open(cells, encoding="utf-8-sig")), lineterminator="\n")
                if self._has_csv
                else None
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
        self._tables[contract.name] = {
            "rows": n_rows,
            "one_row_is": contract.grain.removeprefix("one row per "),
            "schema": schema,
            "files": {n: self._sha256(n) for n in named},
        }

    def finish(self, **facts: Any) -> None:
        """Write a page for whoever opens the folder, and the manifest: facts, tables, and the SHA-256 of each file."""
        with self._open(PAGE) as file:
            file.write(describe_package(facts, self._tables, has_csv=self._has_csv))
        tables = dict(sorted(self._tables.items()))
        self._write_json(
            MANIFEST, {**facts, "values_of_others": HIDDEN, "files": {PAGE: self._sha256(PAGE)}, "tables": tables}
        )

    def _write_json(self, name: str, value: Any) -> None:
        with self._open(name) as file:
            file.write(json.dumps(value, indent=2) + "\n")

    def _open(self, name: str, *, encoding: str = "utf-8") -> IO[str]:
        """A new file for its owner. Spreadsheets take UTF-8 for what it is where it is `utf-8-sig`."""
        handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return os.fdopen(handle, "w", encoding=encoding, newline="")

    def _sha256(self, name: str) -> str:
        with (self._folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def describe_package(facts: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], *, has_csv: bool) -> str:
    """What a person reads first of a package, who knows nothing of tables: which file holds what of theirs."""
    names = {name: f"{name}.csv" if has_csv else f"{name}.jsonl" for name in tables}
    widest = max(map(len, names.values()), default=0)
    rows = [f"  {names[name]:<{widest}}  {table['rows']:>8,}  {table['one_row_is']}" for name, table in tables.items()]
    forms = "Files that end in .jsonl have one row a line, for programs."
    if has_csv:
        forms = "Files that end in .csv open in a spreadsheet. Those that end in .jsonl hold the same, for programs."
    return "\n".join(
        [
            f"This is what {facts['deployment']} has stored about you, as of {facts['published_at']}.",
            f"It answers the request {facts['request_id']}. You are known there as {facts['user_id']}.",
            "",
            f"  {'file':<{widest}}  {'rows':>8}  there is a row for each",
            *rows,
            "",
            f"{forms} Files that end in .schema.json",
            "say what each column means. Times are in UTC.",
            f"{HIDDEN} stands where there is something that is not yours alone.",
            f"{MANIFEST} has a checksum (SHA-256) of every file: with it you can see that none was changed.",
            "Keep this folder safe, and delete it when you no longer need it.",
            "",
        ]
    )


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
