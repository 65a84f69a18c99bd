"""Stage retention: activity once, and retention read off it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import ACTIVITY, RETENTION
from oneuser.marts.retention.activity import Calendar, build_activity
from oneuser.marts.retention.cohorts import build_retention, find_watermark
from oneuser.stages.declaration import Stage
from oneuser.stages.parameters import retention_provenance

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext


def retention(ctx: RunContext) -> None:
    """Write activity and retention. Without any event there is no watermark, and both are empty."""
    rules = ctx.config.retention
    calendar = Calendar(rules.interval, rules.zone, rules.week_start)
    provenance = retention_provenance(ctx)
    # read twice: kept, so that both tables are committed at the same time
    activity = ctx.persist(
        build_activity(
            ctx.read(EVENTS_RESOLVED),
            calendar=calendar,
            start=rules.start,
            return_event=rules.return_event,
            provenance=provenance,
        )
    )
    watermark = _watermark(ctx)
    if watermark is None:
        cells = RETENTION.empty(ctx.spark)
    else:
        cells = build_retention(
            activity, calendar=calendar, mode=rules.mode, watermark=watermark, provenance=provenance
        )
        ctx.metric("watermark", watermark.timestamp())
    written = ctx.write_together([(ACTIVITY, activity, "replace"), (RETENTION, cells, "replace")])
    ctx.metric("people_in_cohorts", written[ACTIVITY.name])


def _watermark(ctx: RunContext) -> datetime | None:
    # as a number: a timestamp comes to Python in the zone of this machine
    found = find_watermark(ctx.read(FILES)).select(F.unix_micros("watermark").alias("us")).first()
    if found is None or found["us"] is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(found["us"]))


RETENTION_STAGE = Stage(
    "retention",
    retention,
    reads=(EVENTS_RESOLVED, FILES),
    writes=(ACTIVITY, RETENTION),
    sections=("retention",),
)
