"""Stage graph: edges from messages, components from edges, and the certificate of both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS, IDENTIFIERS
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.core.errors import CertificationError
from oneuser.core.session import has_graphframes
from oneuser.events.normalise import make_normaliser
from oneuser.graph.blocked import find_blocked
from oneuser.graph.certification import gather_evidence, judge
from oneuser.graph.components import choose_engine, connect
from oneuser.graph.edges import (
    CARRIED,
    build_edges,
    carried_identifiers,
    describe_vertices,
    usable_identifiers,
)
from oneuser.pipeline.access import id_type_rules

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import DataFrame

    from oneuser.events.spec import IdTypeSpec
    from oneuser.pipeline.context import RunContext


def carried(ctx: RunContext) -> DataFrame:
    """Rows of `event_identifiers` that may own their message under this run's rules, with `priority`."""
    return carried_identifiers(ctx.read(EVENT_IDENTIFIERS), blocked(ctx), priorities=_priorities(ctx))


def usable(ctx: RunContext) -> DataFrame:
    """Rows of `event_identifiers` that may link under this run's rules, with `priority`."""
    links = ctx.read(EVENT_IDENTIFIERS)
    if links.where(~F.col("link").isin(*CARRIED)).isEmpty():
        return carried(ctx)
    return usable_identifiers(links, blocked(ctx), priorities=_priorities(ctx))


def blocked(ctx: RunContext) -> DataFrame | None:
    """One row per identifier that the configuration blocks; null where it blocks none."""
    rules = ctx.config.identity.id_types
    specs = id_type_rules(ctx.config)
    exact = {name: _normalised(r.blocked_values, specs[name]) for name, r in rules.items() if r.blocked_values}
    patterns = {name: r.blocked_patterns for name, r in rules.items() if r.blocked_patterns}
    if not exact and not patterns:
        return None
    return find_blocked(ctx.read(IDENTIFIER_VALUES), exact=exact, patterns=patterns)


def _priorities(ctx: RunContext) -> dict[str, int]:
    return {name: rules.priority for name, rules in ctx.config.identity.id_types.items()}


def _normalised(values: Collection[str], spec: IdTypeSpec) -> frozenset[str]:
    """Blocked values in the form that values of the type are brought to; one that cannot be one blocks nothing."""
    normalise = make_normaliser(spec)
    forms = (normalise(value) for value in values)
    return frozenset(form for form in forms if form is not None)


def build_graph(ctx: RunContext) -> None:
    """Write edges and components, and certify what was written.

    Raises:
        CertificationError: where the components are not those of the edges; nothing is published then.
    """
    rows = ctx.persist(usable(ctx))
    n_edges = ctx.replace(EDGES, build_edges(rows))
    rules = ctx.config.graph
    choice = choose_engine(
        rules.engine,
        n_edges=n_edges,
        one_task_max_edges=rules.one_task_max_edges,
        has_graphframes=has_graphframes(ctx.spark),
    )
    started = time.monotonic()
    vertices = describe_vertices(rows, ctx.read(IDENTIFIERS))
    labels = connect(ctx.read(EDGES), engine=choice.engine, checkpoint_folder=f"{ctx.warehouse.root}/.checkpoints")
    alone = F.coalesce("component_id", "identifier_id").alias("component_id")
    labelled = vertices.join(labels, on="identifier_id", how="left").withColumn("component_id", alone)
    ctx.replace(COMPONENTS, labelled)
    ctx.details["engine"] = choice.engine
    ctx.details["engine_reason"] = choice.reason
    ctx.figure("components_seconds", round(time.monotonic() - started, 3))
    _certify(ctx, rows)
    ctx.figure("edges", n_edges)


def _certify(ctx: RunContext, rows: DataFrame) -> None:
    evidence = gather_evidence(ctx.read(COMPONENTS), ctx.read(EDGES), rows.select("identifier_id").distinct()).first()
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
