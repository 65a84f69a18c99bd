"""Values of a table's columns as Python has them: maps as objects, and what Python has no form for as text.

A Parquet file may hold a text that is no UTF-8, or the year 50000, where milliseconds were written as microseconds.
Neither may end a job, and neither is put in another's place: bytes stay bytes, and a time becomes its number with its
unit, which is no time that anybody reads.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def has_maps(kind: pa.DataType) -> bool:
    """Whether values of a type are maps, or hold some."""
    if pa.types.is_map(kind):
        return True
    return pa.types.is_nested(kind) and any(has_maps(kind.field(n).type) for n in range(kind.num_fields))


def with_objects(value: Any, kind: Any) -> Any:
    """A value with objects in the place of maps, which Arrow gives as lists of pairs. Of equal keys the last counts."""
    if value is None or not has_maps(kind):
        return value
    if pa.types.is_map(kind):
        return {_key(key): with_objects(inner, kind.item_type) for key, inner in value}
    if pa.types.is_struct(kind):
        return {part.name: with_objects(value[part.name], part.type) for part in kind}
    return [with_objects(inner, kind.value_type) for inner in value]


def plain_value(scalar: Any) -> Any:
    """A value of an Arrow array, whatever it is."""
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        pass
    if isinstance(scalar, pa.MapScalar):
        pairs: Any = scalar.values
        return list(zip(*(map(plain_value, pairs.field(side)) for side in (0, 1)), strict=True))
    if isinstance(scalar, pa.StructScalar):
        return {part.name: plain_value(scalar[part.name]) for part in scalar.type}
    if isinstance(scalar, pa.ListScalar):
        return [plain_value(one) for one in scalar]
    if isinstance(scalar, pa.StringScalar):
        return bytes(scalar.as_buffer())
    return f"{scalar.value} {getattr(scalar.type, 'unit', 'days')} since 1970"


def _key(key: Any) -> str:
    return key if isinstance(key, str) else key.hex() if isinstance(key, bytes) else str(key)
