"""Between which instants a time is believed, in microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from oneuser.events.instants import latest_credible, micros

if TYPE_CHECKING:
    from oneuser.config import Config
    from oneuser.stages.context import RunContext


def earliest_time(config: Config) -> int:
    """The beginning of the day that is configured."""
    return micros(datetime.combine(config.ingest.earliest_time, time(), UTC))


def horizon(ctx: RunContext) -> int:
    """Nothing can have happened more than a day after the run's own time, or after it began where that is later.

    A run as of an earlier time reads what has come since. Both times are in its record: every attempt has the same.
    """
    return latest_credible(_latest(ctx))


def explain_future(ctx: RunContext) -> str:
    """What to do where most lines that are refused are from the future. The mapping may be right."""
    return (
        f"most of these are later than {_latest(ctx).astimezone(UTC) + timedelta(days=1):%Y-%m-%d %H:%M} UTC, a day "
        "after this run: look at the clock of this machine, at those of who sends, and at zone and format of the times"
    )


def _latest(ctx: RunContext) -> datetime:
    return max(ctx.as_of, ctx.begun_at or ctx.as_of)
