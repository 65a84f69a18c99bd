"""Whole frames compared in tests: what differs is shown as a table of both."""

from __future__ import annotations

from typing import Any

from chispa import DataFramesNotEqualError, SchemasNotEqualError, assert_df_equality
from pyspark.sql import DataFrame

from oneuser.contracts.table import TableContract


def assert_rows(actual: DataFrame, shape: TableContract | str, *rows: tuple[Any, ...]) -> None:
    """A frame has the columns of a contract, or of Spark's DDL, and these rows in whatever order."""
    __tracebackhide__ = True
    schema = shape.schema if isinstance(shape, TableContract) else shape
    assert_same_rows(actual, actual.sparkSession.createDataFrame(list(rows), schema))


def assert_same_rows(actual: DataFrame, expected: DataFrame) -> None:
    """Two frames have the same columns, types and rows, each as often, in whatever order.

    What may be null is no part of it: Spark forgets it in joins, and the writer counts nulls.
    """
    __tracebackhide__ = True
    try:
        assert_df_equality(
            # one partition is sorted without a job that looks for the bounds of several
            actual.coalesce(1),
            expected.coalesce(1),
            ignore_row_order=True,
            ignore_nullable=True,
            ignore_metadata=True,
        )
    except (DataFramesNotEqualError, SchemasNotEqualError) as different:
        raise AssertionError(f"as it is, and as it should be:{different}") from None
