"""Rows of a frame brought into this process: as they are, counted and added up by some columns, or the first of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F

from oneuser.core.errors import ContractError
from oneuser.storage.table_reader import rows_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.storage.asked_counts import Groups, How, Top
    from oneuser.storage.table_reader import Row

_WHOLE = ("bigint", "int")


def fitting(rows: DataFrame, contract: TableContract, where: Mapping[str, Collection[Any]]) -> DataFrame:
    """The rows that have one of the values in every column that is named. Values meet them in a join, not in a plan."""
    for name, values in where.items():
        wanted = pa.table({name: pa.array(list(values), contract.arrow_schema.field(name).type)})
        rows = rows.join(rows.sparkSession.createDataFrame(wanted), on=name, how="left_semi")
    return rows


def collect(shown: DataFrame, contract: TableContract, *, are_complete: bool = False) -> pa.Table:
    """Rows of some columns of a table, typed as its contract says.

    Raises:
        ContractError: where they are said to be complete, and a required column is null in some of them.
    """
    found = shown.toArrow()
    if are_complete:
        n_nulls = {name: found.column(name).null_count for name in contract.required}
        if any(n_nulls.values()):
            raise ContractError(contract.name, [f"{name} is null in {n} rows" for name, n in n_nulls.items() if n])
    return found.cast(pa.schema([contract.arrow_schema.field(name) for name in found.column_names]))


def read_frame(
    rows: DataFrame, contract: TableContract, *, columns: Sequence[str], where: Mapping[str, Collection[Any]]
) -> list[Row]:
    """Rows that fit, in Python; in no order."""
    return list(rows_of(collect(fitting(rows, contract, where).select(*columns), contract).to_batches()))


def count_frame(rows: DataFrame, contract: TableContract, asked: Groups) -> list[Row]:
    """The answer to `asked`, of all rows of a table. One job."""
    kinds = {one.name: one.dtype for one in contract.fields}
    rows = fitting(rows, contract, asked.where)
    for name in asked.null:
        rows = rows.where(F.col(name).isNull())
    figures = [_figure(how, column, kinds[column]).alias(name) for name, (how, column) in asked.figures.items()]
    found = rows.groupBy(*asked.by).agg(*figures).collect()
    whole = {name for name, (how, column) in asked.figures.items() if how == "sum" and kinds[column] in _WHOLE}
    return [
        {name: int(value) if name in whole and value is not None else value for name, value in row.asDict().items()}
        for row in found
    ]


def first_of_frame(rows: DataFrame, contract: TableContract, asked: Top) -> list[Row]:
    """The answer to `asked`, of all rows of a table. One job."""
    for name, least in asked.least.items():
        rows = rows.where(F.col(name) >= least)
    order = [*(F.desc(name) for name in asked.descending), *(F.asc(name) for name in contract.key)]
    shown = rows.orderBy(*order).limit(asked.n).select(*asked.columns)
    return list(rows_of(collect(shown, contract).to_batches()))


def _figure(how: How, column: str, kind: str) -> Column:
    of = F.col(column)
    match how:
        case "rows":
            return F.count(F.lit(1))
        case "values":
            return F.count(of)
        case "distinct":
            return F.countDistinct(of)
        case "max":
            return F.max(of)
        case "sum":
            return F.sum(of.cast("decimal(38,0)") if kind in _WHOLE else of)
