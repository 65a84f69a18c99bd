"""How much a run changed: IDs kept, minted, merged and split, identifiers and events that moved, sizes of people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import Column

_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100, 500, 1000)
Metric = tuple[str, str, float]


@dataclass(frozen=True)
class Moved:
    """What belongs to somebody else than in the last run, a row each.

    Attributes:
        identifiers: Identifiers with another user; a new one has not moved.
        events: Messages with another user.
        ended: User IDs that were live and are so no longer.
    """

    identifiers: DataFrame
    events: DataFrame
    ended: DataFrame


def find_moved(now: DataFrame, before: DataFrame, key: str) -> DataFrame:
    """The rows of both runs that have another `user_id` now, by `key`."""
    was = before.select(key, F.col("user_id").alias("was"))
    both = now.select(key, "user_id").join(was, on=key, how="inner")
    return both.where(~F.col("was").eqNullSafe(F.col("user_id")))


def count_stability(
    *, lineage: DataFrame, people: DataFrame, people_before: DataFrame, events: DataFrame, moved: Moved
) -> DataFrame:
    """Counts of one run against the last one, for `stability_metrics`: a few dozen rows.

    Args:
        lineage: Rows of `lineage` of this run.
        people: `dim_user` of this run.
        people_before: `dim_user` of the last run.
        events: `events_resolved` of this run.
        moved: What belongs to somebody else.

    Returns:
        `what`, `key`, and the counts `n` and `n_identifiers`.
    """
    unowned = events.where(F.col("unowned").isNotNull())
    parts = [
        _counted(lineage.groupBy(F.col("change").alias("key")), "change"),
        _counted(unowned.groupBy(F.col("unowned").alias("key")), "unowned"),
        _people(people),
    ]
    for what, rows in (
        ("ids_before", people_before),
        ("ids_ended", moved.ended),
        ("identifiers_moved", moved.identifiers),
        ("events_moved", moved.events),
    ):
        parts.append(_counted(rows.groupBy(F.lit("").alias("key")), what))
    return reduce(DataFrame.unionByName, parts)


def stability_metrics(counted: Iterable[Any]) -> Iterator[Metric]:
    """Metrics (metric, key, value) from the collected rows of `count_stability`.

    ids_minted, ids_merged, ids_split_from, ids_restored ... count rows of lineage; ids_kept the IDs that own
    identifiers in both runs; ids_before those of the last; people those of this one that are no residual.
    identifiers_moved and events_moved count those that have another user now; a new one has not moved. component_size|N
    counts people with at most N identifiers and more than the N before. events_unowned counts messages whose owner a
    rule took away.
    """
    totals = dict.fromkeys(("people", "ids_residual", "largest_component"), 0)
    counts = {"ids_before": 0, "ids_ended": 0, "identifiers_moved": 0, "events_moved": 0}
    for row in counted:
        what, key, n = row["what"], row["key"], row["n"]
        if what == "change":
            yield f"ids_{key}", "", float(n)
        elif what == "unowned":
            yield "events_unowned", key, float(n)
        elif what in counts:
            counts[what] = n
        else:
            totals["ids_residual" if what == "residual" else "people"] += n
            totals["largest_component"] = max(totals["largest_component"], row["n_identifiers"])
            if what == "person":
                yield "component_size", key, float(n)
    totals["ids_kept"] = counts["ids_before"] - counts.pop("ids_ended")
    yield from ((metric, "", float(n)) for metric, n in (totals | counts).items())


def _counted(grouped: Any, what: str) -> DataFrame:
    counts: DataFrame = grouped.agg(F.count(F.lit(1)).alias("n"))
    return counts.select(F.lit(what).alias("what"), "key", "n", F.lit(0).cast("bigint").alias("n_identifiers"))


def _people(people: DataFrame) -> DataFrame:
    """Live User IDs by number of identifiers."""
    what = F.when(F.col("kind") == "residual", "residual").otherwise("person")
    return people.groupBy(what.alias("what"), _bucket(F.col("n_identifiers")).alias("key")).agg(
        F.count(F.lit(1)).alias("n"), F.max("n_identifiers").alias("n_identifiers")
    )


def _bucket(size: Column) -> Column:
    return reduce(
        lambda otherwise, most: F.when(size <= most, F.lit(str(most))).otherwise(otherwise),
        reversed(_SIZES),
        F.lit(f"more than {_SIZES[-1]}"),
    )
