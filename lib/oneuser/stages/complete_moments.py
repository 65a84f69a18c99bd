"""What people did, read off activity, exact at instants within a quarter of an hour; and up to when all is there."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import ACTIVITY
from oneuser.contracts.raw import EVENTS
from oneuser.marts.calendar import instant, moment_of, quarter_of
from oneuser.marts.retention.activity import moments_of_activity, moments_of_events, with_properties
from oneuser.marts.watermark import find_watermark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract


def complete_moments(
    read: Callable[[TableContract], DataFrame], *, properties: Sequence[str], edges: Sequence[datetime]
) -> DataFrame:
    """Activity, but for the quarters of an hour that hold one of some instants; of those, single events.

    These say which are before the instant and which after: a pass over the times of events, of which files without
    such a quarter are left out.

    Args:
        read: Reads a table.
        properties: Declared properties that are asked for.
        edges: The instants: the watermark, or where a window begins.

    Returns:
        Rows of `moments_of_activity`.
    """
    begins = [quarter_of(instant(edge)) for edge in edges]
    time = F.col("event_time")
    is_single = reduce(
        lambda one, other: one | other,
        [(time >= start) & (time < start + F.expr("INTERVAL 15 MINUTES")) for start in begins],
    )
    single = with_properties(read(EVENTS_RESOLVED).where(is_single), read(EVENTS), properties=properties)
    counted = read(ACTIVITY)
    for start in begins:
        counted = counted.where(F.col("quarter") != start)
    return moments_of_activity(counted, properties=properties).unionByName(
        moments_of_events(single, properties=properties)
    )


def last_complete_instant(read: Callable[[TableContract], DataFrame]) -> datetime | None:
    """The watermark; null where no source has a time."""
    # as a number: a timestamp comes to Python in the zone of this machine
    found = find_watermark(read(FILES)).select(F.unix_micros("watermark").alias("us")).first()
    if found is None or found["us"] is None:
        return None
    return moment_of(int(found["us"]))
