"""Two frames of one table, compared row by row: what is missing, what is too much, what differs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

MISSING, SURPLUS, DIFFERENT = "missing", "surplus", "different"


@dataclass(frozen=True)
class Difference:
    """One row that is not what it should be.

    Attributes:
        kind: `missing` where it is not published and should be, `surplus` where it should not be, `different`.
        key: The row's key.
        published: The columns that are compared, as published; null where it is missing.
        expected: The same as they should be; null where it is surplus.
    """

    kind: str
    key: dict[str, Any]
    published: dict[str, Any] | None
    expected: dict[str, Any] | None


@dataclass(frozen=True)
class TableComparison:
    """A table against what it should be: how many rows of each kind, and some of them in the order of the key."""

    table: str
    n_missing: int
    n_surplus: int
    n_different: int
    examples: list[Difference]

    @property
    def holds(self) -> bool:
        """Whether the two are the same."""
        return not (self.n_missing or self.n_surplus or self.n_different)


def compare(
    table: str, published: DataFrame, expected: DataFrame, *, key: Sequence[str], columns: Sequence[str], examples: int
) -> TableComparison:
    """Compare what is published with what should be. One job where they are the same, two where they are not.

    Args:
        table: Name of the table.
        published: Its rows.
        expected: What they should be.
        key: Columns of the key.
        columns: Columns that are compared.
        examples: How many differences to collect.
    """
    rows = _differences(published, expected, key=key, columns=columns)
    counted = {row["kind"]: row["n"] for row in rows.groupBy("kind").agg(F.count(F.lit(1)).alias("n")).collect()}
    found: list[Difference] = []
    if counted:
        for row in rows.orderBy(*key).limit(examples).collect():
            sides = (row[side].asDict() if row[side] is not None else None for side in ("published", "expected"))
            found.append(Difference(row["kind"], {name: row[name] for name in key}, *sides))
    return TableComparison(table, counted.get(MISSING, 0), counted.get(SURPLUS, 0), counted.get(DIFFERENT, 0), found)


def _differences(published: DataFrame, expected: DataFrame, *, key: Sequence[str], columns: Sequence[str]) -> DataFrame:
    """`kind`, the key, `published`, `expected`: one row per difference."""
    sides = [
        rows.select(*(F.col(one).alias(f"{name}_{one}") for one in key), F.struct(*columns).alias(name))
        for rows, name in ((published, "published"), (expected, "expected"))
    ]
    # a part of a key may be null, such as the beginning of what holds since ever
    is_same_key = [F.col(f"published_{one}").eqNullSafe(F.col(f"expected_{one}")) for one in key]
    both = sides[0].join(sides[1], on=reduce(lambda one, other: one & other, is_same_key), how="full")
    keys = [F.coalesce(f"published_{one}", f"expected_{one}").alias(one) for one in key]
    kind = F.when(F.col("published").isNull(), MISSING).when(F.col("expected").isNull(), SURPLUS).otherwise(DIFFERENT)
    is_same = F.col("published").eqNullSafe(F.col("expected"))
    return both.where(~is_same).select(kind.alias("kind"), *keys, "published", "expected")
