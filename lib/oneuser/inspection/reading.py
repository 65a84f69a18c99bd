"""What readers see: the tables of one publication, each at the version that it names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from oneuser.contracts.identity import IDENTIFIER_HISTORY, IDENTIFIER_MAP, IDENTIFIER_OWNERSHIP
from oneuser.contracts.registry import TABLES
from oneuser.core.errors import ConfigError, EnvironmentProblem, OneUserError
from oneuser.identity.history import as_recorded, current
from oneuser.runs.lease import load_claims
from oneuser.runs.publication import current_publication
from oneuser.runs.readable import publications_of_runs, require_readable, withdrawn_runs
from oneuser.runs.records import load_runs
from oneuser.storage.layout import MARKER

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.runs.lease import Publication
    from oneuser.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Published:
    """The tables of one publication. Later publications do not change what it reads."""

    warehouse: Warehouse
    publication: Publication

    def read(self, contract: TableContract) -> DataFrame:
        """Rows of the published version; empty where the publication has no such table."""
        return self.warehouse.read(contract, self.publication.tables.get(contract.name))

    def ownership(self) -> DataFrame:
        """Rows of `identifier_ownership` that hold."""
        return current(self.read(IDENTIFIER_OWNERSHIP))


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


def require_warehouse(warehouse: Warehouse) -> str:
    """The deployment that the warehouse belongs to.

    Raises:
        EnvironmentProblem: where the root is no warehouse.
    """
    if not warehouse.exists():
        raise EnvironmentProblem(
            found="there is no warehouse here",
            expected=f"a folder with the file {MARKER}",
            where=warehouse.root,
            next_step="`oneuser run` makes one; or give another place with --config or --warehouse",
        )
    marker = json.loads(warehouse.files.read_text(f"{warehouse.root}/{MARKER}"))
    return str(marker["deployment"])


def read_published(warehouse: Warehouse) -> Published:
    """The publication that readers see now.

    Raises:
        OneUserError: before the first one.
    """
    shown = current_publication(warehouse)
    if shown is None:
        raise OneUserError(
            found="nothing has been published yet",
            expected="a run that was published",
            where=warehouse.root,
            next_step="`oneuser run`, or `oneuser status` to see how far the last run came",
        )
    return Published(warehouse, shown)


def read_as_of(warehouse: Warehouse, *, run: int | None = None, time: datetime | None = None) -> PublishedThen:
    """The publication of a run, or of the newest run whose as-of time is not after `time`.

    Raises:
        ConfigError: where both or neither is given, where that run was never published or can no longer be read, or
            none was published by then.
    """
    if (run is None) == (time is None):
        raise ConfigError.single("as_of", "give either the number of a run or a time")
    claims = load_claims(warehouse)
    readable = publications_of_runs(claims)
    chosen = run if run is not None else _newest_by(warehouse, {*readable, *withdrawn_runs(claims)}, time)
    then = require_readable(claims, chosen, key="as_of")
    return PublishedThen(warehouse, then, recorder=readable[max(readable)])


def _newest_by(warehouse: Warehouse, shown: Collection[int], time: datetime | None) -> int:
    as_of = {record.run_seq: record.as_of for record in load_runs(warehouse) if record.run_seq in shown}
    by_then = [number for number, moment in as_of.items() if time and moment <= time]
    if not by_then:
        first = min(as_of, default=None)
        since = f"; the first published run, {first}, is as of {as_of[first]:%Y-%m-%d %H:%M} UTC" if first else ""
        raise ConfigError.single("as_of", f"no run was published as of that time{since}")
    return max(by_then)


def find_contract(name: str) -> TableContract:
    """The table of a name.

    Raises:
        ConfigError: with the nearest name, where there is none.
    """
    if name not in TABLES:
        near = get_close_matches(name, TABLES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"tables are {', '.join(sorted(TABLES))}"
        raise ConfigError.single("table", f"there is no table {name!r}: {hint}")
    return TABLES[name]
