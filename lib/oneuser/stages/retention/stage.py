"""Stage retention: activity once, and retention read off it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.changes import OWNED_MESSAGES
from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import ACTIVITY, RETENTION
from oneuser.marts.calendar import Calendar
from oneuser.marts.retention.activity import build_activity
from oneuser.marts.retention.cohorts import build_retention, find_watermark
from oneuser.stages.declaration import Stage
from oneuser.stages.found_rows import only
from oneuser.stages.parameters import retention_provenance
from oneuser.stages.touched_people import touched_people

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext


def retention(ctx: RunContext) -> None:
    """Write activity and retention. Without any event there is no watermark, and retention is empty.

    Where it is incremental: activity of people of whose messages one was touched, from all their events. Shuffles and
    writes grow with these; what grows with all events is one pass over the few columns by which theirs are found.
    Retention is counted anew from activity, a row per person.
    """
    rules = ctx.config.retention
    calendar = Calendar(rules.interval, rules.zone, rules.week_start)
    provenance = retention_provenance(ctx)
    people = touched_people(ctx)
    activity = build_activity(
        only(ctx.read(EVENTS_RESOLVED), people),
        calendar=calendar,
        start=rules.start,
        return_event=rules.return_event,
        provenance=provenance,
    )
    ctx.replace_within(ACTIVITY, activity, people)
    everybody = ctx.read(ACTIVITY)
    watermark = _watermark(ctx)
    if watermark is None:
        cells = RETENTION.empty(ctx.spark)
    else:
        cells = build_retention(
            everybody, calendar=calendar, mode=rules.mode, watermark=watermark, provenance=provenance
        )
        ctx.metric("watermark", watermark.timestamp())
    ctx.replace_within(RETENTION, cells, within=None)
    ctx.metric("people_in_cohorts", everybody.count())


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
    # files are read for the watermark alone, which is asked for anew each time
    takes={OWNED_MESSAGES: (EVENTS_RESOLVED, FILES)},
)
