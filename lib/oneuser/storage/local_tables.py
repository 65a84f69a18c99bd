"""Tables and small files of a warehouse on this machine's disk, read without Spark through delta-rs: or no answer."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oneuser.config.base import local_path
from oneuser.storage.layout import Layout, versions_in
from oneuser.storage.local_listing import UncertainError

if TYPE_CHECKING:
    from oneuser.contracts.table import TableContract

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# delta-rs takes `%20` for a space, and a backslash for a slash
_MISREAD = re.compile(r"[%\\\x00-\x1f\x7f]")


class LocalTables:
    """The tables below one root. Whatever cannot be read raises `UncertainError`, which says what."""

    def __init__(self, layout: Layout) -> None:
        for root in {layout.root, *layout.zones.values()}:
            local = local_path(root)
            if local is None or not local.startswith("/") or _MISREAD.search(local):
                raise UncertainError("the warehouse is not on this machine's disk, or oddly named")
        self.layout = layout

    def text(self, name: str) -> str:
        """A small file in the root."""
        with _readable(name):
            return _place(f"{self.layout.root}/{name}").read_text(encoding="utf-8")

    def versions(self, contract: TableContract) -> set[int]:
        """Versions whose commits are in a table's log; none where there is no table."""
        with _readable(contract.name):
            try:
                return versions_in(os.listdir(_place(self.layout.log(contract))))  # noqa: PTH208 - names are wanted
            except FileNotFoundError:
                return set()

    def rows(
        self,
        contract: TableContract,
        version: int | None = None,
        *,
        columns: Sequence[str] | None = None,
        only: str | None = None,
        among: tuple[str, Container[Any]] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Rows of a version of a table, the newest where null, in no order, batch by batch.

        Memory is that of some batches, whatever the table's length. Times are in UTC, maps are lists of pairs.

        Args:
            contract: The table.
            version: Which one.
            columns: Those that are wanted; all where null.
            only: A condition on rows, in our own SQL.
            among: A column and the values that it may have; other rows are left out before they take memory.
        """
        try:
            from deltalake import DeltaTable
            from deltalake.exceptions import DeltaError
        except ImportError:
            raise UncertainError("there is no delta-rs here") from None
        with _readable(contract.name, DeltaError):
            table = DeltaTable(str(_place(self.layout.path(contract))), version=version)
            scanned = table.scan(columns=list(columns or contract.columns), predicate=only)
            for batch in pa.RecordBatchReader.from_stream(scanned):
                yield from _rows(batch, among)


def _place(path: str) -> Path:
    return Path(local_path(path) or path)


@contextmanager
def _readable(what: str, *problems: type[Exception]) -> Iterator[None]:
    unreadable: tuple[type[Exception], ...] = (OSError, ValueError, pa.ArrowException, *problems)
    try:
        yield
    except unreadable as problem:
        raise UncertainError(f"{what} cannot be read ({type(problem).__name__})") from None


def _rows(batch: pa.RecordBatch, among: tuple[str, Container[Any]] | None) -> Iterator[dict[str, Any]]:
    names = batch.schema.names
    if among is None:
        values = [_values(column) for column in batch.columns]
        yield from (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))
        return
    name, wanted = among
    for place, value in enumerate(batch.column(name).to_pylist()):
        if value in wanted:
            row = batch.slice(place, 1)
            yield {name: _values(column)[0] for name, column in zip(names, row.columns, strict=True)}


def _values(column: pa.Array[Any]) -> list[Any]:
    """A column in Python. Times are made here: pyarrow would load pandas for them."""
    if not pa.types.is_timestamp(column.type):
        return column.to_pylist()
    micros = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_pylist()
    return [None if value is None else EPOCH + timedelta(microseconds=value) for value in micros]
