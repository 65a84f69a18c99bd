"""What readers see: the tables of one publication, each at the version that it names, as frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneuser.contracts.identity import IDENTIFIER_HISTORY, IDENTIFIER_MAP, IDENTIFIER_OWNERSHIP
from oneuser.identity.history import as_recorded, current
from oneuser.inspection.published_rows import PublishedRows, PublishedRowsThen
from oneuser.storage.frame_rows import count_frame, first_of_frame, read_frame

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.runs.claim_rows import Publication
    from oneuser.storage.asked_counts import Groups, Top
    from oneuser.storage.table_reader import Row
    from oneuser.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Published:
    """The tables of one publication. Later publications do not change what it reads."""

    warehouse: Warehouse
    publication: Publication

    def read(self, contract: TableContract) -> DataFrame:
        """Rows of the published version; empty where the publication has no such table."""
        return self.warehouse.read_published(contract, self.publication.tables.get(contract.name))

    def groups(self, contract: TableContract, asked: Groups) -> list[Row]:
        """Rows of a table counted and added up by some columns."""
        return count_frame(self.read(contract), contract, asked)

    def top(self, contract: TableContract, asked: Top) -> list[Row]:
        """The rows of a table that come first by some numbers."""
        return first_of_frame(self.read(contract), contract, asked)

    def rows(
        self, contract: TableContract, *, columns: Sequence[str], where: Mapping[str, Collection[Any]]
    ) -> list[Row]:
        """Rows of a table in Python: see `PublishedRows.rows`."""
        return read_frame(self.read(contract), contract, columns=columns, where=where)

    def ownership(self) -> DataFrame:
        """Rows of `identifier_ownership` that hold."""
        return current(self.read(IDENTIFIER_OWNERSHIP))

    def in_rows(self) -> PublishedRows:
        """The same tables, row by row."""
        return PublishedRows(self.warehouse, self.publication)


@dataclass(frozen=True)
class PublishedThen(Published):
    """The tables of an earlier run, as its readers saw them.

    Who owned which identifier comes from the columns of `recorder`, the newest run's publication, where that keeps a
    history: what has been erased since is gone from the past as well. Everything else is read at the version that was
    published.
    """

    recorder: Publication

    def read(self, contract: TableContract) -> DataFrame:
        """Rows of a table as of the run."""
        history = self.recorder.tables.get(IDENTIFIER_HISTORY.name)
        if history is None or IDENTIFIER_HISTORY.name not in self.publication.tables:
            return super().read(contract)
        if contract.name in (IDENTIFIER_HISTORY.name, IDENTIFIER_OWNERSHIP.name):
            return self._recorded(contract)
        if contract.name == IDENTIFIER_MAP.name:
            owners = current(self._recorded(IDENTIFIER_HISTORY)).select("identifier_id", "user_id")
            described = super().read(contract).drop("user_id")
            return contract.conform(described.join(owners, on="identifier_id", how="inner"))
        return super().read(contract)

    def _recorded(self, contract: TableContract) -> DataFrame:
        rows = self.warehouse.read(contract, self.recorder.tables.get(contract.name))
        return as_recorded(rows, self.publication.run_seq)


def in_frames(warehouse: Warehouse, rows: PublishedRows) -> Published:
    """The same publication as frames."""
    if isinstance(rows, PublishedRowsThen):
        return PublishedThen(warehouse, rows.publication, rows.recorder)
    return Published(warehouse, rows.publication)
