"""Between which instants a time is believed, in microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from oneuser.events.instants import DAY, micros

if TYPE_CHECKING:
    from oneuser.config import Config
    from oneuser.stages.context import RunContext


def earliest_time(config: Config) -> int:
    """The beginning of the day that is configured."""
    return micros(datetime.combine(config.ingest.earliest_time, time(), UTC))


def horizon(ctx: RunContext) -> int:
    """Nothing can have happened more than a day after the run's own time."""
    return micros(ctx.as_of) + DAY
