"""Merge protection on Spark: which candidate components break a bound, and what replay makes of them.

Reads   candidate components, edges, manual rules
Yields  components with contested identifiers, and the edges that were refused

The rules themselves are in `replay.py`, called once per partition over rows clustered by candidate component.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.core.message_identifiers import ALIAS, OBSERVED
from oneuser.graph import replay_rows as shape
from oneuser.graph.edges import MANUAL
from oneuser.spark.clustering import cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import pyarrow as pa

    from oneuser.graph.bounded_sets import Bounds

_REPLAY_RULES = ("unique", "limit", "size", "exclude")


@dataclass(frozen=True)
class Candidates:
    """The candidate components of a run, and what is needed to judge them.

    Attributes:
        vertices: The columns of `components` but for the flags; `component_id` labels the candidate.
        edges: Rows of `edges` that are not named by an exclude.
        classes: `identifier_id`, `value_class` of values that aliases join; null where none are.
        excluded: `src`, `dst` that a manual rule keeps apart; null where there is no such rule.
    """

    vertices: DataFrame
    edges: DataFrame
    classes: DataFrame | None
    excluded: DataFrame | None


def find_renames(messages: DataFrame, excluded: DataFrame | None, *, unique_priorities: Collection[int]) -> DataFrame:
    """Aliases between two values of one unique type, as pairs `src`, `dst`: their ends count as one value.

    Args:
        messages: Rows of `linking_messages`, before over-shared values are left out.
        excluded: `src`, `dst` that a manual rule keeps apart.
        unique_priorities: Priorities of the unique types.
    """
    new_ids = F.filter("members", lambda m: m["link"] == ALIAS)
    old_ids = F.filter("members", lambda m: ~m["link"].isin(*OBSERVED))
    ends = (
        messages.where((F.size(new_ids) > 0) & (F.size(old_ids) > 0))
        .select(new_ids[0].alias("new"), F.explode(old_ids).alias("old"))
        .where((F.col("new.priority") == F.col("old.priority")) & F.col("new.priority").isin(*unique_priorities))
        .where(F.col("new.identifier_id") != F.col("old.identifier_id"))
    )
    pairs = ends.select(
        F.least("new.identifier_id", "old.identifier_id").alias("src"),
        F.greatest("new.identifier_id", "old.identifier_id").alias("dst"),
    ).distinct()
    return pairs if excluded is None else pairs.join(excluded, on=["src", "dst"], how="left_anti")


def find_broken(candidates: Candidates, bounds: Bounds) -> DataFrame:
    """`component_id` of the candidate components that break a bound or hold both ends of an excluded pair."""
    members = _with_class(candidates.vertices, candidates.classes)
    n_values = F.count(F.lit(1)) if candidates.classes is None else F.count_distinct("value_class")
    by_type = members.groupBy("component_id", "id_type").agg(
        F.count(F.lit(1)).alias("n_members"), n_values.alias("n_values")
    )
    most = {**dict.fromkeys(sorted(bounds.unique), 1), **_smaller(bounds)}
    breaks_type = reduce(
        lambda one, other: one | other,
        [(F.col("id_type") == name) & (F.col("n_values") > bound) for name, bound in sorted(most.items())],
        F.lit(False),
    )
    broken = (
        by_type.groupBy("component_id")
        .agg(F.sum("n_members").alias("n_members"), F.bool_or(breaks_type).alias("breaks_type"))
        .where(F.col("breaks_type") | (F.col("n_members") > bounds.max_identifiers))
        .select("component_id")
    )
    if candidates.excluded is None:
        return broken
    apart = _inside_one(candidates.excluded, candidates.vertices).select("component_id")
    return broken.unionByName(apart).distinct()


def _smaller(bounds: Bounds) -> dict[str, int]:
    return {name: 1 if name in bounds.unique else limit for name, limit in bounds.limits.items()}


def _with_class(vertices: DataFrame, classes: DataFrame | None) -> DataFrame:
    if classes is None:
        return vertices.withColumn("value_class", F.col("identifier_id"))
    named = classes.select("identifier_id", F.col("value_class").alias("joined_class"))
    joined = vertices.join(named, on="identifier_id", how="left")
    return joined.withColumn("value_class", F.coalesce("joined_class", "identifier_id")).drop("joined_class")


def _inside_one(pairs: DataFrame, vertices: DataFrame) -> DataFrame:
    """The pairs both of whose ends are in one candidate component, with `component_id`."""
    of_src = vertices.select(F.col("identifier_id").alias("src"), "component_id")
    of_dst = vertices.select(F.col("identifier_id").alias("dst"), "component_id")
    return pairs.join(of_src, on="src", how="inner").join(of_dst, on=["dst", "component_id"], how="inner")


def count_group_edges(candidates: Candidates, broken: DataFrame) -> DataFrame:
    """`component_id`, `n_edges`: one row per candidate component that is to be replayed and has an edge."""
    labelled = _with_component(candidates.edges, candidates.vertices)
    pairs = labelled.join(broken, on="component_id", how="left_semi").select("component_id", "src", "dst").distinct()
    return pairs.groupBy("component_id").agg(F.count(F.lit(1)).alias("n_edges"))


def replay_components(
    candidates: Candidates,
    broken: DataFrame,
    bounds: Bounds,
    *,
    replay: Callable[[Iterator[pa.RecordBatch], Bounds], Iterator[pa.RecordBatch]],
) -> DataFrame:
    """Replay the edges of the broken candidate components in the admission order.

    Args:
        candidates: All candidate components.
        broken: `component_id` of those that break a bound.
        bounds: The bounds.
        replay: `replay_rows.replay_batches`.

    Returns:
        Rows of the shape `replay_rows.DECISIONS`: a label for each identifier of the broken components, and the
        refused edges. Several tables are made from them: persist them.
    """
    members = _with_class(candidates.vertices.join(broken, on="component_id", how="left_semi"), candidates.classes)
    vertex_rows = members.select(
        F.lit(shape.VERTEX_ROW).alias("row_kind"),
        F.col("component_id").alias("group_id"),
        "identifier_id",
        "id_key",
        "id_type",
        "priority",
        "is_known",
        "value_class",
    )
    parts = [vertex_rows, _evidence_rows(candidates, broken)]
    if candidates.excluded is not None:
        parts.append(
            _inside_one(candidates.excluded, candidates.vertices)
            .join(broken, on="component_id", how="left_semi")
            .select(F.lit(shape.EXCLUDE_ROW).alias("row_kind"), F.col("component_id").alias("group_id"), "src", "dst")
        )
    rows = reduce(DataFrame.unionByName, map(shape.ROWS.select, parts))
    clustered = cluster(rows, "group_id", "group_id", "row_kind")

    def replay_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return replay(batches, bounds)

    return clustered.mapInArrow(replay_partition, shape.DECISIONS.ddl)


def _evidence_rows(candidates: Candidates, broken: DataFrame) -> DataFrame:
    """One row per pair of a broken component: all its sources together."""
    strength = candidates.vertices.select("identifier_id", "priority")
    labelled = _with_component(candidates.edges, candidates.vertices).join(broken, on="component_id", how="left_semi")
    for end in ("src", "dst"):
        of_end = strength.withColumnsRenamed({"identifier_id": end, "priority": f"{end}_priority"})
        labelled = labelled.join(of_end, on=end, how="inner")
    both = F.col("src_priority") + F.col("dst_priority")
    first = F.when(F.col("first_event_time").isNotNull(), F.struct("first_event_time", "first_event_order"))
    last = F.when(F.col("last_event_time").isNotNull(), F.struct("last_event_time", "last_event_order"))
    pairs = labelled.groupBy("component_id", "src", "dst").agg(
        F.min(F.coalesce("priority", both)).alias("priority"),
        F.min(first).alias("first"),
        F.max(last).alias("last"),
        F.bool_or(F.col("source") == MANUAL).alias("is_include"),
    )
    return pairs.select(
        F.lit(shape.EDGE_ROW).alias("row_kind"),
        F.col("component_id").alias("group_id"),
        "src",
        "dst",
        "priority",
        F.col("first.first_event_time").alias("first_at"),
        F.col("first.first_event_order").alias("first_order"),
        F.col("last.last_event_time").alias("last_at"),
        F.col("last.last_event_order").alias("last_order"),
        "is_include",
    )


def _with_component(edges: DataFrame, vertices: DataFrame) -> DataFrame:
    labels = vertices.select(F.col("identifier_id").alias("src"), "component_id")
    return edges.join(labels, on="src", how="inner")


def judged_components(vertices: DataFrame, decided: DataFrame | None) -> DataFrame:
    """The candidates with the labels and flags that replay gave them.

    Args:
        vertices: As in `Candidates`.
        decided: Decided rows; null where no component was broken.

    Returns:
        The columns of `components`.
    """
    candidates = vertices.withColumn("candidate_id", F.col("component_id"))
    if decided is None:
        return candidates.withColumns({"is_contested": F.lit(False), "is_cut_off": F.lit(False)})
    labels = decided.where(F.col("kind") == shape.LABEL).select(
        "identifier_id", F.col("component_id").alias("new_label"), "is_contested", "is_cut_off"
    )
    joined = candidates.join(labels, on="identifier_id", how="left")
    return joined.withColumns(
        {
            "component_id": F.coalesce("new_label", "component_id"),
            "is_contested": F.coalesce("is_contested", F.lit(False)),
            "is_cut_off": F.coalesce("is_cut_off", F.lit(False)),
        }
    ).drop("new_label")


def refused_pairs(decided: DataFrame) -> DataFrame:
    """`src`, `dst`, `rule` of the edges that replay refused."""
    return decided.where(F.col("kind") == shape.REFUSED).select("src", "dst", "rule")


def keeps_apart(refused: DataFrame) -> DataFrame:
    """`src`, `dst` of the open refusals that keep two identifiers apart though an edge names both."""
    holds = F.col("closed_run").isNull() & F.col("rule").isin(*_REPLAY_RULES)
    return refused.where(holds).select("src", "dst").distinct()
