"""Stage retention: activity once, and every declared retention read off it."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import OWNED_MESSAGES
from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import ACTIVITY, RETENTION
from oneuser.contracts.raw import EVENTS
from oneuser.marts.calendar import quarter_of
from oneuser.marts.retention.account_events import from_enough_members
from oneuser.marts.retention.activity import build_activity, with_properties
from oneuser.marts.retention.retain import moments_of, retain_moments
from oneuser.marts.retention.retention_rows import build_retention
from oneuser.stages.complete_moments import complete_moments, last_complete_instant
from oneuser.stages.declaration import Stage
from oneuser.stages.found_rows import find, only, since_then
from oneuser.stages.parameters import (
    activity_properties,
    activity_provenance,
    retention_definitions,
    retention_provenance,
)
from oneuser.stages.touched_people import first_changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneuser.config import RetentionRules
    from oneuser.contracts.table import TableContract
    from oneuser.marts.retention.definition import Definition
    from oneuser.stages.context import RunContext


def retention(ctx: RunContext) -> None:
    """Write activity and retention. Without any event there is no watermark, and retention is empty.

    Where it is incremental: activity of people of whose messages one was touched, from the quarter of an hour of the
    first of these on. Shuffles and writes grow with that; what grows with all events is one pass over the few columns
    by which theirs are found. Each retention is counted anew from activity; one that needs single events, from these.
    """
    _write_activity(ctx)
    watermark = last_complete_instant(ctx.read)
    if watermark is None:
        cells = RETENTION.empty(ctx.spark)
    else:
        ctx.metric("watermark", watermark.timestamp())
        parts = [_cells(ctx, name, one, watermark) for name, one in retention_definitions(ctx.config).items()]
        cells = reduce(DataFrame.unionByName, parts)
    ctx.replace_within(RETENTION, cells, within=None)
    ctx.metric("people_in_cohorts", _largest_number_of_members(ctx))


def _write_activity(ctx: RunContext) -> None:
    changed = first_changes(ctx)
    since = None if changed is None else find(ctx, changed.withColumn("since", quarter_of(F.col("since")))).rows
    resolved, said = since_then(ctx.read(EVENTS_RESOLVED), since, time="event_time"), ctx.read(EVENTS)
    properties = activity_properties(ctx.config)
    if properties and since is not None:
        # few of many: those of all others are not taken out of their JSON
        resolved = ctx.checkpoint(resolved)
        said = only(said, find(ctx, resolved.select("message_key")).rows)
    rows = build_activity(with_properties(resolved, said, properties=properties), provenance=activity_provenance(ctx))
    if since is None:
        ctx.replace_within(ACTIVITY, rows, within=None)
    else:
        ctx.replace_rows(ACTIVITY, since_then(ctx.read_located(ACTIVITY), since, time="quarter"), rows)


def _cells(ctx: RunContext, name: str, definition: Definition, watermark: datetime) -> DataFrame:
    """Rows of `retention` of one name."""
    rules = ctx.config.retentions[name]
    cells = retain_moments(moments(ctx.read, definition, watermark, rules), definition, watermark=watermark)
    return build_retention(
        cells,
        definition,
        name=name,
        level=rules.level,
        min_members=rules.min_members,
        watermark=watermark,
        provenance=retention_provenance(ctx, name),
    )


def moments(
    read: Callable[[TableContract], DataFrame], definition: Definition, watermark: datetime, rules: RetentionRules
) -> DataFrame:
    """What a retention is counted from: activity, but for the quarter of an hour that holds the watermark.

    Of accounts, single events: whose a person's quarter of an hour is may change in the middle of it.

    Of that one, single events say which are complete and which are not: a pass over the times of events, of which
    files without that quarter are left out.
    """
    properties = definition.properties
    if definition.needs_events or rules.level == "account":
        resolved, events = read(EVENTS_RESOLVED), read(EVENTS)
        if rules.level == "person":
            return moments_of(with_properties(resolved, events, properties=properties), definition)
        also = ["user_id"] if rules.min_members > 1 else []
        owned = with_properties(resolved, events, properties=properties, owner="account_id", also=also)
        if also:
            owned = from_enough_members(owned, definition.calendar, min_members=rules.min_members)
        return moments_of(owned, definition)
    return complete_moments(read, properties=properties, edges=[watermark])


def _largest_number_of_members(ctx: RunContext) -> int:
    """Members of all cohorts, of the retention of people that has most: as many as have a start, each once."""
    is_size = (F.col("offset") == F.lit(0)) & (F.col("entity_level") == F.lit("person"))
    sizes = ctx.read(RETENTION).where(is_size).groupBy("name")
    found = sizes.agg(F.sum("cohort_size").alias("n")).agg(F.max("n").alias("n")).first()
    return int(found["n"] or 0) if found else 0


RETENTION_STAGE = Stage(
    "retention",
    retention,
    reads=(EVENTS_RESOLVED, EVENTS, FILES),
    writes=(ACTIVITY, RETENTION),
    sections=(),
    # of activity, which is kept: also properties that `product` asks for
    facts=activity_properties,
    fresh_sections=("retention",),
    # files are read for the watermark alone, which is asked for anew each time
    takes={OWNED_MESSAGES: (EVENTS_RESOLVED, EVENTS, FILES)},
)
