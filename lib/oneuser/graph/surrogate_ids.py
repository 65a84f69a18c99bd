"""Surrogate ids of identifiers: dense, given once in the order of (id_type, id_key) among the new ones, never reused.

Reads   identifiers            one row per identifier ever seen
Yields  the new ones, with ids after the last

An id is a position in a sorted partition, so the partitions must not be cut twice: the caller persists them
between the two steps. Counting them is a job, the only one in this module.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import DataFrame

_WITH_IDS_DDL = "identifier_id bigint, id_type string, id_key binary, id_value string"


def find_new_identifiers(spread: DataFrame, identifiers: DataFrame) -> DataFrame:
    """One row per identifier that has no id yet: `id_type`, `id_key`, `id_value`.

    Args:
        spread: Identifiers as messages carry them, with `id_type`, `id_key`, `id_value`; a key belongs to one value.
        identifiers: Rows of `identifiers`.
    """
    distinct = spread.select("id_type", "id_key", "id_value").distinct()
    known = identifiers.select("id_type", "id_key")
    return distinct.join(known, on=["id_type", "id_key"], how="left_anti")


def sort_into_ranges(new: DataFrame) -> DataFrame:
    """New identifiers in sorted partitions, one range each. To be persisted before they get ids."""
    n_partitions = max(new.sparkSession.sparkContext.defaultParallelism, 1)
    ranges = new.repartitionByRange(n_partitions, "id_type", "id_key").sortWithinPartitions("id_type", "id_key")
    # kept with the rows: a task that also reads other rows, such as that of a union, counts its partitions anew
    return ranges.withColumn("range_id", F.spark_partition_id())


def count_ranges(ranges: DataFrame) -> dict[int, int]:
    """Number of new identifiers in each range that has any. Runs one job; `ranges` are persisted."""
    counted = ranges.groupBy("range_id").agg(F.count(F.lit(1)).alias("n_rows"))
    return {row["range_id"]: row["n_rows"] for row in counted.collect()}


def assign_identifier_ids(ranges: DataFrame, sizes: Mapping[int, int], *, after: int) -> DataFrame:
    """Give new identifiers the ids `after` + 1, `after` + 2 … in the order of (id_type, id_key).

    Args:
        ranges: The persisted answer of `sort_into_ranges`.
        sizes: What `count_ranges` answers for them.
        after: The last id given so far, 0 for none.

    Returns:
        `identifier_id`, `id_type`, `id_key`, `id_value`.
    """
    starts = [0, *accumulate(sizes.get(range_id, 0) for range_id in range(1 + max(sizes, default=-1)))]

    def assign_in_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        following = {range_id: after + 1 + start for range_id, start in enumerate(starts)}
        names = ["identifier_id", "id_type", "id_key", "id_value"]
        for batch in batches:
            range_ids = batch.column("range_id").to_numpy()
            ids = np.empty(batch.num_rows, np.int64)
            # nearly always one; a task that was given two ranges has them one after the other
            for range_id in np.unique(range_ids).tolist():
                is_here = range_ids == range_id
                n_here = int(is_here.sum())
                ids[is_here] = np.arange(following[range_id], following[range_id] + n_here)
                following[range_id] += n_here
            yield pa.RecordBatch.from_arrays([pa.array(ids), *batch.columns[1:]], names)

    return ranges.select("range_id", "id_type", "id_key", "id_value").mapInArrow(assign_in_batches, _WITH_IDS_DDL)
