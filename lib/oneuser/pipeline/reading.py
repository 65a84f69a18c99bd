"""What readers see: the tables of one publication, each at the version that it names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from oneuser.contracts.registry import TABLES
from oneuser.core.errors import ConfigError, EnvironmentProblem, OneUserError
from oneuser.pipeline.publication import current_publication
from oneuser.storage.warehouse import MARKER

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.pipeline.lease import Publication
    from oneuser.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Published:
    """The tables of one publication. Later publications do not change what it reads."""

    warehouse: Warehouse
    publication: Publication

    def read(self, contract: TableContract) -> DataFrame:
        """Rows of the published version; empty where the publication has no such table."""
        return self.warehouse.read(contract, self.publication.tables.get(contract.name))


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
