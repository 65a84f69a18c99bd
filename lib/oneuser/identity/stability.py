"""How much a run changed: IDs kept, minted, merged and split, identifiers and events that moved, sizes of people."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100, 500, 1000)


def count_stability(
    *, lineage: DataFrame, map_before: DataFrame, map_now: DataFrame, events_before: DataFrame, events_now: DataFrame
) -> DataFrame:
    """Figures of one run against the last one.

    Args:
        lineage: Rows of `lineage` of this run.
        map_before: `identifier_map` of the last run; empty on the first.
        map_now: `identifier_map` of this run.
        events_before: `events_resolved` of the last run.
        events_now: `events_resolved` of this run.

    Returns:
        One row per figure: `metric`, `key` (empty for a total), `value`.
        ids_minted, ids_merged, ids_split_from, ids_restored ... count lineage rows; ids_kept counts IDs that own
        identifiers in both runs; ids_before those of the last; people those of this one. identifiers_moved and
        events_moved count those that have another user now; a new one has not moved. component_size|N counts people
        with at most N identifiers and more than the N before.
    """
    changes = lineage.groupBy("change").agg(F.count(F.lit(1)).alias("n"))
    by_change = changes.select(F.concat(F.lit("ids_"), "change").alias("metric"), F.lit("").alias("key"), _value("n"))
    parts = [
        by_change,
        _people(map_before, map_now),
        *_moved(map_before, map_now, events_before, events_now),
        *_sizes(map_now),
    ]
    return reduce(lambda left, right: left.unionByName(right), parts)


def _value(name: str) -> Column:
    return F.col(name).cast("double").alias("value")


def _figure(rows: DataFrame, metric: str, key: str = "") -> DataFrame:
    return rows.agg(F.count(F.lit(1)).alias("n")).select(
        F.lit(metric).alias("metric"), F.lit(key).alias("key"), _value("n")
    )


def _people(map_before: DataFrame, map_now: DataFrame) -> DataFrame:
    """IDs before, now, and in both."""
    before = map_before.select("user_id").distinct().withColumn("was", F.lit(1))
    now = map_now.select("user_id").distinct().withColumn("is", F.lit(1))
    both = before.join(now, on="user_id", how="full")
    return (
        both.agg(
            F.count("was").alias("ids_before"),
            F.count("is").alias("people"),
            F.count_if(F.col("was").isNotNull() & F.col("is").isNotNull()).alias("ids_kept"),
        )
        .select(
            F.explode(
                F.array(
                    *[
                        F.struct(F.lit(name).alias("metric"), F.lit("").alias("key"), _value(name))
                        for name in ("ids_before", "people", "ids_kept")
                    ]
                )
            ).alias("f")
        )
        .select("f.metric", "f.key", "f.value")
    )


def _moved(
    map_before: DataFrame, map_now: DataFrame, events_before: DataFrame, events_now: DataFrame
) -> list[DataFrame]:
    moved = []
    for metric, key, before, now in (
        ("identifiers_moved", "identifier_id", map_before, map_now),
        ("events_moved", "message_key", events_before, events_now),
    ):
        was = before.select(key, F.col("user_id").alias("was"))
        changed = (
            now.select(key, "user_id").join(was, on=key, how="inner").where(~F.col("was").eqNullSafe(F.col("user_id")))
        )
        moved.append(_figure(changed, metric))
    return moved


def _sizes(map_now: DataFrame) -> list[DataFrame]:
    """People by number of identifiers, and the largest."""
    people = map_now.groupBy("user_id").agg(F.count(F.lit(1)).alias("n_identifiers"))
    bucket = reduce(
        lambda otherwise, size: F.when(F.col("n_identifiers") <= size, F.lit(str(size))).otherwise(otherwise),
        reversed(_SIZES),
        F.lit(f"more than {_SIZES[-1]}"),
    )
    histogram = people.groupBy(bucket.alias("key")).agg(F.count(F.lit(1)).alias("n"))
    largest = people.agg(F.coalesce(F.max("n_identifiers"), F.lit(0)).alias("n"))
    return [
        histogram.select(F.lit("component_size").alias("metric"), "key", _value("n")),
        largest.select(F.lit("largest_component").alias("metric"), F.lit("").alias("key"), _value("n")),
    ]
