"""What belongs together: candidate components of a run's evidence, and what protection makes of them. Writes nothing.

Reads   what `gather_pairs` gathers, identifiers
Yields  components, and the edges that rules refuse
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import IDENTIFIERS
from oneuser.core.errors import GateError
from oneuser.graph.edges import describe_vertices
from oneuser.graph.protection import (
    Candidates,
    count_group_edges,
    find_broken,
    judged_components,
    refused_pairs,
    replay_components,
)
from oneuser.graph.refusals import date_refusals
from oneuser.graph.replay_rows import replay_batches
from oneuser.stages.engines import connect_pairs
from oneuser.stages.found_rows import find

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext
    from oneuser.stages.graph.evidence import Gathered


@dataclass(frozen=True)
class ResolvedComponents:
    """What protection made of the candidates.

    Attributes:
        components: Rows of `components`.
        refused: `src`, `dst`, `rule`, `first_event_time`, `last_event_time` of every edge that a rule refuses in this
            run; null where none does.
    """

    components: DataFrame
    refused: DataFrame | None


def resolve_components(ctx: RunContext, gathered: Gathered) -> ResolvedComponents:
    """Connect what is linked, and replay what breaks a bound; everything else is admitted whole.

    Raises:
        GateError: where one candidate component is too large to be replayed.
    """
    started = time.monotonic()
    candidates = _candidates(ctx, gathered)
    components, replayed = _protect(ctx, gathered, candidates)
    ctx.metric("components_seconds", round(time.monotonic() - started, 3))
    return ResolvedComponents(components, _refused(gathered, replayed))


def expected_vertices(gathered: Gathered) -> DataFrame:
    """`identifier_id` of every identifier that must be in a component, by another path than the components."""
    vertices = gathered.seen.select("identifier_id")
    if gathered.has_other_ends:
        vertices = vertices.unionByName(gathered.edges.select(F.explode(F.array("src", "dst")).alias("identifier_id")))
    return vertices.distinct()


def _candidates(ctx: RunContext, gathered: Gathered) -> Candidates:
    """Candidate components: what is linked before any refusal by replay."""
    edges = gathered.edges
    if gathered.declared.excluded is not None:
        # as many pairs as a file of rules names
        edges = edges.join(F.broadcast(gathered.declared.excluded), on=["src", "dst"], how="left_anti")
    labels = connect_pairs(ctx, edges, n_pairs=gathered.n_edges)
    vertices = describe_vertices(
        gathered.seen,
        gathered.edges if gathered.has_other_ends else None,
        ctx.read(IDENTIFIERS),
        priorities=gathered.declared.values.priorities,
        known_types=gathered.declared.values.known_types,
    )
    alone = F.coalesce("component_id", "identifier_id").alias("component_id")
    labelled = vertices.join(labels, on="identifier_id", how="left").withColumn("component_id", alone)
    return Candidates(ctx.checkpoint(labelled), edges, gathered.declared.classes, gathered.declared.excluded)


def _protect(ctx: RunContext, gathered: Gathered, candidates: Candidates) -> tuple[DataFrame, DataFrame | None]:
    """Rows of `components`; and `src`, `dst`, `rule` of what replay refused, null where nothing was replayed."""
    values = gathered.declared.values
    broken, n_broken = find(ctx, find_broken(candidates, values.bounds))
    ctx.metric("components_replayed", n_broken)
    if not n_broken:
        return judged_components(candidates.vertices, None), None
    _check_sizes(ctx, candidates, broken)
    decided = ctx.checkpoint(
        replay_components(
            candidates,
            broken,
            values.bounds,
            replay=replay_batches,
        )
    )
    return judged_components(candidates.vertices, decided), refused_pairs(decided)


def _check_sizes(ctx: RunContext, candidates: Candidates, broken: DataFrame) -> None:
    """One replay is one task's work.

    Raises:
        GateError: naming the size and, by number and type, the identifiers with most edges.
    """
    most = ctx.config.replay.max_edges
    largest = count_group_edges(candidates, broken).orderBy(F.desc("n_edges"), "component_id").first()
    if largest is None or largest["n_edges"] <= most:
        return
    inside = candidates.vertices.where(F.col("component_id") == largest["component_id"])
    ends = candidates.edges.select(F.explode(F.array("src", "dst")).alias("identifier_id"))
    hubs = (
        ends.join(inside.select("identifier_id", "id_type"), on="identifier_id", how="inner")
        .groupBy("identifier_id", "id_type")
        .agg(F.count(F.lit(1)).alias("n_edges"))
        .orderBy(F.desc("n_edges"), "identifier_id")
        .limit(5)
        .collect()
    )
    named = ", ".join(f"{row['id_type']} #{row['identifier_id']} ({row['n_edges']} edges)" for row in hubs)
    types = sorted({row["id_type"] for row in hubs})
    raise GateError(
        found=f"one candidate component of {largest['n_edges']:,} edges breaks a rule; its hubs are {named}",
        expected=f"at most {most:,} edges (replay.max_edges)",
        where="replay.max_edges",
        next_step=f"set identity.id_types.{types[0]}.max_persons_per_value, block the hubs, or raise the gate",
        gate="replay.max_edges",
    )


def _refused(gathered: Gathered, replayed: DataFrame | None) -> DataFrame | None:
    """What is refused by replay, by an exclude that names the pair, and over a value that too many share."""
    parts = []
    if replayed is not None:
        parts.append(date_refusals(replayed, gathered.edges))
    if gathered.declared.excluded is not None:
        named = gathered.edges.join(F.broadcast(gathered.declared.excluded), on=["src", "dst"], how="left_semi")
        parts.append(date_refusals(named.select("src", "dst", F.lit("exclude").alias("rule")).distinct(), named))
    if gathered.over_shared_pairs is not None:
        pairs = gathered.over_shared_pairs.select("src", "dst", F.lit("over_shared").alias("rule")).distinct()
        parts.append(date_refusals(pairs, gathered.over_shared_pairs))
    return reduce(DataFrame.unionByName, parts) if parts else None
