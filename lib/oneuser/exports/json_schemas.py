"""What rows of a table look like as JSON: a JSON Schema for each contract, with the comments of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from oneuser.contracts.table import TableContract

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PLAIN: dict[pa.DataType, tuple[str, dict[str, Any]]] = {
    pa.string(): ("string", {}),
    pa.int64(): ("integer", {}),
    pa.int32(): ("integer", {}),
    pa.float64(): ("number", {}),
    pa.bool_(): ("boolean", {}),
    pa.timestamp("us", tz="UTC"): ("string", {"format": "date-time"}),
    pa.date32(): ("string", {"format": "date"}),
    pa.binary(): ("string", {"pattern": "^([0-9a-f]{2})*$"}),
}


def json_schema(contract: TableContract) -> dict[str, Any]:
    """The schema of one row as `json_value` writes it: times, dates and decimals as text, bytes in hexadecimal."""
    return {
        "$schema": _DIALECT,
        "title": contract.name,
        "description": contract.grain,
        "type": "object",
        "properties": {
            one.name: {"description": one.comment, **_schema_of(one.arrow_type, is_nullable=one.nullable)}
            for one in contract.fields
        },
        "required": contract.columns,
        "additionalProperties": False,
    }


def _schema_of(kind: pa.DataType, *, is_nullable: bool) -> dict[str, Any]:
    name, more = _described(kind)
    return {"type": [name, "null"] if is_nullable else name, **more}


def _described(kind: pa.DataType) -> tuple[str, dict[str, Any]]:
    """Name of a type in JSON Schema, and what else is said of its values."""
    if isinstance(kind, pa.ListType):
        return "array", {"items": _schema_of(kind.value_type, is_nullable=False)}
    if isinstance(kind, pa.MapType):
        return "object", {"additionalProperties": _schema_of(kind.item_type, is_nullable=True)}
    if isinstance(kind, pa.StructType):
        members = {member.name: _schema_of(member.type, is_nullable=True) for member in kind}
        return "object", {"properties": members, "required": list(members), "additionalProperties": False}
    if isinstance(kind, pa.Decimal128Type):
        return "string", {"pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
    return _PLAIN[kind]
