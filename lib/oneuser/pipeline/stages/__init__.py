"""The stages of a run, in order, and what each reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS, FILES, IDENTIFIERS, REFUSED_EDGES
from oneuser.contracts.identity import (
    ACCOUNT_MEMBERSHIPS,
    ACCOUNT_ROLLUP,
    DIM_ACCOUNT,
    DIM_USER,
    EVENTS_RESOLVED,
    IDENTIFIER_HISTORY,
    IDENTIFIER_MAP,
    IDENTIFIER_OWNERSHIP,
    LINEAGE,
    USER_IDS,
    USER_REDIRECTS,
)
from oneuser.contracts.marts import (
    ACTIVITY,
    ATTRIBUTION_CREDITS,
    ATTRIBUTION_SUMMARY,
    CONVERSIONS,
    RETENTION,
    SESSIONS,
    TOUCHES,
)
from oneuser.contracts.raw import EVENTS, IDENTIFIER_VALUES, QUARANTINE
from oneuser.contracts.reference import (
    ACCOUNT_MEMBERS,
    ACCOUNT_PARENTS,
    ACCOUNT_PROFILES,
    LINKS,
    REFERENCE_INPUTS,
    REJECTED_RECORDS,
)
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
            EVENTS,
            QUARANTINE,
            IDENTIFIER_VALUES,
            FILES,
            IDENTIFIERS,
            EVENT_IDENTIFIERS,
            LINKS,
            ACCOUNT_PROFILES,
            ACCOUNT_PARENTS,
            ACCOUNT_MEMBERS,
            REFERENCE_INPUTS,
            REJECTED_RECORDS,
        ),
        sections=(),
    ),
    Stage(
        "graph",
        build_graph,
        reads=(EVENTS, EVENT_IDENTIFIERS, IDENTIFIERS, IDENTIFIER_VALUES, LINKS),
        writes=(EDGES, REFUSED_EDGES, COMPONENTS),
        sections=("deployment", "identity", "graph", "replay", "consent"),
    ),
    Stage(
        "identity",
        resolve_identity,
        reads=(
            EVENTS,
            EVENT_IDENTIFIERS,
            IDENTIFIERS,
            IDENTIFIER_VALUES,
            EDGES,
            COMPONENTS,
            ACCOUNT_PROFILES,
            ACCOUNT_PARENTS,
            ACCOUNT_MEMBERS,
        ),
        writes=(
            USER_IDS,
            USER_REDIRECTS,
            IDENTIFIER_MAP,
            IDENTIFIER_HISTORY,
            IDENTIFIER_OWNERSHIP,
            LINEAGE,
            EVENTS_RESOLVED,
            ACCOUNT_MEMBERSHIPS,
            ACCOUNT_ROLLUP,
            DIM_ACCOUNT,
            DIM_USER,
        ),
        sections=("deployment", "identity", "consent", "gates", "accounts"),
    ),
    Stage(
        "sessions",
        sessions,
        reads=(EVENTS, EVENTS_RESOLVED),
        writes=(SESSIONS, TOUCHES, CONVERSIONS),
        sections=("sessions", "channels", "conversions", "sources"),
    ),
    Stage(
        "attribution",
        attribution,
        reads=(TOUCHES, CONVERSIONS),
        writes=(ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY),
        sections=("attribution",),
    ),
    Stage(
        "retention",
        retention,
        reads=(EVENTS_RESOLVED, FILES),
        writes=(ACTIVITY, RETENTION),
        sections=("retention",),
    ),
)
