"""Tables and small files of a warehouse on this machine's disk, read without Spark through delta-rs: or no answer."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import compute as pc

from oneuser.config.base import local_path
from oneuser.storage.layout import MARKER, Layout, versions_in
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from oneuser.contracts.table import TableContract

# delta-rs takes `%20` for a space, and a backslash for a slash
_MISREAD = re.compile(r"[%\\\x00-\x1f\x7f]")
# of files whose rows are held at once, some ten times as large
_MOST_SORTED_BYTES = 64 << 20


class LocalTables:
    """The tables below one root. Whatever cannot be read raises `UncertainError`, which says what.

    With `most_bytes`, that is said of a version with larger files too: reading it takes longer than starting Spark.
    """

    def __init__(self, layout: Layout, *, most_bytes: int | None = None) -> None:
        for root in {layout.root, *layout.zones.values()}:
            local = local_path(root)
            if local is None or not local.startswith("/") or _MISREAD.search(local):
                raise UncertainError("the warehouse is not on this machine's disk, or oddly named")
        self.layout = layout
        self._most_bytes = most_bytes

    @property
    def root(self) -> str:
        """Where the warehouse is."""
        return self.layout.root

    def exists(self) -> bool:
        """Whether the root is a warehouse."""
        with _readable(MARKER):
            return _place(f"{self.root}/{MARKER}").exists()

    def text(self, name: str) -> str:
        """A small file in the root."""
        with _readable(name):
            return _place(f"{self.root}/{name}").read_text(encoding="utf-8")

    def head(self, contract: TableContract) -> int | None:
        """Newest version of a table, null where it does not exist."""
        return max(self.versions(contract), default=None)

    def versions(self, contract: TableContract) -> set[int]:
        """Versions whose commits are in a table's log; none where there is no table."""
        with _readable(contract.name):
            try:
                return versions_in(os.listdir(_place(self.layout.log(contract))))  # noqa: PTH208 - names are wanted
            except FileNotFoundError:
                return set()

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
        try:
            from deltalake import DeltaTable
            from deltalake.exceptions import DeltaError
        except ImportError:
            raise UncertainError("there is no delta-rs here") from None
        shown = list(columns or contract.columns)
        scanned = list(dict.fromkeys([*shown, *asked]))
        types = pa.schema([contract.arrow_schema.field(name) for name in scanned])
        wanted = {name: _array(values, types.field(name).type) for name, values in asked.items()}
        with _readable(contract.name, DeltaError):
            table = DeltaTable(str(_place(self.layout.path(contract))), version=version)
            self._require_few_bytes(contract, table)
            n_left = limit
            for batch in pa.RecordBatchReader.from_stream(table.scan(columns=scanned)):
                # delta-rs has types of its own for texts, of which Arrow's functions know little
                typed = [batch.column(field.name).cast(field.type) for field in types]
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
        stored = LocalTables(self.layout, most_bytes=_MOST_SORTED_BYTES).batches(contract, version)
        rows = pa.Table.from_batches(stored, contract.arrow_schema)
        return iter(rows.take(_places(rows, by)).to_batches())

    def distinct(self, contract: TableContract, version: int | None, column: str) -> set[Any]:
        """The values that a column of a version has."""
        found = self.batches(contract, version, columns=[column])
        return {value for batch in found for value in batch.column(0).unique().to_pylist()}

    def _require_few_bytes(self, contract: TableContract, table: Any) -> None:
        if self._most_bytes is None:
            return
        if sum(table.get_add_actions()["size_bytes"].to_pylist()) > self._most_bytes:
            raise UncertainError(f"{contract.name} is large")


def _place(path: str) -> Path:
    return Path(local_path(path) or path)


def _places(rows: pa.Table, by: Sequence[str]) -> pa.Array[Any]:
    """Where each row is found, in the order of some columns."""
    keys: dict[str, Any] = {}
    for name in by:
        # null, which is not there, comes before all that is
        keys |= {f"{name} is there": pc.is_valid(rows.column(name)), name: rows.column(name)}
    sorted_by = pa.Table.from_arrays(list(keys.values()), names=list(keys))
    return pc.sort_indices(sorted_by, [(name, "ascending") for name in keys])


def _array(values: Collection[Any], dtype: pa.DataType) -> pa.Array[Any]:
    """Numbers, texts or bytes, none of them null. Made of their bytes: `pa.array` would load pandas."""
    if pa.types.is_int64(dtype):
        return pa.Array.from_buffers(dtype, len(values), [None, pa.py_buffer(array("q", values))])
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
