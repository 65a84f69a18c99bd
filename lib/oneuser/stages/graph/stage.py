"""Stage graph: edges from messages, protection, components from what is admitted, and the certificate of it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS, IDENTIFIERS, REFUSED_EDGES
from oneuser.contracts.raw import EVENTS, IDENTIFIER_VALUES
from oneuser.contracts.reference import LINKS
from oneuser.core.errors import CertificationError
from oneuser.graph.certification import gather_evidence, judge
from oneuser.graph.protection import keeps_apart
from oneuser.graph.refusals import record_refusals
from oneuser.stages.declaration import Stage
from oneuser.stages.graph.evidence import gather_pairs
from oneuser.stages.graph.resolve_components import expected_vertices, resolve_components

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext
    from oneuser.stages.graph.evidence import Gathered


def build_graph(ctx: RunContext) -> None:
    """Write edges, refusals and components, and certify what was written.

    Raises:
        GateError: where one candidate component is too large to be replayed.
        CertificationError: where the components are not those of the admitted edges; nothing is published then.
    """
    gathered = gather_pairs(ctx)
    resolved = resolve_components(ctx, gathered)
    refusals = _refusals(ctx, resolved.refused)
    writes = [(EDGES, gathered.edges), (COMPONENTS, resolved.components)]
    if refusals is not None:
        writes.append((REFUSED_EDGES, refusals))
    ctx.write_together([(contract, rows, "replace") for contract, rows in writes])
    ctx.metric("edges", gathered.n_edges)
    _certify(ctx, gathered)
    _count_refusals(ctx)


def _refusals(ctx: RunContext, refused: DataFrame | None) -> DataFrame | None:
    """Rows of `refused_edges`; null where nothing is refused and nothing ever was."""
    if refused is None and REFUSED_EDGES.name not in ctx.tables:
        return None
    recorded = ctx.read(REFUSED_EDGES)
    none = recorded.limit(0).select("src", "dst", "rule", "first_event_time", "last_event_time")
    return record_refusals(none if refused is None else refused, recorded, run_seq=ctx.run_seq)


def admitted_edges(ctx: RunContext) -> DataFrame:
    """Rows of `edges` that no rule refuses."""
    edges = ctx.read(EDGES)
    if REFUSED_EDGES.name not in ctx.tables:
        return edges
    return edges.join(keeps_apart(ctx.read(REFUSED_EDGES)), on=["src", "dst"], how="left_anti")


def _certify(ctx: RunContext, gathered: Gathered) -> None:
    evidence = gather_evidence(ctx.read(COMPONENTS), admitted_edges(ctx), expected_vertices(gathered)).first()
    assert evidence is not None  # noqa: S101 - an aggregate has one row
    certificate = judge(evidence)
    if certificate.problems:
        raise CertificationError(
            found="; ".join(certificate.problems),
            expected="the connected components of the admitted edges",
            where=f"run {ctx.run_seq}, engine {ctx.details['engine']}",
            next_step="nothing was published; try another graph.engine and report this with the run record",
        )
    ctx.metric("certified_identifiers", certificate.n_vertices)
    ctx.metric("components", certificate.n_components)


def _count_refusals(ctx: RunContext) -> None:
    if REFUSED_EDGES.name not in ctx.tables:
        ctx.metric("identifiers_contested", 0)
        return
    is_open = F.col("closed_run").isNull()
    for row in ctx.read(REFUSED_EDGES).where(is_open).groupBy("rule").agg(F.count(F.lit(1)).alias("n")).collect():
        ctx.metric("edges_refused", row["n"], row["rule"])
    contested = ctx.read(COMPONENTS).agg(F.count_if("is_contested").alias("n")).collect()[0]
    ctx.metric("identifiers_contested", contested["n"])


GRAPH_STAGE = Stage(
    "graph",
    build_graph,
    reads=(EVENTS, EVENT_IDENTIFIERS, IDENTIFIERS, IDENTIFIER_VALUES, LINKS),
    writes=(EDGES, REFUSED_EDGES, COMPONENTS),
    sections=("deployment", "identity", "graph", "replay", "consent"),
)
