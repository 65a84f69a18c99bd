"""Rows into one file for other programs: CSV, JSON Lines or Parquet, by the file's ending.

Rows come as Arrow batches and go straight into the file, which appears whole or not at all.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from oneuser.core.errors import ConfigError
from oneuser.storage.new_file import new_file
from oneuser.storage.table_reader import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FORMATS = ("csv", "jsonl", "parquet")
# the wide forms are what some spreadsheets take the narrow ones for
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# what ends a cell or a row where spreadsheets do not part cells by commas; quotes may stand between
_BEHIND_A_MARK = re.compile(r"""([;|\t\r\n]["' \t\r\n]*)(?=[=+\-@＝＋－＠])""")


class _Sink(Protocol):
    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


def write_file(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path, *, only_for_owner: bool = False
) -> int:
    """Write all rows to one file, replacing an earlier one; returns how many.

    Args:
        batches: The rows.
        schema: Their columns.
        path: The file.
        only_for_owner: Whether nobody else may read it, since it holds raw identifiers.

    Raises:
        ConfigError: for an ending that is none of FORMATS.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ConfigError.single("--to", f"{path.name!r} ends in none of .{', .'.join(FORMATS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    n_rows = 0
    with new_file(path, only_for_owner=only_for_owner) as file, _open_sink(ending, file, schema) as sink:
        for batch in batches:
            sink.write(batch)
            n_rows += batch.num_rows
    return n_rows


@contextmanager
def _open_sink(ending: str, file: IO[bytes], schema: pa.Schema) -> Iterator[_Sink]:
    sink: _Sink
    if ending == "parquet":
        sink = _ParquetSink(file, schema)
    else:
        sink = _CsvSink(file, schema) if ending == "csv" else _JsonSink(file)
    try:
        yield sink
    finally:
        sink.close()


class _ParquetSink:
    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        from pyarrow import parquet

        self._schema = schema
        self._writer = parquet.ParquetWriter(file, schema, compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_table(pa.Table.from_batches([batch]).cast(self._schema))

    def close(self) -> None:
        self._writer.close()


class _CsvSink:
    """CSV with a header, UTF-8, empty for null. Text that a spreadsheet would take for a formula is defused."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        import csv

        self._file = TextIOWrapper(file, encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(schema.names)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.writerows([csv_cell(value) for value in row.values()] for row in rows_of([batch]))

    def close(self) -> None:
        # the file is its opener's
        self._file.detach()


class _JsonSink:
    """One JSON object per row."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = TextIOWrapper(file, encoding="utf-8", newline="\n")

    def write(self, batch: pa.RecordBatch) -> None:
        for row in rows_of([batch]):
            self._file.write(
                json.dumps({name: json_value(value) for name, value in row.items()}, ensure_ascii=False) + "\n"
            )

    def close(self) -> None:
        # the file is its opener's
        self._file.detach()


def csv_cell(value: Any) -> str:
    """A value as the text of a CSV cell; nested values as JSON, bytes as hexadecimal digits, null as nothing."""
    plain = json_value(value)
    if plain is None:
        return ""
    if isinstance(plain, list | dict):
        return defuse(json.dumps(plain, ensure_ascii=False))
    if isinstance(plain, bool):
        return "true" if plain else "false"
    # numbers may start with a minus; only text can hide a formula
    return defuse(plain) if isinstance(value, str) else str(plain)


def defuse(text: str) -> str:
    """Text that starts like a formula, with an apostrophe before it: spreadsheets then show it and run nothing.

    So does what comes behind a mark that starts a cell in other settings of a spreadsheet, such as a semicolon.
    """
    defused = _BEHIND_A_MARK.sub(r"\1'", text)
    return f"'{defused}" if text.startswith(_DANGEROUS) else defused


def json_value(value: Any) -> Any:
    """A value as JSON has it: times in ISO 8601 and UTC, decimals as text, bytes as hexadecimal digits."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        is_map = bool(value) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)  # noqa: PLR2004
        return {str(k): json_value(v) for k, v in value} if is_map else [json_value(inner) for inner in value]
    return value
