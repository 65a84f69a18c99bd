"""How much a run changed: IDs kept, minted, merged and split, identifiers and events that moved, sizes of people."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import Column

_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100, 500, 1000)
_COUNTS = ("n", "n_before", "n_kept", "n_identifiers")
Metric = tuple[str, str, float]


def count_stability(
    *,
    lineage: DataFrame,
    map_now: DataFrame,
    events_now: DataFrame,
    map_before: DataFrame | None,
    events_before: DataFrame | None,
) -> DataFrame:
    """Counts of one run against the last one, for `stability_metrics`: a few dozen rows.

    Args:
        lineage: Rows of `lineage` of this run.
        map_now: `identifier_map` of this run.
        events_now: `events_resolved` of this run, with `unowned`.
        map_before: `identifier_map` of the last run; null on the first.
        events_before: `events_resolved` of the last run; null on the first.

    Returns:
        `what`, `key`, and the counts `n`, `n_before`, `n_kept`, `n_identifiers`.
    """
    parts = [
        _counted(lineage.groupBy(F.col("change").alias("key")), "change"),
        _counted(events_now.where(F.col("unowned").isNotNull()).groupBy(F.col("unowned").alias("key")), "unowned"),
        _people(map_now, map_before),
    ]
    for what, key, now, before in (
        ("identifiers_moved", "identifier_id", map_now, map_before),
        ("events_moved", "message_key", events_now, events_before),
    ):
        if before is not None:
            parts.append(_counted(_moved(now, before, key).groupBy(F.lit("").alias("key")), what))
    return reduce(DataFrame.unionByName, parts)


def stability_metrics(counted: Iterable[Any]) -> Iterator[Metric]:
    """Metrics (metric, key, value) from the collected rows of `count_stability`.

    ids_minted, ids_merged, ids_split_from, ids_restored ... count rows of lineage; ids_kept the IDs that own
    identifiers in both runs; ids_before those of the last; people those of this one that are no residual.
    identifiers_moved and events_moved count those that have another user now; a new one has not moved. component_size|N
    counts people with at most N identifiers and more than the N before. events_unowned counts messages whose owner a
    rule took away.
    """
    totals = dict.fromkeys(("people", "ids_before", "ids_kept", "ids_residual", "largest_component"), 0)
    moved = {"identifiers_moved": 0, "events_moved": 0}
    for row in counted:
        what, key, n = row["what"], row["key"], row["n"]
        if what == "change":
            yield f"ids_{key}", "", float(n)
        elif what == "unowned":
            yield "events_unowned", key, float(n)
        elif what in moved:
            moved[what] = n
        else:
            totals["ids_before"] += row["n_before"]
            totals["ids_kept"] += row["n_kept"]
            totals["ids_residual" if what == "residual" else "people"] += n
            totals["largest_component"] = max(totals["largest_component"], row["n_identifiers"])
            if n and what == "person":
                yield "component_size", key, float(n)
    yield from ((metric, "", float(n)) for metric, n in (totals | moved).items())


def _counted(grouped: Any, what: str) -> DataFrame:
    nothing = [F.lit(0).cast("bigint").alias(name) for name in _COUNTS[1:]]
    counts: DataFrame = grouped.agg(F.count(F.lit(1)).alias("n"))
    return counts.select(F.lit(what).alias("what"), "key", "n", *nothing)


def _moved(now: DataFrame, before: DataFrame, key: str) -> DataFrame:
    was = before.select(key, F.col("user_id").alias("was"))
    both = now.select(key, "user_id").join(was, on=key, how="inner")
    return both.where(~F.col("was").eqNullSafe(F.col("user_id")))


def _people(map_now: DataFrame, map_before: DataFrame | None) -> DataFrame:
    """User IDs of both runs by number of identifiers; those of the last run alone under size 0."""
    held = map_now.select("user_id", F.lit(1).alias("is_now"), "is_cut_off")
    if map_before is not None:
        gone = map_before.select("user_id", F.lit(0).alias("is_now"), F.lit(True).alias("is_cut_off"))
        held = held.unionByName(gone)
    people = held.groupBy("user_id").agg(
        F.sum("is_now").alias("n_identifiers"),
        F.count_if(F.col("is_now") == 0).alias("n_held_before"),
        F.bool_and("is_cut_off").alias("is_residual"),
    )
    is_now, was = F.col("n_identifiers") > 0, F.col("n_held_before") > 0
    what = F.when(is_now & F.col("is_residual"), "residual").otherwise("person")
    return people.groupBy(what.alias("what"), _bucket(F.col("n_identifiers")).alias("key")).agg(
        F.count_if(is_now).alias("n"),
        F.count_if(was).alias("n_before"),
        F.count_if(is_now & was).alias("n_kept"),
        F.max("n_identifiers").alias("n_identifiers"),
    )


def _bucket(size: Column) -> Column:
    return reduce(
        lambda otherwise, most: F.when(size <= most, F.lit(str(most))).otherwise(otherwise),
        reversed(_SIZES),
        F.lit(f"more than {_SIZES[-1]}"),
    )
