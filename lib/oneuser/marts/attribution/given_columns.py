"""Anybody's frames: the columns that they need, in the types that they may have, each problem named at once."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.marts.calendar import Calendar
from oneuser.marts.event_rows import how_to_make_instants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyspark.sql import Column, DataFrame

_SHOWN = 12


class Kind(NamedTuple):
    """What a column may be: how that is called, and whether a type is of it."""

    noun: str
    holds: Callable[[T.DataType], bool]


def _is_whole(dtype: T.DataType) -> bool:
    return isinstance(dtype, T.IntegralType) or (isinstance(dtype, T.DecimalType) and dtype.scale == 0)


ID = Kind(
    "a text, binary or whole numbers", lambda dtype: isinstance(dtype, T.StringType | T.BinaryType) or _is_whole(dtype)
)
TIME = Kind("a timestamp or a date", lambda dtype: isinstance(dtype, T.TimestampType | T.DateType))
TEXT = Kind("a text", lambda dtype: isinstance(dtype, T.StringType))
MONEY = Kind("whole numbers, the smallest unit of the currency", _is_whole)
NUMBER = Kind("a number", lambda dtype: isinstance(dtype, T.NumericType))

TOUCH_COLUMNS = {"entity_id": ID, "touch_id": ID, "touched_at": TIME, "channel": TEXT}
CONVERSION_COLUMNS = {
    "conversion_id": ID, "entity_id": ID, "converted_at": TIME, "value_minor": MONEY, "currency": TEXT,
}  # fmt: skip
MILESTONE_COLUMNS = {"entity_id": ID, "milestone": TEXT, "reached_at": TIME}


def check_columns(frames: Mapping[str, tuple[DataFrame, Mapping[str, Kind]]]) -> None:
    """Check that frames have what is read of them. Reads plans, runs no job.

    Args:
        frames: By the name of the argument: the frame, and what each of its columns must be.

    Raises:
        ConfigError: naming every column that is missing or of another type, and entities of different types.
    """
    raise_problems(
        [
            problem(name, f"expected a Spark DataFrame, found {type(frame).__name__}")
            for name, (frame, _) in frames.items()
            if not hasattr(frame, "schema")
        ]
    )
    problems = [
        wrong
        for name, (frame, columns) in frames.items()
        for column, kind in columns.items()
        if (wrong := _problem(name, frame, column, kind)) is not None
    ]
    if not problems:
        problems = _different_entities({name: frame for name, (frame, _) in frames.items()})
    raise_problems(problems)


def raise_problems(problems: Sequence[ConfigProblem]) -> None:
    """Raise all of them as one error; nothing where there is none.

    Raises:
        ConfigError: with every problem.
    """
    if problems:
        raise ConfigError(problems)


def problem(key: str, text: str) -> ConfigProblem:
    """A problem of an argument that was given from Python."""
    return ConfigProblem(key, text, code="config.usage")


def _problem(name: str, frame: DataFrame, column: str, kind: Kind) -> ConfigProblem | None:
    if column not in frame.columns:
        close = get_close_matches(column, frame.columns, n=1, cutoff=0.6)
        hint = f"; did you mean {close[0]}? Rename it: .withColumnRenamed({close[0]!r}, {column!r})" if close else ""
        more = " ..." if len(frame.columns) > _SHOWN else ""
        return problem(f"{name}.{column}", f"is missing; the frame has {', '.join(frame.columns[:_SHOWN])}{more}{hint}")
    dtype = frame.schema[column].dataType
    if isinstance(dtype, T.NullType) or kind.holds(dtype):
        return None
    advice = f"; {how_to_make_instants(column, dtype.simpleString())}" if kind is TIME else ""
    return problem(f"{name}.{column}", f"is {dtype.simpleString()}, expected {kind.noun}{advice}")


def _different_entities(frames: Mapping[str, DataFrame]) -> list[ConfigProblem]:
    families = {
        name: _family(frame.schema["entity_id"].dataType)
        for name, frame in frames.items()
        if "entity_id" in frame.columns
    }
    found = {family for family in families.values() if family}
    if len(found) <= 1:
        return []
    told = ", ".join(f"{family} in {name}" for name, family in families.items() if family)
    return [problem("entity_id", f"must be of one type for rows to meet, found {told}")]


def _family(dtype: T.DataType) -> str:
    if isinstance(dtype, T.NullType):
        return ""
    if isinstance(dtype, T.BinaryType):
        return "binary"
    return "whole numbers" if _is_whole(dtype) else "text"


def as_kind(frame: DataFrame, column: str, kind: Kind) -> Column:
    """A column of nothing but nulls has no type: it gets one."""
    dtype = frame.schema[column].dataType
    if isinstance(dtype, T.NullType):
        return F.col(column).cast("bigint" if kind is MONEY else "timestamp" if kind is TIME else "string")
    if kind is MONEY and isinstance(dtype, T.IntegralType):
        return F.col(column).cast("bigint")
    return F.col(column)


def as_instant(frame: DataFrame, column: str, zone: str) -> Column:
    """A column of times as instants; a day begins in `zone`, whatever zone the session has."""
    if isinstance(frame.schema[column].dataType, T.DateType):
        return Calendar("day", zone).start_of(F.unix_date(column))
    return as_kind(frame, column, TIME)
