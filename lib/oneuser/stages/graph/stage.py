"""Stage graph: edges from messages, protection, components from what is admitted, and the certificate of it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.changes import JUDGED_IDENTIFIERS, LINKED_IDENTIFIERS
from oneuser.contracts.graph import (
    COMPONENTS,
    EDGES,
    EVENT_IDENTIFIERS,
    IDENTIFIERS,
    REFUSED_EDGES,
    SHARED_VALUES,
)
from oneuser.contracts.raw import EVENTS, IDENTIFIER_VALUES
from oneuser.contracts.reference import LINKS
from oneuser.core.errors import CertificationError
from oneuser.graph.certification import gather_evidence, judge
from oneuser.graph.edges import touching
from oneuser.graph.protection import keeps_apart
from oneuser.graph.refusals import record_refusals
from oneuser.stages.declaration import Stage
from oneuser.stages.found_rows import find
from oneuser.stages.graph.gathering import gather_pairs
from oneuser.stages.graph.resolve_components import ResolvedComponents, expected_vertices, resolve_components
from oneuser.stages.shaped_by import linking_facts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext
    from oneuser.stages.graph.evidence import Gathered
    from oneuser.stages.graph.touched import Touched


def build_graph(ctx: RunContext) -> None:
    """Write edges, refusals and components, and certify what was written.

    Raises:
        GateError: where one candidate component is too large to be replayed.
        CertificationError: where the components are not those of the admitted edges; nothing is published then.
    """
    gathered = gather_pairs(ctx)
    resolved = resolve_components(ctx, gathered)
    if gathered.touched is None:
        _write_all(ctx, gathered, resolved)
    else:
        _write_touched(ctx, gathered, resolved, gathered.touched)
    ctx.metric("edges", ctx.read(EDGES).count())
    _certify(ctx, gathered)
    _count_components(ctx)
    _count_refusals(ctx)


def _write_all(ctx: RunContext, gathered: Gathered, resolved: ResolvedComponents) -> None:
    writes = [(EDGES, gathered.edges), (COMPONENTS, resolved.components)]
    if resolved.refused is not None or REFUSED_EDGES.name in ctx.tables:
        writes.append((REFUSED_EDGES, _refusals(ctx, resolved.refused, ctx.read(REFUSED_EDGES))))
    if gathered.shared is not None:
        writes.append((SHARED_VALUES, gathered.shared))
    elif SHARED_VALUES.name in ctx.tables and not ctx.read(SHARED_VALUES).isEmpty():
        # there were bounds, and now there are none
        writes.append((SHARED_VALUES, SHARED_VALUES.empty(ctx.spark)))
    ctx.write_together([(contract, rows, "replace") for contract, rows in writes])


def _write_touched(ctx: RunContext, gathered: Gathered, resolved: ResolvedComponents, touched: Touched) -> None:
    writes: list[tuple[TableContract, DataFrame, DataFrame | None]] = [
        (EDGES, gathered.edges, touched.told.withColumnRenamed("identifier_id", "src")),
        (COMPONENTS, resolved.components, touched.told),
    ]
    if gathered.shared is not None:
        writes.append((SHARED_VALUES, gathered.shared, None))
    if resolved.refused is not None or REFUSED_EDGES.name in ctx.tables:
        before = touching(ctx.read(REFUSED_EDGES), touched.told)
        refusals = ctx.checkpoint(_refusals(ctx, resolved.refused, before))
        writes.append((REFUSED_EDGES, refusals, find(ctx, refusals.select("src", "dst").distinct()).rows))
    ctx.replace_together(writes)
    ctx.tell(JUDGED_IDENTIFIERS, touched.told.withColumn("reason", F.lit("touched")))


def _refusals(ctx: RunContext, refused: DataFrame | None, recorded: DataFrame) -> DataFrame:
    """Rows of `refused_edges`, for what was recorded and what is refused now."""
    none = recorded.limit(0).select("src", "dst", "rule", "first_event_time", "last_event_time")
    return record_refusals(none if refused is None else refused, recorded, run_seq=ctx.run_seq)


def admitted_edges(ctx: RunContext) -> DataFrame:
    """Rows of `edges` that no rule refuses."""
    edges = ctx.read(EDGES)
    if REFUSED_EDGES.name not in ctx.tables:
        return edges
    return edges.join(keeps_apart(ctx.read(REFUSED_EDGES)), on=["src", "dst"], how="left_anti")


def _certify(ctx: RunContext, gathered: Gathered) -> None:
    """Check what was written, of all candidate components that were judged.

    Raises:
        CertificationError: where the components are not those of the admitted edges.
    """
    components, edges = ctx.read(COMPONENTS), admitted_edges(ctx)
    if gathered.touched is not None:
        components = components.join(gathered.touched.told, on="identifier_id", how="left_semi")
        edges = touching(edges, gathered.touched.told)
    # as many as there can be, whatever part of them is judged
    n_rows = gathered.n_edges + ctx.read(COMPONENTS).count()
    in_one_task = n_rows <= ctx.config.graph.one_task_max_edges
    evidence = gather_evidence(components, edges, expected_vertices(gathered), in_one_task=in_one_task).first()
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


def _count_components(ctx: RunContext) -> None:
    # a component is labelled by its smallest member
    is_label = F.col("component_id") == F.col("identifier_id")
    counts = [
        F.count(F.lit(1)).alias("identifiers"),
        F.count_if(is_label).alias("components"),
        F.count_if("is_contested").alias("identifiers_contested"),
    ]
    for metric, n in ctx.read(COMPONENTS).agg(*counts).collect()[0].asDict().items():
        ctx.metric(metric, n)


def _count_refusals(ctx: RunContext) -> None:
    if REFUSED_EDGES.name not in ctx.tables:
        return
    is_open = F.col("closed_run").isNull()
    for row in ctx.read(REFUSED_EDGES).where(is_open).groupBy("rule").agg(F.count(F.lit(1)).alias("n")).collect():
        ctx.metric("edges_refused", row["n"], row["rule"])


GRAPH_STAGE = Stage(
    "graph",
    build_graph,
    reads=(EVENTS, EVENT_IDENTIFIERS, IDENTIFIERS, IDENTIFIER_VALUES, LINKS),
    writes=(EDGES, REFUSED_EDGES, SHARED_VALUES, COMPONENTS),
    sections=(
        "identity.id_types",
        "identity.conflict",
        "identity.max_identifiers_per_user",
        "identity.alias",
        "identity.manual_rules",
        "graph",
        "replay",
    ),
    facts=linking_facts,
    takes={LINKED_IDENTIFIERS: (EVENTS, EVENT_IDENTIFIERS, IDENTIFIERS, IDENTIFIER_VALUES, LINKS)},
    gives=(JUDGED_IDENTIFIERS,),
)
