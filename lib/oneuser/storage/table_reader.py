"""What a question needs of a warehouse: its small files, and rows of tables brought into this process.

Two readers do it alike: `Warehouse` by Spark, wherever the tables lie, and `DeltaRsTables` without, on this disk or S3.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from oneuser.contracts.table import TableContract
    from oneuser.storage.asked_counts import Groups, Top

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# by column
Row = dict[str, Any]


class TableReader(Protocol):
    """Reads versions of the tables of one warehouse. None is null: the version of a table that is not there."""

    @property
    def root(self) -> str:
        """Where the warehouse is."""

    def exists(self) -> bool:
        """Whether the root is a warehouse."""

    def text(self, name: str) -> str:
        """A small file in the root."""

    def names(self, folder: str) -> list[str]:
        """Names of what a folder below the root holds; none where there is no folder."""

    def head(self, contract: TableContract) -> int | None:
        """Newest version of a table, null where it does not exist."""

    def batches(
        self,
        contract: TableContract,
        version: int | None,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Collection[Any]] | None = None,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a version of a table, in no order, typed as the contract says; none where `version` is null.

        Args:
            contract: The table.
            version: Which one.
            columns: Those that are wanted, in this order; all where null.
            where: By column, the values that it may have, none of them null; a row must fit every column that is named.
            limit: How many rows at most.
        """

    def ordered(self, contract: TableContract, version: int | None, *, by: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All rows of a version in the order of some columns, nulls first."""

    def distinct(self, contract: TableContract, version: int | None, column: str) -> set[Any]:
        """The values that a column of a version has."""

    def groups(self, contract: TableContract, version: int | None, asked: Groups) -> list[Row]:
        """Rows of a version counted by some columns, in no order; of no rows where `version` is null."""

    def top(self, contract: TableContract, version: int | None, asked: Top) -> list[Row]:
        """The rows of a version that come first by some numbers; none where `version` is null."""

    def data_files(self, contract: TableContract, version: int | None) -> list[str]:
        """Addresses of the files that a version consists of, in their order: plain paths on this machine's disk."""


def read_rows(
    tables: TableReader,
    contract: TableContract,
    version: int | None,
    *,
    columns: Sequence[str] | None = None,
    where: Mapping[str, Collection[Any]] | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Rows as `batches` gives them, in Python: times in UTC, maps as dictionaries."""
    return list(rows_of(tables.batches(contract, version, columns=columns, where=where, limit=limit)))


def rows_of(batches: Iterable[pa.RecordBatch]) -> Iterator[Row]:
    """Rows in Python, batch by batch."""
    for batch in batches:
        names = batch.schema.names
        values = [_values(column) for column in batch.columns]
        yield from (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))


def _values(column: pa.Array[Any]) -> list[Any]:
    """A column in Python. Times are made here: pyarrow would load pandas for them."""
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.int64()).to_pylist()
        return [None if value is None else EPOCH + timedelta(microseconds=value) for value in micros]
    values: list[Any] = column.to_pylist()
    if pa.types.is_map(column.type):
        return [None if pairs is None else dict(pairs) for pairs in values]
    return values
