"""Rows of a group in one partition, for Python that is called once per partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def cluster(rows: DataFrame, by: str, *order: str | Column) -> DataFrame:
    """The same rows, all of a group in one partition, each partition sorted by `order`, where one is given.

    `repartition(by)` alone promises nothing to `mapInArrow`. Spark leaves it out where a join or an aggregate below has
    shuffled by the same column already, and, once it knows how small the other side of that join is, reads the
    join's shuffle where it lies instead: the groups come torn, on some runs and not on others. A hash of the column is
    no column of theirs, so the shuffle that is asked for here takes place.

    Args:
        rows: Any rows.
        by: The column that names the group.
        order: What to sort each partition by; a group is contiguous where this begins with `by`.
    """
    clustered = rows.repartition(F.xxhash64(by))
    return clustered.sortWithinPartitions(*order) if order else clustered
