"""Rows with money of somebody, by calendar interval: by an instant, or by a day where only that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.core.errors import ConfigError
from oneuser.marts.calendar import Calendar, instant
from oneuser.marts.event_rows import check_columns

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

_CURRENCY = "currency"
_WHOLE = ("tinyint", "smallint", "int", "bigint")
# what minor units are added up in: a thousand of the largest values are more than 64 bits hold
SUM = "decimal(38,0)"


def valued_rows(
    rows: DataFrame, calendar: Calendar, ends: datetime, *, value: str = "value_minor", day: str = "day"
) -> DataFrame:
    """Somebody's rows up to the watermark, with the interval of each.

    Args:
        rows: Rows with `entity_id`, a value in whole minor units, and `event_time`, or else a day. Those of nobody and
            without a time are left out. A day counts where it begins before the watermark. Where they have `currency`,
            it must be the same in all of them that has any.
        calendar: The intervals.
        ends: The watermark.
        value: Column of the value.
        day: Column of the day.

    Returns:
        `entity_id`; `at`, the number of the interval; `latest`, the row's own instant, or the last one of its day; and
        `value_minor`, a decimal(38,0), in which any values can be added up; null where it is not known.

    Raises:
        ConfigError: where a column is missing or of another type.
        SparkRuntimeException: when rows are read, where they are in several currencies.
    """
    check_columns("rows", rows, {"entity_id": None, value: None})
    found = rows.schema[value].dataType
    if found.simpleString() not in _WHOLE and not (isinstance(found, T.DecimalType) and found.scale == 0):
        raise ConfigError.single(
            "rows", f"column {value} is {found.simpleString()}, expected bigint: whole minor units, such as cents"
        )
    at, is_known = interval_column(rows, calendar, ends, day=day)
    known = rows.where(F.col("entity_id").isNotNull() & is_known)
    worth = F.col(value).cast(SUM)
    if _CURRENCY in rows.columns:
        known, worth = _of_one_currency(known, worth)
    return known.select(
        "entity_id", at.alias("at"), _latest(rows, calendar, day).alias("latest"), worth.alias("value_minor")
    )


def _latest(rows: DataFrame, calendar: Calendar, day: str) -> Column:
    """The last instant at which a row may have been."""
    if not _is_by_day(rows, "event_time", day):
        return F.col("event_time")
    is_over = Calendar("day", calendar.zone).end_of(F.unix_date(day))
    return F.timestamp_micros(F.unix_micros(is_over) - F.lit(1))


def _is_by_day(rows: DataFrame, time: str, day: str) -> bool:
    return time not in rows.columns and day in rows.columns


def _of_one_currency(known: DataFrame, worth: Column) -> tuple[DataFrame, Column]:
    """The rows and their value, which stops whoever reads it where rows are in several currencies. One more pass."""
    currency = F.upper(F.trim(F.col(_CURRENCY)))
    found = known.agg(F.min(currency).alias("_first_currency"), F.max(currency).alias("_last_currency"))
    is_mixed = F.coalesce(F.col("_first_currency") != F.col("_last_currency"), F.lit(False))
    text = "value: one sum would hold more than one currency; keep one of the frame, or convert it"
    return (
        known.crossJoin(F.broadcast(found)),
        F.when(is_mixed, F.raise_error(F.lit(text)).cast(SUM)).otherwise(worth),
    )


def interval_column(
    rows: DataFrame,
    calendar: Calendar,
    ends: datetime,
    *,
    argument: str = "rows",
    time: str = "event_time",
    day: str = "day",
) -> tuple[Column, Column]:
    """The interval of each row, and whether the row has a time and counts at the watermark.

    Raises:
        ConfigError: where there is neither a time nor a day, or it is of another type.
    """
    if not _is_by_day(rows, time, day):
        check_columns(argument, rows, {time: "timestamp"})
        return calendar.interval_of(F.col(time)), F.coalesce(F.col(time) <= instant(ends), F.lit(False))
    check_columns(argument, rows, {day: "date"})
    # a day begins in the interval that holds it
    begins_at = Calendar("day", calendar.zone).start_of(F.unix_date(day))
    return calendar.interval_of(begins_at), F.coalesce(begins_at < instant(ends), F.lit(False))
