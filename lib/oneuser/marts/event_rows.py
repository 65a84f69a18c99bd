"""Anybody's rows: which columns they need, and which of them count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.core.suggestions import did_you_mean
from oneuser.marts.calendar import DAY_US, instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pyspark.sql import Column, DataFrame


def known_events(events: DataFrame, *, watermark: datetime, needs: tuple[str, ...] = ()) -> DataFrame:
    """The events that count: somebody's, with a time, at or before the watermark.

    Args:
        events: Rows with `entity_id`, of whatever type, and `event_time`, a timestamp.
        watermark: Last instant up to which everything is there.
        needs: Further columns.

    Raises:
        ConfigError: where a column is missing or of another type.
    """
    further = {name: "string" if name == "event" else None for name in needs}
    check_columns("events", events, {"entity_id": None, "event_time": "timestamp", **further})
    return events.where(F.col("entity_id").isNotNull() & (F.col("event_time") <= instant(watermark)))


def check_columns(argument: str, rows: DataFrame, needs: Mapping[str, str | None]) -> None:
    """Refuse what is no frame, and rows without these columns, each of the type that is named, or of any.

    Raises:
        ConfigError: with the column that may have been meant.
    """
    check_is_frame(argument, rows)
    types = {field.name: field.dataType.simpleString() for field in rows.schema}
    for name, expected in needs.items():
        if name not in types:
            hint = did_you_mean(name, types) or f"; there are {', '.join(types) or 'none'}"
            raise ConfigError.single(argument, f"column {name} is missing{hint}")
        if expected is not None and types[name] != expected:
            hint = f"; {how_to_make_instants(name, types[name])}" if expected == "timestamp" else ""
            raise ConfigError.single(argument, f"column {name} is {types[name]}, expected {expected}{hint}")


def check_is_frame(argument: str, rows: object) -> None:
    """Refuse what is no frame of Spark, such as a list of rows, or one of another library.

    Raises:
        ConfigError: saying what it is.
    """
    if not hasattr(rows, "schema") or not hasattr(rows, "columns"):
        raise ConfigError.single(argument, f"expected a Spark DataFrame, found {type(rows).__name__}")


def how_to_make_instants(column: str, found: str) -> str:
    """What to do about a column of times that are no instants, for messages.

    Args:
        column: Its name.
        found: Its type.
    """
    clock = f"CAST({column} AS STRING)"
    if found == "timestamp_ntz":
        made = f"CAST(concat({clock}, ' Europe/Berlin') AS TIMESTAMP)"
        why = "without a zone each is another instant on every machine; "
        return f"{why}make it one with the zone that its clocks show, such as {made}"
    if found == "date":
        return f"let days begin in a zone, such as CAST(concat({clock}, ' 00:00:00 Europe/Berlin') AS TIMESTAMP)"
    if found == "string":
        without = f"CAST(concat({column}, ' Europe/Berlin') AS TIMESTAMP)"
        return f"read texts that name their zone by CAST({column} AS TIMESTAMP), others by {without}"
    if found in {"int", "bigint"}:
        return f"read seconds by timestamp_seconds({column}), thousandths by timestamp_millis({column})"
    return "make it a timestamp"


def times_counted(events: DataFrame) -> Column:
    """How many events a row stands for: `n_events` where rows are sums of several, else 1."""
    if "n_events" in events.columns:
        return F.coalesce(F.col("n_events").cast("bigint"), F.lit(0).cast("bigint"))
    return F.lit(1).cast("bigint")


def last_of(events: DataFrame) -> Column:
    """Time of the last of the events that a row stands for: `last_at` where rows are of several, else its own."""
    return F.col("last_at") if "last_at" in events.columns else F.col("event_time")


def check_at_least(least: int, **values: object) -> None:
    """Refuse what is no whole number, or is smaller than it may be.

    Raises:
        ConfigError: with the first of them.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError.single(name, f"expected a whole number of at least {least}, found {value!r}")


def micros_of_days(name: str, days: object) -> int:
    """A length in days of 24 hours in microseconds.

    Raises:
        ConfigError: where it is no number above 0.
    """
    if isinstance(days, bool) or not isinstance(days, int | float) or not days > 0:
        raise ConfigError.single(name, f"expected a number of days above 0, found {days!r}")
    return round(days * DAY_US)
