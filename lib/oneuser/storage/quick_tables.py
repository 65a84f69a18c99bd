"""Tables without Spark where that can be, and through a session where it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from oneuser.storage.delta_rs_tables import DeltaRsTables
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import pyarrow as pa

    from oneuser.contracts.table import TableContract
    from oneuser.storage.asked_counts import Groups, Top
    from oneuser.storage.table_reader import Row, TableReader

_log = structlog.get_logger("oneuser.tables")
_Answer = TypeVar("_Answer")


class IfCertain:
    """What cannot be told without Spark in this block is given up, and logged: who asks goes on through a session."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, traced: object) -> bool:
        if not isinstance(why, UncertainError):
            return False
        _log.info("read through Spark", why=str(why))
        return True


class QuickTables:
    """A `TableReader` that reads without Spark until something cannot be read so, and from then on through Spark."""

    def __init__(self, tables: TableReader, start: Callable[[], TableReader]) -> None:
        self.root = tables.root
        self._tables = tables
        self._start = start
        self._is_quick = True

    def through_spark(self) -> TableReader:
        """What reads through Spark."""
        return self._start()

    @property
    def quick(self) -> TableReader | None:
        """What reads without Spark; null from when that cannot be."""
        return self._tables if self._is_quick else None

    def exists(self) -> bool:
        """Whether the root is a warehouse."""
        return self._answer(lambda tables: tables.exists())

    def text(self, name: str) -> str:
        """A small file in the root."""
        return self._answer(lambda tables: tables.text(name))

    def names(self, folder: str) -> list[str]:
        """Names of what a folder below the root holds; none where there is no folder."""
        return self._answer(lambda tables: tables.names(folder))

    def head(self, contract: TableContract) -> int | None:
        """Newest version of a table, null where it does not exist."""
        return self._answer(lambda tables: tables.head(contract))

    def batches(
        self,
        contract: TableContract,
        version: int | None,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Collection[Any]] | None = None,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows as `TableReader` says, which are all here before the first is given: none is given twice."""
        yield from self._answer(
            lambda tables: list(tables.batches(contract, version, columns=columns, where=where, limit=limit))
        )

    def ordered(self, contract: TableContract, version: int | None, *, by: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All rows of a version in the order of some columns, nulls first."""
        return self._answer(lambda tables: tables.ordered(contract, version, by=by))

    def distinct(self, contract: TableContract, version: int | None, column: str) -> set[Any]:
        """The values that a column of a version has."""
        return self._answer(lambda tables: tables.distinct(contract, version, column))

    def groups(self, contract: TableContract, version: int | None, asked: Groups) -> list[Row]:
        """Rows of a version counted and added up by some columns."""
        return self._answer(lambda tables: tables.groups(contract, version, asked))

    def top(self, contract: TableContract, version: int | None, asked: Top) -> list[Row]:
        """The rows of a version that come first by some numbers."""
        return self._answer(lambda tables: tables.top(contract, version, asked))

    def data_files(self, contract: TableContract, version: int | None) -> list[str]:
        """Addresses of the files that a version consists of, in their order."""
        return self._answer(lambda tables: tables.data_files(contract, version))

    def held(self, contract: TableContract, version: int | None, *, columns: Sequence[str]) -> pa.Table:
        """All rows of a version at once, some columns of them: see `DeltaRsTables.held`. Never through Spark.

        Raises:
            UncertainError: where that cannot be, or something could not be read without Spark before.
        """
        return held(self._tables, contract, version, columns=columns)

    def _answer(self, ask: Callable[[TableReader], _Answer]) -> _Answer:
        if self._is_quick:
            with IfCertain():
                return ask(self._tables)
            self._tables, self._is_quick = self._start(), False
        return ask(self._tables)


def held(tables: TableReader, contract: TableContract, version: int | None, *, columns: Sequence[str]) -> pa.Table:
    """All rows of a version at once, some columns of them, read without Spark.

    Raises:
        UncertainError: where the tables are read through Spark, or what is asked for is too large to be held.
    """
    if isinstance(tables, DeltaRsTables | QuickTables):
        return tables.held(contract, version, columns=columns)
    raise UncertainError("a session reads these tables")
