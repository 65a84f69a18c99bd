"""What lies in the folder of a table, and taking away what none of its kept versions needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneuser.storage.expiry import (
    checkpoint_name,
    expendable_files,
    expendable_log,
    is_worth_a_checkpoint,
    is_worth_compacting,
)
from oneuser.storage.files import StoredFile
from oneuser.storage.listing import name_alone

if TYPE_CHECKING:
    from collections.abc import Collection

    from oneuser.contracts.table import TableContract
    from oneuser.storage.warehouse import Warehouse

_LOG = "_delta_log"


@dataclass(frozen=True)
class TableFolder:
    """The files of a table as they were listed: its data and its log."""

    data: tuple[StoredFile, ...]
    log: tuple[StoredFile, ...]

    @property
    def n_files(self) -> int:
        """How many files there are."""
        return len(self.data) + len(self.log)

    @property
    def n_bytes(self) -> int:
        """How large they are together."""
        return sum(file.n_bytes for file in (*self.data, *self.log))

    def has_many_small_files(self, named: Collection[str]) -> bool:
        """Whether a version that consists of these files is worth compacting."""
        return is_worth_compacting(file.n_bytes for file in self.data if name_alone(file.name) in named)

    def lacks(self, named: Collection[str]) -> bool:
        """Whether some of these data files are not here."""
        return not {*named} <= {name_alone(file.name) for file in self.data}

    def is_worth_a_checkpoint(self, oldest_kept: int) -> bool:
        """Whether a checkpoint of the lowest kept version would let many commits of the log go."""
        return is_worth_a_checkpoint((file.name for file in self.log), oldest_kept=oldest_kept)

    def with_checkpoint(self, version: int) -> TableFolder:
        """The same as if there were a checkpoint of a version, however large."""
        return replace(self, log=(*self.log, StoredFile(checkpoint_name(version), 0, 0)))

    def expendable(self, named: Collection[str], *, oldest_kept: int, older_than_ms: int) -> TableFolder:
        """What none of the kept versions needs.

        Args:
            named: Data files of the kept versions.
            oldest_kept: The lowest of these versions.
            older_than_ms: Nothing that was written at this time or later is expendable.
        """
        gone = {*expendable_log((file.name for file in self.log), oldest_kept=oldest_kept)}
        data = expendable_files(self.data, named, older_than_ms=older_than_ms)
        return TableFolder(tuple(data), tuple(file for file in self.log if file.name in gone))


def list_folder(warehouse: Warehouse, contract: TableContract) -> TableFolder:
    """The files of a table. Grows with their number, stale ones among them."""
    path = warehouse.path(contract)
    return TableFolder(tuple(warehouse.files.stored_in(path)), tuple(warehouse.files.stored_in(f"{path}/{_LOG}")))


def remove_files(warehouse: Warehouse, contract: TableContract, gone: TableFolder) -> None:
    """Remove files of a table: its data, then its log from the oldest version on, so that what is left can be read."""
    names = [*(file.name for file in gone.data), *(f"{_LOG}/{name}" for name in sorted(file.name for file in gone.log))]
    if names:
        warehouse.remove_files(contract, names)
