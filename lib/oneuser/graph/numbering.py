"""Dense numbers for identifiers: given once, in the order of (id_type, id_key) among the new ones, never reused.

Reads   identifiers            one row per identifier ever seen
Yields  the new ones, numbered after the last

A number is a place in a sorted partition, so the partitions must not be cut twice: the caller persists them
between the two steps. Counting them is a job, the only one in this module.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

_NUMBERED = "identifier_id bigint, id_type string, id_key binary, id_value string"


def find_new_identifiers(spread: DataFrame, identifiers: DataFrame) -> DataFrame:
    """One row per identifier that has no number yet: `id_type`, `id_key`, `id_value`.

    Args:
        spread: Identifiers as messages carry them, with `id_type`, `id_key`, `id_value`; a key belongs to one value.
        identifiers: Rows of `identifiers`.
    """
    distinct = spread.select("id_type", "id_key", "id_value").distinct()
    numbered = identifiers.select("id_type", "id_key")
    return distinct.join(numbered, on=["id_type", "id_key"], how="left_anti")


def sort_into_ranges(new: DataFrame) -> DataFrame:
    """New identifiers in sorted partitions, one range each. To be persisted before they are numbered."""
    n_partitions = max(new.sparkSession.sparkContext.defaultParallelism, 1)
    ranges = new.repartitionByRange(n_partitions, "id_type", "id_key").sortWithinPartitions("id_type", "id_key")
    # kept with the rows: a task that also reads other rows, such as that of a union, counts its partitions anew
    return ranges.withColumn("place", F.spark_partition_id())


def number_identifiers(ranges: DataFrame, *, after: int) -> DataFrame:
    """Number new identifiers `after` + 1, `after` + 2 … in the order of (id_type, id_key).

    Runs one job, which counts each range.

    Args:
        ranges: The persisted answer of `sort_into_ranges`.
        after: The last number given so far, 0 for none.

    Returns:
        `identifier_id`, `id_type`, `id_key`, `id_value`.
    """
    counted = ranges.groupBy("place").agg(F.count(F.lit(1)).alias("n_rows"))
    sizes = {row["place"]: row["n_rows"] for row in counted.collect()}
    starts = [0, *accumulate(sizes.get(place, 0) for place in range(1 + max(sizes, default=-1)))]

    def number_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        following = {place: after + 1 + start for place, start in enumerate(starts)}
        names = ["identifier_id", "id_type", "id_key", "id_value"]
        for batch in batches:
            places = batch.column("place").to_numpy()
            numbers = np.empty(batch.num_rows, np.int64)
            # nearly always one; a task that was given two ranges has them one after the other
            for place in np.unique(places).tolist():
                is_here = places == place
                n_here = int(is_here.sum())
                numbers[is_here] = np.arange(following[place], following[place] + n_here)
                following[place] += n_here
            yield pa.RecordBatch.from_arrays([pa.array(numbers), *batch.columns[1:]], names)

    return ranges.select("place", "id_type", "id_key", "id_value").mapInArrow(number_batches, _NUMBERED)
