"""Stage sessions: sessions, touches and conversions of the people that the identity stage found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Observation
from pyspark.sql import functions as F

from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import CONVERSIONS, SESSIONS, TOUCHES
from oneuser.contracts.raw import EVENTS
from oneuser.marts.sessions.channel_rules import declared_rules, default_rules
from oneuser.marts.sessions.conversions import build_conversions
from oneuser.marts.sessions.sessions import build_sessions
from oneuser.marts.sessions.touches import build_touches
from oneuser.stages.declaration import Stage
from oneuser.stages.parameters import conversions_provenance, sessions_provenance, touch_sources, touches_provenance

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext


def sessions(ctx: RunContext) -> None:
    """Write sessions and conversions together, then the touches, which are read off the sessions."""
    config = ctx.config
    event_sources = touch_sources(config)
    resolved, events = ctx.read(EVENTS_RESOLVED), ctx.read(EVENTS)
    found = build_sessions(
        resolved,
        gap_minutes=config.sessions.gap_minutes,
        touch_sources=event_sources,
        provenance=sessions_provenance(ctx),
    )
    if config.conversions:
        conversions = build_conversions(
            resolved, events, kinds=config.conversions, provenance=conversions_provenance(ctx)
        )
    else:
        conversions = CONVERSIONS.empty(ctx.spark).withColumn("is_value_invalid", F.lit(False))
    seen = Observation("conversions_seen")
    observed = conversions.observe(
        seen,
        F.count_if("is_value_invalid").alias("conversion_values_invalid"),
        F.count_if(F.col("user_id").isNull()).alias("conversions_without_user"),
    )
    written = ctx.write_together([(SESSIONS, found, "replace"), (CONVERSIONS, observed, "replace")])
    rules = default_rules() if config.channels is None else declared_rules(config.channels)
    touches = build_touches(
        ctx.read(SESSIONS),
        resolved,
        events,
        rules=rules,
        touch_sources=event_sources,
        provenance=touches_provenance(ctx),
    )
    n_touches = ctx.replace(TOUCHES, touches)
    ctx.metric("sessions", written[SESSIONS.name])
    ctx.metric("conversions", written[CONVERSIONS.name])
    ctx.metric("touches", n_touches)
    for metric, value in seen.get.items():
        ctx.metric(metric, value or 0)


SESSIONS_STAGE = Stage(
    "sessions",
    sessions,
    reads=(EVENTS, EVENTS_RESOLVED),
    writes=(SESSIONS, TOUCHES, CONVERSIONS),
    sections=("sessions", "channels", "conversions", "sources"),
)
