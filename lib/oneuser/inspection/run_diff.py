"""What became of people between two published runs, from what the later one recorded in columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import REFUSED_EDGES
from oneuser.contracts.identity import IDENTIFIER_HISTORY, IDENTIFIER_OWNERSHIP, LINEAGE, USER_IDS
from oneuser.identity.history import as_of_run
from oneuser.inspection.run_metrics import KINDS, MetricChange, compare_metrics

if TYPE_CHECKING:
    from oneuser.inspection.reading import Published
    from oneuser.runs.records import RunRecord


@dataclass(frozen=True)
class RunDiff:
    """The difference between two published runs, `a` the earlier one.

    Attributes:
        a: The earlier run.
        b: The later run.
        metrics: Headline metrics of both, side by side.
        ids: `user_id`, `change` (appeared or gone), `status` and `redirect_to` in the later run: IDs that own
            identifiers after one of the runs and not after the other.
        moved: `identifier_id`, `from_user_id`, `to_user_id`: identifiers in both runs that have another owner.
        divided: `identifier_id`, `n_before`, `n_after`: contested identifiers whose time is divided in another way,
            with the number of their intervals.
        changes: Rows of `lineage` of the runs after the earlier one: merges, splits, restorations and the rest.
        refusals: `rule`, `src`, `dst`, `change` (opened or closed), `run_seq`: edges that were refused after one of the
            runs and not after the other.
    """

    a: RunRecord
    b: RunRecord
    metrics: list[MetricChange]
    ids: DataFrame
    moved: DataFrame
    divided: DataFrame
    changes: DataFrame
    refusals: DataFrame

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many rows of each kind there are, such as `ids|gone`, `moved`, `changes|merged`, `refusals|opened`."""
        one = F.lit("").alias("kind")
        tagged = [
            self.ids.select(F.lit("ids").alias("what"), F.col("change").alias("kind")),
            self.moved.select(F.lit("moved").alias("what"), one),
            self.divided.select(F.lit("divided").alias("what"), one),
            self.changes.select(F.lit("changes").alias("what"), F.col("change").alias("kind")),
            self.refusals.select(F.lit("refusals").alias("what"), F.col("change").alias("kind")),
        ]
        rows = reduce(DataFrame.unionByName, tagged).groupBy("what", "kind").agg(F.count(F.lit(1)).alias("n"))
        counted = rows.orderBy("what", "kind").collect()
        return {f"{row['what']}|{row['kind']}" if row["kind"] else row["what"]: row["n"] for row in counted}

    def examples(self, limit: int) -> dict[str, list[dict[str, Any]]]:
        """The first rows of each kind."""
        return {kind: [row.asDict() for row in getattr(self, kind).limit(limit).collect()] for kind in KINDS}


def compare_runs(published: Published, a: RunRecord, b: RunRecord) -> RunDiff:
    """Compare two published runs.

    Args:
        published: The publication of the later one.
        a: The earlier run.
        b: The later run.
    """
    was, now = a.run_seq, b.run_seq
    history = published.read(IDENTIFIER_HISTORY)
    before, after = as_of_run(history, was), as_of_run(history, now)
    lineage = published.read(LINEAGE)
    return RunDiff(
        a,
        b,
        compare_metrics(a, b),
        _ids(before, after, published.read(USER_IDS)),
        _moved(before, after),
        _divided(published.read(IDENTIFIER_OWNERSHIP), was, now),
        lineage.where((F.col("run_seq") > was) & (F.col("run_seq") <= now)).orderBy(
            "run_seq", "change", "user_id", "other_user_id", "identifier_id"
        ),
        _refusals(published.read(REFUSED_EDGES), was),
    )


def _ids(before: DataFrame, after: DataFrame, ledger: DataFrame) -> DataFrame:
    was = before.select("user_id").distinct().withColumn("was", F.lit(True))
    now = after.select("user_id").distinct().withColumn("is_now", F.lit(True))
    one_sided = was.join(now, on="user_id", how="full").where(F.col("was").isNull() | F.col("is_now").isNull())
    change = F.when(F.col("was").isNull(), "appeared").otherwise("gone")
    status = ledger.select("user_id", "status", "redirect_to")
    named = one_sided.select("user_id", change.alias("change")).join(status, on="user_id", how="left")
    return named.orderBy("change", "user_id")


def _moved(before: DataFrame, after: DataFrame) -> DataFrame:
    was = before.select("identifier_id", F.col("user_id").alias("from_user_id"))
    now = after.select("identifier_id", F.col("user_id").alias("to_user_id"))
    both = was.join(now, on="identifier_id", how="inner")
    return both.where(F.col("from_user_id") != F.col("to_user_id")).orderBy("identifier_id")


def _divided(recorded: DataFrame, was: int, now: int) -> DataFrame:
    sides = []
    for run, name in ((was, "before"), (now, "after")):
        spans = F.array_sort(
            F.collect_list(F.struct("interval", "valid_from", "valid_from_event_order", "user_id"))
        ).alias(name)
        sides.append(as_of_run(recorded, run).groupBy("identifier_id").agg(spans))
    both = sides[0].join(sides[1], on="identifier_id", how="full")
    sizes = both.withColumns({f"n_{name}": F.coalesce(F.array_size(name), F.lit(0)) for name in ("before", "after")})
    is_contested = (F.col("n_before") > 1) | (F.col("n_after") > 1)
    differs = ~F.col("before").eqNullSafe(F.col("after"))
    return sizes.where(is_contested & differs).select("identifier_id", "n_before", "n_after").orderBy("identifier_id")


def _refusals(recorded: DataFrame, was: int) -> DataFrame:
    is_open, was_open = F.col("closed_run").isNull(), F.col("opened_run") <= was
    opened = is_open & ~was_open
    closed = was_open & (F.col("closed_run") > was)
    change = F.when(opened, "opened").otherwise("closed")
    rows = recorded.where(opened | closed).withColumn("change", change)
    return rows.select("rule", "src", "dst", "change", F.coalesce("closed_run", "opened_run").alias("run_seq")).orderBy(
        "rule", "src", "dst", "change"
    )
