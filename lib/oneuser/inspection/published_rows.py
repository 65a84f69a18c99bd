"""Which publication is read, now or as of an earlier run, and rows of its tables. Loads no Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneuser.contracts.identity import IDENTIFIER_HISTORY, IDENTIFIER_MAP, IDENTIFIER_OWNERSHIP
from oneuser.core.errors import ConfigError, EnvironmentProblem, OneUserError
from oneuser.runs.claim_rows import current_publication, load_claims
from oneuser.runs.readable import publications_of_runs, require_readable, withdrawn_runs
from oneuser.runs.records import load_runs
from oneuser.storage.layout import MARKER, marked_deployment
from oneuser.storage.quick_tables import held
from oneuser.storage.table_reader import read_rows
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from oneuser.contracts.table import TableContract
    from oneuser.runs.claim_rows import Publication
    from oneuser.storage.asked_counts import Groups, Top
    from oneuser.storage.table_reader import Row, TableReader

# tables whose rows say from which run to which they held
_HISTORIES = (IDENTIFIER_HISTORY.name, IDENTIFIER_OWNERSHIP.name)


@dataclass(frozen=True)
class PublishedRows:
    """The tables of one publication, row by row. Later publications do not change what it reads."""

    tables: TableReader
    publication: Publication

    def rows(
        self,
        contract: TableContract,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Collection[Any]] | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """Rows of the published version, in no order; none where the publication has no such table. See `read_rows`."""
        version = self.publication.tables.get(contract.name)
        return read_rows(self.tables, contract, version, columns=columns, where=where, limit=limit)

    def distinct(self, contract: TableContract, column: str) -> set[Any]:
        """The values that a column has in the published version."""
        return self.tables.distinct(contract, self.publication.tables.get(contract.name), column)

    def groups(self, contract: TableContract, asked: Groups) -> list[Row]:
        """Rows of the published version counted and added up by some columns; as of no rows where there is no table."""
        return self.tables.groups(contract, self.publication.tables.get(contract.name), asked)

    def top(self, contract: TableContract, asked: Top) -> list[Row]:
        """The rows of the published version that come first by some numbers; none where there is no table."""
        return self.tables.top(contract, self.publication.tables.get(contract.name), asked)

    def held(self, contract: TableContract, *, columns: Sequence[str]) -> pa.Table:
        """All rows of the published version at once, some columns of them; none where it has no such table.

        Raises:
            UncertainError: where they cannot be read without Spark, or are too many to be held.
        """
        return held(self.tables, contract, self.publication.tables.get(contract.name), columns=columns)

    def ownership(self, *, where: Mapping[str, Collection[Any]]) -> list[Row]:
        """Rows of `identifier_ownership` that hold."""
        return [row for row in self.rows(IDENTIFIER_OWNERSHIP, where=where) if row["superseded_run"] is None]


@dataclass(frozen=True)
class PublishedRowsThen(PublishedRows):
    """The tables of an earlier run, as its readers saw them: see `PublishedThen`, whose rows these are."""

    recorder: Publication

    def rows(
        self,
        contract: TableContract,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Collection[Any]] | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """Rows of a table as of the run."""
        if self._keeps_history and contract.name in _HISTORIES:
            found = self._recorded(contract, where or {})
        elif self._keeps_history and contract.name == IDENTIFIER_MAP.name:
            found = self._owned(where or {})
        else:
            return super().rows(contract, columns=columns, where=where, limit=limit)
        return [{name: row[name] for name in columns or contract.columns} for row in found[:limit]]

    def groups(self, contract: TableContract, asked: Groups) -> list[Row]:
        """Rows of a table as of the run, counted and added up.

        Raises:
            UncertainError: for those whose past is in columns.
        """
        self._require_no_history(contract)
        return super().groups(contract, asked)

    def held(self, contract: TableContract, *, columns: Sequence[str]) -> pa.Table:
        """All rows of a table as of the run; not of those whose past is in columns, for which see `recorded`."""
        self._require_no_history(contract)
        return super().held(contract, columns=columns)

    def recorded(self, contract: TableContract, *, columns: Sequence[str]) -> pa.Table:
        """All rows of a history that the newest run keeps, what was recorded after this run among them.

        Raises:
            UncertainError: as `held`.
        """
        shown = self.recorder if self._keeps_history else self.publication
        return held(self.tables, contract, shown.tables.get(contract.name), columns=columns)

    def _require_no_history(self, contract: TableContract) -> None:
        if self._keeps_history and contract.name in (*_HISTORIES, IDENTIFIER_MAP.name):
            raise UncertainError(f"the past of {contract.name} is in columns")

    @property
    def _keeps_history(self) -> bool:
        return all(IDENTIFIER_HISTORY.name in one.tables for one in (self.recorder, self.publication))

    def _recorded(self, contract: TableContract, where: Mapping[str, Collection[Any]]) -> list[Row]:
        """Rows that were recorded by then, superseded only where they had been by then."""
        run_seq = self.publication.run_seq
        version = self.recorder.tables.get(contract.name)
        rows = read_rows(self.tables, contract, version, where=where)
        return [_unless_later(row, run_seq) for row in rows if row["recorded_run"] <= run_seq]

    def _owned(self, where: Mapping[str, Collection[Any]]) -> list[Row]:
        """Rows of `identifier_map` with the owners that the history has for then."""
        of_history = {name: values for name, values in where.items() if name in ("identifier_id", "user_id")}
        of_map = {name: values for name, values in where.items() if name != "user_id"}
        held = [row for row in self._recorded(IDENTIFIER_HISTORY, of_history) if row["superseded_run"] is None]
        owners = {row["identifier_id"]: row["user_id"] for row in held}
        described = super().rows(IDENTIFIER_MAP, where=of_map | {"identifier_id": owners.keys()})
        return [row | {"user_id": owners[row["identifier_id"]]} for row in described]


def _unless_later(row: Row, run_seq: int) -> Row:
    """A row of a history as it was after a run."""
    if row["superseded_run"] is None or row["superseded_run"] <= run_seq:
        return row
    return row | {"superseded_run": None, "superseded_at": None}


def require_warehouse(tables: TableReader) -> str:
    """The deployment that the warehouse belongs to.

    Raises:
        EnvironmentProblem: where the root is no warehouse, or one that does not say whose it is.
    """
    if not tables.exists():
        raise EnvironmentProblem(
            found="there is no warehouse here",
            expected=f"a folder with the file {MARKER}",
            where=tables.root,
            next_step="`oneuser run` makes one; or give another place with --config or --warehouse",
        )
    return marked_deployment(tables.text(MARKER), where=tables.root)


def read_published_rows(tables: TableReader) -> PublishedRows:
    """The publication that readers see now.

    Raises:
        OneUserError: before the first one.
    """
    shown = current_publication(tables)
    if shown is None:
        raise OneUserError(
            found="nothing has been published yet",
            expected="a run that was published",
            where=tables.root,
            next_step="`oneuser run`, or `oneuser status` to see how far the last run came",
        )
    return PublishedRows(tables, shown)


def read_rows_as_of(tables: TableReader, *, run: int | None = None, time: datetime | None = None) -> PublishedRowsThen:
    """The publication of a run, or of the newest run whose as-of time is not after `time`.

    Raises:
        ConfigError: where both or neither is given, where that run was never published or can no longer be read, or
            none was published by then.
    """
    if (run is None) == (time is None):
        raise ConfigError.single("as_of", "give either the number of a run or a time")
    claims = load_claims(tables)
    readable = publications_of_runs(claims)
    chosen = run if run is not None else _newest_by(tables, {*readable, *withdrawn_runs(claims)}, time)
    then = require_readable(claims, chosen, key="as_of")
    return PublishedRowsThen(tables, then, recorder=readable[max(readable)])


def _newest_by(tables: TableReader, shown: Collection[int], time: datetime | None) -> int:
    as_of = {record.run_seq: record.as_of for record in load_runs(tables) if record.run_seq in shown}
    by_then = [number for number, moment in as_of.items() if time and moment <= time]
    if not by_then:
        first = min(as_of, default=None)
        since = f"; the first published run, {first}, is as of {as_of[first]:%Y-%m-%d %H:%M} UTC" if first else ""
        raise ConfigError.single("as_of", f"no run was published as of that time{since}")
    return max(by_then)
