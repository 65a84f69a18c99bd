"""Deleting what is about somebody whom the run has erased, from whatever tables a stage writes."""

from __future__ import annotations

from dataclasses import fields
from functools import partial, reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.contracts.registry import TABLES
from oneuser.privacy.erased_lines import find_erased_lines
from oneuser.privacy.erasure import Erased, rows_about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from oneuser.contracts.table import TableContract
    from oneuser.core.keyed import Keys
    from oneuser.stages.context import RunContext


def forget_erased(ctx: RunContext, contracts: Iterable[TableContract]) -> None:
    """Delete the rows about whom or what this run has erased, by what each table declares.

    Most tables of a stage have none once it is done: one job counts those of all, and who has some has a job more.
    Grows with a look at the columns that tell whose a row is, and with the files that hold such rows.
    """
    erased = _erased(ctx)
    written = [contract for contract in contracts if contract.name in ctx.tables]
    found = rows_about_in(written, lambda contract: ctx.warehouse.read(contract, ctx.tables[contract.name]), erased)
    n_rows = count_rows(found.items())
    for contract in written:
        if n_rows.get(contract.name):
            ctx.delete_rows(contract, found[contract.name])


def count_erased(ctx: RunContext) -> None:
    """Count what goes of the tables of the last run, whether it is deleted or comes out otherwise. One job.

    Grows with the columns that tell whose a row is, of all tables.
    """
    contracts = [contract for name, contract in TABLES.items() if name in ctx.base]
    for name, n_rows in count_rows(rows_about_in(contracts, ctx.read_last, _erased(ctx)).items()).items():
        ctx.metric("rows_erased", n_rows, name)


def rows_about_in(
    contracts: Iterable[TableContract], read: Callable[[TableContract], DataFrame], erased: Erased
) -> dict[str, DataFrame]:
    """The rows about what was erased, by table; of those that may have some."""
    found = {contract.name: rows_about(contract, read(contract), erased) for contract in contracts}
    return {name: rows for name, rows in found.items() if rows is not None}


def count_rows(found: Iterable[tuple[str, DataFrame]]) -> dict[str, int]:
    """How many rows there are of each table; of those with some."""
    named = [rows.select(F.lit(name).alias("table")) for name, rows in found]
    if not named:
        return {}
    counted = reduce(DataFrame.unionByName, named).groupBy("table").agg(F.count(F.lit(1)).alias("n"))
    return {row["table"]: row["n"] for row in counted.collect()}


def find_refused_again(
    contracts: Iterable[TableContract], read: Callable[[TableContract], DataFrame], kept: DataFrame, keys: Keys
) -> DataFrame:
    """`line_hash` of lines and records of some tables, by the hashes that `erasures` has kept of them."""
    hashes = [read(one).select(F.col(name).alias("line_hash")) for one in contracts for _, name in one.subject.texts]
    return find_erased_lines(reduce(DataFrame.unionByName, hashes), kept, keys) if hashes else kept


def _erased(ctx: RunContext) -> Erased:
    """What this run has erased; found once for all stages that are done in this process."""
    by_this_run = F.col("run_seq") == ctx.run_seq
    erasures, suppressions = (
        ctx.warehouse.read(contract, ctx.tables.get(contract.name)).where(by_this_run)
        for contract in (ERASURES, SUPPRESSIONS)
    )

    def known_lines(hashes: DataFrame) -> DataFrame:
        kept, n_rows = ctx.few_rows("kept hashes of erased lines", [ERASURES], lambda: hashes)
        return find_refused_again(TABLES.values(), ctx.read_last, kept, ctx.keys) if n_rows else kept

    found = Erased.among(erasures, suppressions, known_lines)
    kept = {
        one.name: ctx.few_rows(f"erased {one.name}", (ERASURES, SUPPRESSIONS), partial(getattr, found, one.name))
        for one in fields(found)
    }
    return Erased(**{name: rows if n_rows else None for name, (rows, n_rows) in kept.items()})
