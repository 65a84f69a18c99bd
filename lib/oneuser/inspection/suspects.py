"""Suspects on Spark: the values to look at first when people look merged that should not be.

Reads   identifier_map, components, edges, event_identifiers
Yields  one row per suspect, with what blocking it would do

The search itself is in `graph/articulation_points.py`, called once per partition over rows clustered by component.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS
from oneuser.contracts.identity import IDENTIFIER_MAP
from oneuser.core.message_identifiers import OBSERVED
from oneuser.inspection import suspect_rows as shape
from oneuser.spark.clustering import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from oneuser.inspection.reading import Published

_FEW = 2  # of three identifiers or more, two stay linked when one goes


def find_suspects(published: Published, *, limit: int | None = None, largest: int | None = None) -> DataFrame:
    """Rows of `rank_suspects`: the first `limit` of them, from so many of the largest people; null means all."""
    ranked = rank_suspects(
        published.read(IDENTIFIER_MAP),
        published.read(COMPONENTS),
        published.read(EDGES),
        published.read(EVENT_IDENTIFIERS),
        largest=largest,
    )
    return ranked if limit is None else ranked.limit(limit)


def rank_suspects(
    identifier_map: DataFrame,
    components: DataFrame,
    edges: DataFrame,
    event_identifiers: DataFrame,
    *,
    largest: int | None = None,
) -> DataFrame:
    """Values whose removal would break a person into several parts that each hold a known identifier.

    Args:
        identifier_map: Rows of `identifier_map`.
        components: Rows of `components`.
        edges: Rows of `edges`.
        event_identifiers: Rows of `event_identifiers`.
        largest: Look only at so many of the largest components; at all of them where null.

    Returns:
        One row per value, that with most effect first: `identifier_id`, `id_type`, `user_id`; `n_people`, the parts
        that each hold a known identifier; `n_parts`, all parts; `n_parted`, the identifiers outside the largest part;
        `part_sizes`, identifiers of the largest parts; `n_events`, the messages that carry it.
    """
    members = _members(identifier_map, components, largest)
    parts = [
        members.withColumn("row_kind", F.lit(shape.MEMBER_ROW)),
        _edges_inside(edges, members).withColumn("row_kind", F.lit(shape.EDGE_ROW)),
        _observed_together(event_identifiers, members).withColumn("row_kind", F.lit(shape.MESSAGE_ROW)),
    ]
    rows = reduce(DataFrame.unionByName, map(shape.ROWS.select, parts))
    clustered = cluster(rows, "component_id", *shape.SORTED_BY)

    def find_in_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return shape.find_in_batches(batches)

    found = clustered.mapInArrow(find_in_partition, shape.FOUND.ddl)
    described = identifier_map.select("identifier_id", "id_type", "user_id", "n_events")
    ranked = found.join(described, on="identifier_id", how="inner")
    effect = [F.desc("n_people"), F.desc("n_parted"), F.desc("n_events")]
    return ranked.orderBy(*effect, "identifier_id").select(
        "identifier_id", "id_type", "user_id", "n_people", "n_parts", "n_parted", "part_sizes", "n_events"
    )


def _members(identifier_map: DataFrame, components: DataFrame, largest: int | None) -> DataFrame:
    """Identifiers of the components that hold several known ones."""
    owned = identifier_map.select("identifier_id", "is_known", "strength")
    placed = components.select("identifier_id", "component_id").join(owned, on="identifier_id", how="inner")
    sizes = placed.groupBy("component_id").agg(
        F.count(F.lit(1)).alias("n_members"), F.count_if("is_known").alias("n_known")
    )
    several = sizes.where(F.col("n_known") > 1)
    if largest is not None:
        several = several.orderBy(F.desc("n_members"), "component_id").limit(largest)
    return placed.join(several.select("component_id"), on="component_id", how="left_semi")


def _edges_inside(edges: DataFrame, members: DataFrame) -> DataFrame:
    """Pairs that edges join inside a component: those between two of them are refused."""
    inside = edges.select("src", "dst").distinct()
    of_src = members.select(F.col("identifier_id").alias("src"), "component_id")
    of_dst = members.select(F.col("identifier_id").alias("dst"), "component_id")
    return inside.join(of_src, on="src", how="inner").join(of_dst, on=["dst", "component_id"], how="inner")


def _observed_together(event_identifiers: DataFrame, members: DataFrame) -> DataFrame:
    """What messages carry of a component, three identifiers or more, the best one first; each combination once."""
    observed = event_identifiers.where(F.col("link").isin(*OBSERVED)).select(
        "message_key", "identifier_id", "type_rank"
    )
    best_first = F.sort_array(F.collect_set(F.struct("strength", "type_rank", "identifier_id")))
    messages = (
        observed.join(members, on="identifier_id", how="inner")
        .groupBy("message_key", "component_id")
        .agg(best_first.alias("sorted"))
    )
    numbers = F.array_distinct(F.col("sorted.identifier_id")).alias("observed")
    return messages.select("component_id", numbers).where(F.size("observed") > _FEW).distinct()
