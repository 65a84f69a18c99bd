"""Rows that are still about what an erasure has taken, in tables that readers see: by what each table declares.

A search of files passes over those that readers see, where others may have written the same. A row says whose it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import CHANGES
from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.registry import TABLES
from oneuser.privacy.erasure import Erased
from oneuser.stages.forgetting import count_rows, find_refused_again, rows_about_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from oneuser.contracts.table import TableContract
    from oneuser.core.keyed import Keys
    from oneuser.storage.warehouse import Warehouse


def rows_left(
    warehouse: Warehouse, tables: Mapping[str, int], requests: Collection[str], keys: Callable[[], Keys]
) -> dict[str, dict[str, int]]:
    """How many rows are left by request that was to erase them, and table; of those with some.

    What was suppressed and let in again since is not looked for. One job over the columns that tell whose a row is;
    where it finds any, the requests are halved until each is known by which some are left.

    Args:
        warehouse: Where the tables are.
        tables: The versions that readers see.
        requests: Requests for erasure that a run has taken in.
        keys: The keys of the warehouse, for requests that have erased refused lines.
    """
    named = sorted(requests)
    counted = _count(warehouse, tables, named, keys) if named else {}
    if not counted or len(named) == 1:
        return dict.fromkeys(named, counted) if counted else {}
    half = len(named) // 2
    return rows_left(warehouse, tables, named[:half], keys) | rows_left(warehouse, tables, named[half:], keys)


def _count(
    warehouse: Warehouse, tables: Mapping[str, int], requests: Collection[str], keys: Callable[[], Keys]
) -> dict[str, int]:
    def read(contract: TableContract) -> DataFrame:
        return warehouse.read(contract, tables[contract.name])

    asked = warehouse.spark.createDataFrame([(one,) for one in requests], "request_id string")
    erasures, suppressions = (
        read(contract).join(asked, on="request_id", how="left_semi") for contract in (ERASURES, SUPPRESSIONS)
    )
    # what a run itself tells of it says no more than `erasures`
    contracts = [TABLES[name] for name in tables if name != CHANGES.name]

    def known_lines(kept: DataFrame) -> DataFrame:
        return kept if kept.isEmpty() else find_refused_again(contracts, read, kept, keys())

    about = rows_about_in(contracts, read, Erased.among(erasures, suppressions, known_lines))
    return count_rows([*about.items(), *_carrying(read, tables, suppressions)])


def _carrying(
    read: Callable[[TableContract], DataFrame], tables: Mapping[str, int], suppressions: DataFrame
) -> Iterator[tuple[str, DataFrame]]:
    """Rows of identifiers, and identifiers of messages, that are suppressed, whatever the number or key of the row."""
    keys = suppressions.select("id_type", "id_key").distinct()
    if IDENTIFIERS.name in tables:
        yield IDENTIFIERS.name, read(IDENTIFIERS).join(keys, on=["id_type", "id_key"], how="left_semi")
    if EVENTS.name in tables:
        carried = read(EVENTS).select(F.explode("identifiers").alias("one")).select("one.id_type", "one.id_key")
        yield EVENTS.name, carried.join(keys, on=["id_type", "id_key"], how="left_semi")
