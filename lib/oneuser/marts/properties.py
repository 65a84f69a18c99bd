"""Properties of an event, read out of their JSON by a path from the configuration, and compared with values.

The JSON is read with a schema made of the path, so that no name in it can be mistaken for syntax.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql import types as T

if TYPE_CHECKING:
    from pyspark.sql import Column

_NUMBER = "decimal(38,18)"


def property_text(path: str) -> Column:
    """A property as text, such as `pro`, `true`, `12.5` or the JSON of a list; null where it is absent or null."""
    return _read(path, T.StringType())


def property_decimal(path: str, text: Column, *, precision: int, scale: int) -> Column:
    """A number, or a text that is one, rounded half away from zero to `scale` digits after the point.

    `text` is the `property_text` of the same path, worked out once for whoever needs it.

    The digits are read as they are written, never through a double. Null where there is none, where it has too many
    digits, and for texts such as `1,000`, `$5` or `NaN`.
    """
    written = _read(path, T.DecimalType(precision, scale))
    # the reader of JSON takes a comma for one between thousands, but to half of the world it is the point
    has_comma = F.contains(text, F.lit(","))
    return F.when(~has_comma, F.coalesce(written, F.trim(text).try_cast(f"decimal({precision},{scale})")))


def is_value(text: Column, value: str | bool | float) -> Column:  # noqa: FBT001 - a value of a property, no switch
    """Whether a property is a value; null where it is absent, or no number where one is asked for.

    Tables have no types, so 5, 5.0 and "5" are one number.
    """
    if isinstance(value, bool):
        return F.lower(text) == F.lit(str(value).lower())
    if isinstance(value, int | float):
        return text.try_cast(_NUMBER) == F.lit(Decimal(str(value))).cast(_NUMBER)
    return text == F.lit(value)


def _read(path: str, leaf: T.DataType) -> Column:
    keys = path.removeprefix("properties.").split(".")
    found = F.from_json("properties", _schema(keys, leaf))
    for key in keys:
        found = found.getField(key)
    return found


def _schema(keys: list[str], leaf: T.DataType) -> T.StructType:
    """Objects within objects along the keys, with one leaf."""
    inner = _schema(keys[1:], leaf) if len(keys) > 1 else leaf
    return T.StructType([T.StructField(keys[0], inner)])
