"""Retention of any events: who of those who began together came back, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.core.suggestions import did_you_mean
from oneuser.marts.calendar import checked_watermark
from oneuser.marts.event_rows import check_is_frame, how_to_make_instants
from oneuser.marts.retention.activity import moments_of_events
from oneuser.marts.retention.cells import count_cells
from oneuser.marts.retention.definition import checked_definition
from oneuser.marts.retention.members import find_steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.retention.definition import Definition


def retain(
    events: DataFrame,
    *,
    watermark: datetime,
    unit: str,
    zone: str = "UTC",
    week_start: str = "monday",
    mode: str | Mapping[str, Any] | Sequence[Mapping[str, Any]] = "on",
    membership: str = "first_ever",
    min_events: int = 1,
    basis: str = "calendar",
    start: str | Sequence[str] | None = None,
    start_where: Mapping[str, Any] | None = None,
    return_event: str | Sequence[str] | None = None,
    return_where: Mapping[str, Any] | None = None,
    breakdown: str | None = None,
    breakdown_at: str = "start",
    max_offset: int | None = None,
) -> DataFrame:
    """Count, for each cohort and number of intervals later, who came back.

    A cohort is everybody who started in the same calendar interval. Column 0 is its size; every other cell says how
    many of its members were there again. Nothing depends on the zone of the session or of the machine.

    A return is a return event later than the start. Of the start's own interval, `returned_same_interval` says who has
    one there; with `min_events`, the interval must hold so many besides the start itself.

    Args:
        events: `entity_id` (a person, or an account: see `account_events`), `event_time`, `event` where names are
            asked for, and `properties`, a map from text, where these are. Rows without an entity or a time are left
            out. Each row counts: take copies out before.
        watermark: The last instant up to which all sources are complete, with its zone. Returns after it count
            nowhere; members who start after it count in the size.
        unit: hour, day, week, month or quarter.
        zone: Time zone of the calendar.
        week_start: monday or sunday.
        mode: `on` (back in interval j), `on_or_after` (in j or a later one), `on_or_before` (in one of 1 to j),
            `streak` (in each of 1 to j), `before` (there in an interval before the start; offsets are negative), or
            brackets, `{"mode": "bracket", "from": a, "until": b}` or a list of these: back in one of a to b. The
            `offset` of a bracket is a, and its `offset_until` is b.
        membership: `first_ever`, the first event named in `start`, which must pass `start_where`, or the entity is in
            no cohort; `first_matching`, the first that passes; `recurring`, every interval that holds one that passes:
            an entity may be in many cohorts.
        min_events: So many return events an interval must hold.
        basis: `calendar`, intervals of the calendar; `rolling`, intervals of 1, 24, 7·24, 30·24 or 90·24 hours from
            each member's own start; `rolling_hour_floored`, the same with both times rounded down to the hour first,
            as some products do.
        start: Name of the start event, several, or null for any.
        start_where: Property to value, values, `{"in": [...]}`, `{"equals": ...}` or `{"present": flag}`.
        return_event: Name of the return event, several, or null for any.
        return_where: As `start_where`.
        breakdown: A property: each cohort is divided by what it says at the start.
        breakdown_at: `start`, or `start_and_return`: returns count only where the property says the same.
        max_offset: Intervals beyond it are left out. Without it there are as many as the data have.

    Returns:
        One row per cohort and offset, from 0 to the interval that holds the watermark (`before`: back to the first
        return event of anybody): `cohort`, the first day of its interval (an instant where the unit is hour),
        `offset`, `cohort_size`, `returned_same_interval`, `retained` (so far), `retained_eligible`, `eligible`
        (members of whom the cell is observed: its interval ended at or before the watermark), `is_observed` (there are
        such), `rate` = retained_eligible ÷ eligible, null where not observed, and `rate_low` and `rate_high`, its
        Wilson interval at 95 %. With brackets also `offset_until`, with a breakdown also `breakdown`.

    Raises:
        ConfigError: naming what is missing or unknown: a column, a word, a zone, the zone of the watermark.
    """
    complete_until = checked_watermark(watermark)
    definition = checked_definition(
        unit=unit,
        zone=zone,
        week_start=week_start,
        mode=mode,
        membership=membership,
        min_events=min_events,
        basis=basis,
        start=start,
        start_where=start_where,
        return_event=return_event,
        return_where=return_where,
        breakdown=breakdown,
        breakdown_at=breakdown_at,
        max_offset=max_offset,
    )
    _check_columns(events, definition)
    cells = retain_moments(moments_of(events, definition), definition, watermark=complete_until)
    names = [name for name in cells.columns if name not in {"interval", "breakdown"}]
    shown = ["breakdown"] if definition.breakdown is not None else []
    return cells.select(_cohort(definition).alias("cohort"), *shown, *names)


def retain_moments(moments: DataFrame, definition: Definition, *, watermark: datetime) -> DataFrame:
    """Cells of moments, whatever they come from: single events, or events of a quarter of an hour.

    Rows of `count_cells`.
    """
    return count_cells(find_steps(moments, definition, watermark=watermark), definition)


def moments_of(events: DataFrame, definition: Definition) -> DataFrame:
    """Single events as moments: `entity_id`, `event`, `properties` if asked for, `n_events`, `first_at`, `last_at`."""
    return moments_of_events(events, properties=definition.properties)


def _cohort(definition: Definition) -> Column:
    calendar, interval = definition.calendar, F.col("interval")
    return calendar.start_of(interval) if calendar.unit == "hour" else calendar.first_day_of(interval)


def _check_columns(events: DataFrame, definition: Definition) -> None:
    """Columns are there and of a type that can be read.

    Raises:
        ConfigError: naming each that is not.
    """
    check_is_frame("events", events)
    found = {field.name: field.dataType.simpleString() for field in events.schema}
    is_named = definition.start.names is not None or definition.returns.names is not None
    needed = ["entity_id", "event_time", *(["event"] if is_named else [])]
    if definition.properties:
        needed.append("properties")
    problems = [f"there is no column {name}{did_you_mean(name, found)}" for name in needed if name not in found]
    if found.get("event_time", "timestamp") != "timestamp":
        problems.append(
            f"event_time is {found['event_time']}, expected timestamp: "
            f"{how_to_make_instants('event_time', found['event_time'])}"
        )
    if is_named and found.get("event", "string") != "string":
        problems.append(f"event is {found['event']}, expected string: names of events are text")
    if "properties" in needed and not found.get("properties", "map<string").startswith("map<string"):
        problems.append(f"properties is {found['properties']}, expected map<string,string>")
    if problems:
        has = f"the columns are {', '.join(found)}"
        raise ConfigError.single("events", "; ".join([*problems, has]))
