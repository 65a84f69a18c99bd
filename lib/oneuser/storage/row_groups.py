"""Rows counted and added up by some of their columns, and the first rows of all: Arrow's answer to what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import compute as pc

from oneuser.storage.table_reader import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneuser.contracts.table import TableContract
    from oneuser.storage.asked_counts import Groups, How, Top
    from oneuser.storage.table_reader import Row

_ARROW: dict[How, tuple[str, pc.CountOptions | None]] = {
    "rows": ("count", pc.CountOptions("all")),
    "values": ("count", pc.CountOptions("only_valid")),
    "distinct": ("count_distinct", pc.CountOptions("only_valid")),
    "sum": ("sum", None),
    "max": ("max", None),
}
# what sums of whole numbers are added up in: Arrow goes round where 64 bits do not hold one
_SUM = pa.decimal128(38, 0)


def count_rows(batches: Iterable[pa.RecordBatch], contract: TableContract, asked: Groups) -> list[Row]:
    """The answer, of rows that fit `asked.where` already and have its columns; in no order."""
    types = pa.schema([contract.arrow_schema.field(name) for name in asked.columns])
    rows = pa.Table.from_batches(batches, types)
    for name in asked.null:
        rows = rows.filter(pc.is_null(rows.column(name)))
    keys = [f"by {name}" for name in asked.by]
    whole = {
        name
        for name, (how, column) in asked.figures.items()
        if how == "sum" and pa.types.is_integer(types.field(column).type)
    }
    added = [
        rows.column(column).cast(_SUM) if name in whole else rows.column(column)
        for name, (_, column) in asked.figures.items()
    ]
    apart = pa.Table.from_arrays([*(rows.column(name) for name in asked.by), *added], names=[*keys, *asked.figures])
    figures: list[Any] = [(name, *_ARROW[how]) for name, (how, _) in asked.figures.items()]
    grouped = apart.group_by(keys).aggregate(figures)
    found = [*keys, *(f"{name}_{_ARROW[how][0]}" for name, (how, _) in asked.figures.items())]
    shown = pa.Table.from_arrays([grouped.column(name) for name in found], names=[*asked.by, *asked.figures])
    return [
        {name: int(value) if name in whole and value is not None else value for name, value in row.items()}
        for row in rows_of(shown.to_batches())
    ]


def first_rows(rows: pa.Table, contract: TableContract, asked: Top) -> list[Row]:
    """The answer, of rows that have the columns of the key and of `asked`."""
    for name, least in asked.least.items():
        rows = rows.filter(pc.greater_equal(rows.column(name), pa.scalar(least)))
    descending = [(name, "descending") for name in asked.descending]
    order: list[Any] = [*descending, *((name, "ascending") for name in contract.key)]
    shown = rows.take(pc.sort_indices(rows, order)[: asked.n]).select(list(asked.columns))
    return list(rows_of(shown.to_batches()))
