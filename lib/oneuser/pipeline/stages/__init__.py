"""The stages of a run, in order, and what each reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.contracts import graph, identity, marts, raw
from oneuser.pipeline.stages.attribution import attribution
from oneuser.pipeline.stages.graph import build_graph
from oneuser.pipeline.stages.identity import identity as resolve_identity
from oneuser.pipeline.stages.ingest import ingest
from oneuser.pipeline.stages.retention import retention
from oneuser.pipeline.stages.sessions import sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneuser.contracts.table import TableContract
    from oneuser.pipeline.context import RunContext


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    A stage whose `reads`, configuration `sections` and code are those of the last completed run is not done again:
    its tables stand. One without reads always runs.
    """

    name: str
    run: Callable[[RunContext], None]
    reads: tuple[TableContract, ...]
    writes: tuple[TableContract, ...]
    sections: tuple[str, ...]


STAGES: tuple[Stage, ...] = (
    Stage(
        "ingest",
        ingest,
        reads=(),
        writes=(
            raw.EVENTS,
            raw.QUARANTINE,
            raw.IDENTIFIER_VALUES,
            graph.FILES,
            graph.IDENTIFIERS,
            graph.EVENT_IDENTIFIERS,
        ),
        sections=(),
    ),
    Stage(
        "graph",
        build_graph,
        reads=(graph.EVENT_IDENTIFIERS, graph.IDENTIFIERS, raw.IDENTIFIER_VALUES),
        writes=(graph.EDGES, graph.COMPONENTS),
        sections=("deployment", "identity", "graph"),
    ),
    Stage(
        "identity",
        resolve_identity,
        reads=(raw.EVENTS, graph.EVENT_IDENTIFIERS, graph.EDGES, graph.COMPONENTS),
        writes=(
            identity.USER_IDS,
            identity.USER_REDIRECTS,
            identity.IDENTIFIER_MAP,
            identity.IDENTIFIER_OWNERSHIP,
            identity.LINEAGE,
            identity.EVENTS_RESOLVED,
            identity.ACCOUNT_MEMBERSHIPS,
            identity.DIM_ACCOUNT,
            identity.DIM_USER,
        ),
        sections=("deployment", "identity", "gates"),
    ),
    Stage(
        "sessions",
        sessions,
        reads=(raw.EVENTS, identity.EVENTS_RESOLVED),
        writes=(marts.SESSIONS, marts.TOUCHES, marts.CONVERSIONS),
        sections=("sessions", "channels", "conversions", "sources"),
    ),
    Stage(
        "attribution",
        attribution,
        reads=(marts.TOUCHES, marts.CONVERSIONS),
        writes=(marts.ATTRIBUTION_CREDITS, marts.ATTRIBUTION_SUMMARY),
        sections=("attribution",),
    ),
    Stage(
        "retention",
        retention,
        reads=(identity.EVENTS_RESOLVED, graph.FILES),
        writes=(marts.ACTIVITY, marts.RETENTION),
        sections=("retention",),
    ),
)
