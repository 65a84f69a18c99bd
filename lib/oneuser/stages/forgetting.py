"""Deleting what is about somebody whom the run has erased, from whatever tables a stage writes."""

from __future__ import annotations

from dataclasses import fields
from functools import partial, reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.contracts.registry import TABLES
from oneuser.privacy.erasure import Erased, rows_about

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext


def forget_erased(ctx: RunContext, contracts: Iterable[TableContract]) -> None:
    """Delete the rows about whom or what this run has erased, by what each table declares.

    Grows with a look at the columns that tell whose a row is, and with the files that hold such rows.
    """
    erased = _erased(ctx)
    for contract in contracts:
        if contract.name not in ctx.tables:
            continue
        rows = ctx.warehouse.read(contract, ctx.tables[contract.name])
        doomed = rows_about(contract, rows, erased)
        if doomed is not None:
            ctx.delete_rows(contract, doomed)


def count_erased(ctx: RunContext) -> None:
    """Count what goes of the tables of the last run, whether it is deleted or comes out otherwise. One job.

    Grows with the columns that tell whose a row is, of all tables.
    """
    erased = _erased(ctx)
    contracts = [contract for name, contract in TABLES.items() if name in ctx.base]
    found = {contract.name: rows_about(contract, ctx.read_last(contract), erased) for contract in contracts}
    named = [rows.select(F.lit(name).alias("table")) for name, rows in found.items() if rows is not None]
    if named:
        counted = reduce(DataFrame.unionByName, named).groupBy("table").agg(F.count(F.lit(1)).alias("n"))
        for row in counted.collect():
            ctx.metric("rows_erased", row["n"], row["table"])


def _erased(ctx: RunContext) -> Erased:
    """What this run has erased; found once for all stages that are done in this process."""
    by_this_run = F.col("run_seq") == ctx.run_seq
    erasures, suppressions = (
        ctx.warehouse.read(contract, ctx.tables.get(contract.name)).where(by_this_run)
        for contract in (ERASURES, SUPPRESSIONS)
    )
    found = Erased.among(erasures, suppressions)
    kept = {
        one.name: ctx.few_rows(f"erased {one.name}", (ERASURES, SUPPRESSIONS), partial(getattr, found, one.name))[0]
        for one in fields(found)
    }
    return Erased(**kept)
