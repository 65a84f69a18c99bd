"""What there is in a warehouse, what of it must stay readable, and what can go. Changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from oneuser.contracts.control import PUBLICATIONS
from oneuser.contracts.registry import TABLES
from oneuser.runs.claim_rows import newest_completed, published
from oneuser.runs.compactions import Compactions
from oneuser.runs.readable import kept_runs, withdrawn_runs
from oneuser.runs.records import load_runs
from oneuser.storage.table_folder import TableFolder, list_folder

if TYPE_CHECKING:
    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.storage.table_reader import Row
    from oneuser.storage.warehouse import Warehouse

# whoever reads a table at its newest version, as runs and publications are, found that so many commits ago at most
_COMMITS_OF_A_READER = 10


class Inventory:
    """A warehouse as it was when somebody looked.

    Attributes:
        publications: What readers were shown and can still read, oldest first.
        completed: The newest run that was published, with its tables in the files that maintenance has left last.
        rule: What is kept, in words.
        kept: Numbers of runs that stay readable.
        to_withdraw: Publications that are readable and not kept.
        withdrawn: Numbers of all runs that once were published and are not kept, lately or long since.
        heads: Newest version of each table that there is.
        folders: The files of each of these tables.
        changeable: Names of tables that can go on from their published version.
    """

    def __init__(self, warehouse: Warehouse, config: Config, claims: list[Row]) -> None:
        self.warehouse = warehouse
        self.publications = published(claims)
        compactions = Compactions.of(claims)
        runs = [compactions.renewed(run) for run in load_runs(warehouse)]
        self.completed = newest_completed(self.publications, runs)
        last = runs[-1] if runs else None
        self._open_run = last if last is not None and last is not self.completed and last.is_open else None
        n_newest, days = config.maintenance.keep_publications, config.maintenance.keep_days
        self.rule = f"maintenance keeps the newest {n_newest} runs"
        if days:
            self.rule += f", and those shown in the last {f'{days} days' if days > 1 else 'day'}"
        since = datetime.now(UTC) - timedelta(days=days)
        self.kept = kept_runs(self.publications, n_newest=n_newest, since=since)
        self.to_withdraw = [one for one in self.publications if one.run_seq not in self.kept]
        self.withdrawn = sorted({*withdrawn_runs(claims), *(one.run_seq for one in self.to_withdraw)})
        self.heads = {name: head for name, one in TABLES.items() if (head := warehouse.head(one)) is not None}
        # what is written from the claim on may not be named by any version yet
        self._claimed_ms = warehouse.committed_ms(PUBLICATIONS, self.heads[PUBLICATIONS.name]) if claims else 0
        self.folders = {name: list_folder(warehouse, TABLES[name]) for name in self.heads}
        self.changeable = {name for name in self.heads if self._can_change(TABLES[name])}
        self._incomplete: set[str] = set()

    def worth_compacting(self) -> list[TableContract]:
        """Tables that can change and have many small files: in the published version, of control tables the newest."""
        found = []
        for name in sorted(self.changeable):
            contract = TABLES[name]
            version = self._published_version(contract)
            named = self.warehouse.file_names(contract, self.heads[name] if version is None else version)
            # every claim writes the few rows of publications anew, into one file
            if contract is not PUBLICATIONS and self.folders[name].has_many_small_files(named):
                found.append(contract)
        return found

    def expendable(self, contract: TableContract, folder: TableFolder) -> TableFolder:
        """Files of a table, as they are listed in `folder`, that nothing needs which must stay readable."""
        pinned = self.pinned(contract)
        named = frozenset[str]().union(*(self.warehouse.file_names(contract, version) for version in pinned))
        if folder.lacks(named):
            self._incomplete.add(contract.name)
            return TableFolder((), ())
        return folder.expendable(named, oldest_kept=min(pinned), older_than_ms=self._claimed_ms)

    def wanted_checkpoint(self, contract: TableContract, folder: TableFolder) -> int | None:
        """The version of which a checkpoint would let much of a table's log go; null where that is not worth it."""
        oldest = min(self.pinned(contract))
        return oldest if folder.is_worth_a_checkpoint(oldest) else None

    def pinned(self, contract: TableContract) -> set[int]:
        """Versions of a table that must stay readable: those of kept runs and of an open one, and the newest."""
        head = self.warehouse.head(contract) or 0
        if contract.zone == "control":
            return set(range(max(head - _COMMITS_OF_A_READER, 0), head + 1))
        shown = [one.tables for one in self.publications if one.run_seq in self.kept]
        of_runs = [one.tables for one in (self.completed, self._open_run) if one is not None]
        base = [self._open_run.base] if self._open_run is not None else []
        return {head, *(tables[contract.name] for tables in [*shown, *of_runs, *base] if contract.name in tables)}

    @property
    def notes(self) -> list[str]:
        """What is left for another time, and why."""
        said = []
        if self._is_rolled_back:
            said.append(f"readers see run {self.publications[-1].run_seq} by a rollback: no table is compacted")
        left = sorted({*self.heads} - self.changeable)
        if left and self._open_run is not None and not self._is_rolled_back:
            said.append(
                f"run {self._open_run.run_seq} is open and has written to tables: not compacted: {_listed(left)}"
            )
        if self._incomplete:
            said.append(f"files of versions that are kept are gone: nothing is removed of {_listed(self._incomplete)}")
        return said

    @property
    def _is_rolled_back(self) -> bool:
        return bool(self.publications) and self.publications[-1].kind == "rollback"

    def _published_version(self, contract: TableContract) -> int | None:
        return None if self.completed is None else self.completed.tables.get(contract.name)

    def _can_change(self, contract: TableContract) -> bool:
        """Not where an open run has gone on already, which would be lost.

        Nor while readers see a rollback: a publication of changed tables would show again what was taken back.
        """
        if contract.zone == "control":
            return True
        version = self._published_version(contract)
        is_left = self._open_run is None or self.heads[contract.name] == version
        return version is not None and is_left and not self._is_rolled_back


def _listed(names: set[str] | list[str]) -> str:
    return ", ".join(sorted(names))
