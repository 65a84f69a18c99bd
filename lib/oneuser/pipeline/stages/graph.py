"""Stage graph: edges from messages, protection, components from what is admitted, and the certificate of it all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES, IDENTIFIERS, REFUSED_EDGES
from oneuser.core.errors import CertificationError, GateError
from oneuser.core.session import has_graphframes
from oneuser.graph.certification import gather_evidence, judge
from oneuser.graph.components import choose_engine, connect
from oneuser.graph.edges import describe_vertices
from oneuser.graph.protection import (
    Candidates,
    count_group_edges,
    find_broken,
    judged_components,
    keeps_apart,
    refused_pairs,
    replay_components,
)
from oneuser.graph.refusals import date_refusals, record_refusals
from oneuser.graph.replay_rows import replay_batches
from oneuser.pipeline.evidence import gather_pairs

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.pipeline.context import RunContext
    from oneuser.pipeline.evidence import Gathered


@dataclass(frozen=True)
class Judged:
    """What protection made of the candidates: rows of `components`, and `src`, `dst`, `rule` of refusals by replay."""

    components: DataFrame
    refused: DataFrame | None


def build_graph(ctx: RunContext) -> None:
    """Write edges, refusals and components, and certify what was written.

    Raises:
        GateError: where one candidate component is too large to be replayed.
        CertificationError: where the components are not those of the admitted edges; nothing is published then.
    """
    gathered = gather_pairs(ctx)
    started = time.monotonic()
    candidates = _candidates(ctx, gathered)
    judged = _protect(ctx, gathered, candidates)
    ctx.figure("components_seconds", round(time.monotonic() - started, 3))
    refusals = _refusals(ctx, gathered, judged)
    writes = [(EDGES, gathered.edges), (COMPONENTS, judged.components)]
    if refusals is not None:
        writes.append((REFUSED_EDGES, refusals))
    ctx.write_together([(contract, rows, "replace") for contract, rows in writes])
    ctx.figure("edges", gathered.n_edges)
    _certify(ctx, gathered)
    _count_refusals(ctx)


def _candidates(ctx: RunContext, gathered: Gathered) -> Candidates:
    """Candidate components: what is linked before any refusal by replay."""
    rules = ctx.config.graph
    choice = choose_engine(
        rules.engine,
        n_edges=gathered.n_edges,
        one_task_max_edges=rules.one_task_max_edges,
        has_graphframes=has_graphframes(ctx.spark),
    )
    ctx.details["engine"] = choice.engine
    ctx.details["engine_reason"] = choice.reason
    edges = gathered.edges
    if gathered.excluded is not None:
        edges = edges.join(F.broadcast(gathered.excluded), on=["src", "dst"], how="left_anti")
    labels = connect(edges, engine=choice.engine, checkpoint_folder=f"{ctx.warehouse.root}/.checkpoints")
    vertices = describe_vertices(
        gathered.usable, gathered.edges if gathered.has_other_ends else None, ctx.read(IDENTIFIERS)
    )
    alone = F.coalesce("component_id", "identifier_id").alias("component_id")
    labelled = vertices.join(labels, on="identifier_id", how="left").withColumn("component_id", alone)
    return Candidates(ctx.persist(labelled), edges, gathered.classes, gathered.excluded)


def _protect(ctx: RunContext, gathered: Gathered, candidates: Candidates) -> Judged:
    """Replay what breaks a bound; everything else is admitted whole."""
    values = gathered.values
    broken = ctx.persist(find_broken(candidates, values.bounds))
    n_broken = broken.count()
    ctx.figure("components_replayed", n_broken)
    if not n_broken:
        return Judged(judged_components(candidates.vertices, None), None)
    _check_sizes(ctx, candidates, broken)
    decided = ctx.persist(
        replay_components(
            candidates,
            broken,
            values.bounds,
            priorities=values.priorities,
            known_types=values.known_types,
            replay=replay_batches,
        )
    )
    return Judged(judged_components(candidates.vertices, decided), refused_pairs(decided))


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


def _refusals(ctx: RunContext, gathered: Gathered, judged: Judged) -> DataFrame | None:
    """Rows of `refused_edges`; null where nothing is refused and nothing ever was."""
    parts = []
    if judged.refused is not None:
        parts.append(date_refusals(judged.refused, gathered.edges))
    if gathered.excluded is not None:
        named = gathered.edges.join(F.broadcast(gathered.excluded), on=["src", "dst"], how="left_semi")
        parts.append(date_refusals(named.select("src", "dst", F.lit("exclude").alias("rule")).distinct(), named))
    if gathered.void_pairs is not None:
        pairs = gathered.void_pairs.select("src", "dst", F.lit("over_shared").alias("rule")).distinct()
        parts.append(date_refusals(pairs, gathered.void_pairs))
    if not parts:
        if REFUSED_EDGES.name not in ctx.tables:
            return None
        recorded = ctx.read(REFUSED_EDGES)
        none = recorded.limit(0).select("src", "dst", "rule", "first_event_time", "last_event_time")
        return record_refusals(none, recorded, run_seq=ctx.run_seq)
    current = parts[0]
    for part in parts[1:]:
        current = current.unionByName(part)
    return record_refusals(current, ctx.read(REFUSED_EDGES), run_seq=ctx.run_seq)


def admitted_edges(ctx: RunContext) -> DataFrame:
    """Rows of `edges` that no rule refuses."""
    edges = ctx.read(EDGES)
    if REFUSED_EDGES.name not in ctx.tables:
        return edges
    return edges.join(keeps_apart(ctx.read(REFUSED_EDGES)), on=["src", "dst"], how="left_anti")


def _certify(ctx: RunContext, gathered: Gathered) -> None:
    vertices = gathered.usable.select("identifier_id")
    if gathered.has_other_ends:
        vertices = vertices.unionByName(gathered.edges.select(F.explode(F.array("src", "dst")).alias("identifier_id")))
    evidence = gather_evidence(ctx.read(COMPONENTS), admitted_edges(ctx), vertices.distinct()).first()
    assert evidence is not None  # noqa: S101 - an aggregate has one row
    certificate = judge(evidence)
    if certificate.problems:
        raise CertificationError(
            found="; ".join(certificate.problems),
            expected="the connected components of the admitted edges",
            where=f"run {ctx.run_seq}, engine {ctx.details['engine']}",
            next_step="nothing was published; try another graph.engine and report this with the run record",
        )
    ctx.figure("certified_identifiers", certificate.n_vertices)
    ctx.figure("components", certificate.n_components)


def _count_refusals(ctx: RunContext) -> None:
    if REFUSED_EDGES.name not in ctx.tables:
        return
    is_open = F.col("closed_run").isNull()
    for row in ctx.read(REFUSED_EDGES).where(is_open).groupBy("rule").agg(F.count(F.lit(1)).alias("n")).collect():
        ctx.figure("edges_refused", row["n"], row["rule"])
    contested = ctx.read(COMPONENTS).agg(F.count_if("is_contested").alias("n")).collect()[0]
    ctx.figure("identifiers_contested", contested["n"])
