"""Tables and small files of a warehouse, read without Spark through delta-rs: or no answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
from pyarrow import compute as pc

from oneuser.storage.asked_counts import Groups, Top
from oneuser.storage.layout import MARKER, Layout, versions_in
from oneuser.storage.row_groups import count_rows, first_rows
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from oneuser.contracts.table import TableContract
    from oneuser.storage.table_reader import Row

# of files whose rows are held at once, some ten times as large
_MOST_HELD_BYTES = 64 << 20
# of files of which a few columns are held, to be counted
_MOST_COUNTED_BYTES = 256 << 20


class DeltaRsTables(ABC):
    """The tables below one root, in a storage that a subclass knows.

    Whatever cannot be read raises `UncertainError`, which says what. With `most_bytes`, that is said of a version with
    larger files too: reading it takes longer than starting Spark.
    """

    # what delta-rs is told of the storage
    _options: dict[str, str] | None = None

    def __init__(self, layout: Layout, *, most_bytes: int | None = None) -> None:
        self.layout = layout
        self._most_bytes = most_bytes

    @abstractmethod
    def _place(self, path: str) -> str:
        """A path below the root as delta-rs takes it."""

    @abstractmethod
    def _read(self, path: str) -> str:
        """A small file. Raises `FileNotFoundError` where it is certain that there is none."""

    @abstractmethod
    def _names(self, folder: str) -> list[str]:
        """Names of what a folder holds; none where there is no folder."""

    @property
    def root(self) -> str:
        """Where the warehouse is."""
        return self.layout.root

    def exists(self) -> bool:
        """Whether the root is a warehouse."""
        with _readable(MARKER):
            try:
                self._read(f"{self.root}/{MARKER}")
            except FileNotFoundError:
                return False
            return True

    def text(self, name: str) -> str:
        """A small file in the root."""
        with _readable(name):
            return self._read(f"{self.root}/{name}")

    def names(self, folder: str) -> list[str]:
        """Names of what a folder below the root holds; none where there is no folder."""
        with _readable(folder.rpartition("/")[2]):
            return self._names(folder)

    def head(self, contract: TableContract) -> int | None:
        """Newest version of a table, null where it does not exist."""
        return max(self.versions(contract), default=None)

    def versions(self, contract: TableContract) -> set[int]:
        """Versions whose commits are in a table's log; none where there is no table."""
        with _readable(contract.name):
            return versions_in(self._names(self.layout.log(contract)))

    def batches(
        self,
        contract: TableContract,
        version: int | None,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Collection[Any]] | None = None,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows as `TableReader` says. Memory is that of some batches, whatever the table's length."""
        asked = where or {}
        if version is None or not all(asked.values()):
            return
        shown = list(columns or contract.columns)
        scanned = list(dict.fromkeys([*shown, *asked]))
        types = pa.schema([contract.arrow_schema.field(name) for name in scanned])
        wanted = {name: array_of(values, types.field(name).type) for name, values in asked.items()}
        with self._opened(contract, version) as table:
            self._require_few_bytes(contract, table)
            n_left = limit
            stored = [field.name for field in table.schema().fields]
            absent = contract.absent(stored)
            # one column at least, which says how many rows there are
            there = [name for name in scanned if name not in absent] or stored[:1]
            for batch in pa.RecordBatchReader.from_stream(table.scan(columns=there)):
                # delta-rs has types of its own for texts, of which Arrow's functions know little
                typed = [
                    pa.nulls(batch.num_rows, field.type)
                    if field.name in absent
                    else batch.column(field.name).cast(field.type)
                    for field in types
                ]
                rows = pa.RecordBatch.from_arrays(typed, schema=types)
                for name, values in wanted.items():
                    rows = rows.filter(pc.is_in(rows.column(name), value_set=values))
                yield rows.select(shown).slice(length=n_left)
                if n_left is not None:
                    n_left -= min(n_left, rows.num_rows)
                    if n_left == 0:
                        return

    def ordered(self, contract: TableContract, version: int | None, *, by: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All rows of a version in the order of some columns, nulls first. They are held at once."""
        return iter(sort_rows(self.held(contract, version, columns=contract.columns), by).to_batches())

    def held(self, contract: TableContract, version: int | None, *, columns: Sequence[str]) -> pa.Table:
        """All rows of a version at once, some columns of them; none where `version` is null.

        Raises:
            UncertainError: where its files are larger than what is held.
        """
        types = pa.schema([contract.arrow_schema.field(name) for name in columns])
        found = self._bounded(_MOST_HELD_BYTES).batches(contract, version, columns=columns)
        return pa.Table.from_batches(found, types)

    def groups(self, contract: TableContract, version: int | None, asked: Groups) -> list[Row]:
        """Rows of a version counted and added up by some columns, which are held at once."""
        tables = self._bounded(_MOST_COUNTED_BYTES)
        return count_rows(tables.batches(contract, version, columns=asked.columns, where=asked.where), contract, asked)

    def top(self, contract: TableContract, version: int | None, asked: Top) -> list[Row]:
        """The rows of a version that come first by some numbers; all rows are held at once."""
        columns = list(dict.fromkeys([*asked.columns, *asked.descending, *asked.least, *contract.key]))
        return first_rows(self.held(contract, version, columns=columns), contract, asked)

    def _bounded(self, most_bytes: int) -> Self:
        """The same tables, those with larger files left to Spark."""
        bounded = copy(self)
        bounded._most_bytes = most_bytes  # noqa: SLF001 - of the same class
        return bounded

    def data_files(self, contract: TableContract, version: int | None) -> list[str]:
        """Addresses of the files that a version consists of, in their order."""
        if version is None:
            return []
        with self._opened(contract, version) as table:
            names = table.get_add_actions()["path"].to_pylist()
        return sorted(f"{self._address(self.layout.path(contract))}/{name}" for name in names)

    def distinct(self, contract: TableContract, version: int | None, column: str) -> set[Any]:
        """The values that a column of a version has."""
        found = self.batches(contract, version, columns=[column])
        return {value for batch in found for value in batch.column(0).unique().to_pylist()}

    def _address(self, path: str) -> str:
        """A path below the root as other programs take it."""
        return path

    @contextmanager
    def _opened(self, contract: TableContract, version: int) -> Iterator[Any]:
        """A version of a table in delta-rs."""
        try:
            from deltalake import DeltaTable
            from deltalake.exceptions import DeltaError
        except ImportError:
            raise UncertainError("there is no delta-rs here") from None
        with _readable(contract.name, DeltaError):
            yield DeltaTable(self._place(self.layout.path(contract)), version=version, storage_options=self._options)

    def _require_few_bytes(self, contract: TableContract, table: Any) -> None:
        if self._most_bytes is None:
            return
        if sum(table.get_add_actions()["size_bytes"].to_pylist()) > self._most_bytes:
            raise UncertainError(f"{contract.name} is large")


def sort_rows(rows: pa.Table, by: Sequence[str]) -> pa.Table:
    """Rows in the order of some columns, nulls first."""
    keys: dict[str, Any] = {}
    for name in by:
        # null, which is not there, comes before all that is
        keys |= {f"{name} is there": pc.is_valid(rows.column(name)), name: rows.column(name)}
    sorted_by = pa.Table.from_arrays(list(keys.values()), names=list(keys))
    return rows.take(pc.sort_indices(sorted_by, [(name, "ascending") for name in keys]))


def array_of(values: Collection[Any], dtype: pa.DataType) -> pa.Array[Any]:
    """Numbers, texts or bytes, none of them null. Made of their bytes: `pa.array` would load pandas."""
    if pa.types.is_integer(dtype):
        form = "q" if pa.types.is_int64(dtype) else "i"
        return pa.Array.from_buffers(dtype, len(values), [None, pa.py_buffer(array(form, values))])
    encoded = [value.encode() if isinstance(value, str) else bytes(value) for value in values]
    offsets = array("i", accumulate(map(len, encoded), initial=0))
    return pa.Array.from_buffers(dtype, len(encoded), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))])


@contextmanager
def _readable(what: str, *problems: type[Exception]) -> Iterator[None]:
    unreadable: tuple[type[Exception], ...] = (OSError, ValueError, pa.ArrowException, *problems)
    try:
        yield
    except unreadable as problem:
        raise UncertainError(f"{what} cannot be read ({type(problem).__name__})") from None
