"""Deleting what is about somebody whom the run has erased, from whatever tables a stage writes."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.privacy.erasure import Erased, rows_about

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext


def forget_erased(ctx: RunContext, contracts: Iterable[TableContract]) -> None:
    """Delete the rows about whom or what this run has erased, by what each table declares. Counts them.

    Grows with a look at the columns that tell whose a row is, and with the files that hold such rows.
    """
    erased = _erased(ctx)
    for contract in contracts:
        if contract.name not in ctx.tables:
            continue
        rows = ctx.warehouse.read(contract, ctx.tables[contract.name])
        doomed = rows_about(contract, rows, erased)
        n_rows = 0 if doomed is None else ctx.delete_rows(contract, doomed)
        if n_rows:
            ctx.metric("rows_erased", n_rows, contract.name)


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
