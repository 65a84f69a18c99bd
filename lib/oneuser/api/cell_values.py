"""Which row of a published table is meant: values of its columns, checked here and compared in a join.

Starts no session: what is wrong with a value is told before anything is read.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.core.masking import has_address, mask_identifier
from oneuser.marts.calendar import known_word
from oneuser.storage.frame_rows import fitting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract

NUMBER = "number"
_BITS = {"int": 31, "bigint": 63}
_BOOLEANS = {"true": True, "false": False}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


def rows_with(rows: DataFrame, contract: TableContract, values: Mapping[str, Any]) -> DataFrame:
    """Rows of a table that have checked values; null is a value. None of them stands in a plan."""
    found = fitting(rows, contract, {name: [value] for name, value in values.items() if value is not None})
    for name in (name for name, value in values.items() if value is None):
        found = found.where(F.col(name).isNull())
    return found.select(*contract.columns)


def checked_values(contract: TableContract, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Values by column, each in the type of its column; text says the same, as a shell has it.

    Raises:
        ConfigError: for a column that the table does not have, or a value that is none of its type.
    """
    types = {one.name: one.dtype for one in contract.fields}
    checked = {}
    for name, value in asked.items():
        known_word("cell", name, [*types, NUMBER] if name == NUMBER else types)
        if name == NUMBER:
            raise ConfigError.single("cell", f"rows of {contract.name} are people: they have no number")
        try:
            checked[name] = None if value is None else _typed(name, value, types[name])
        except (ValueError, TypeError, KeyError, OverflowError, InvalidOperation, Inexact):
            text = str(value)
            shown = mask_identifier(text) if has_address(text) else repr(value)
            raise ConfigError.single("cell", f"{name} is {shown}, expected {types[name]}") from None
    return checked


def _typed(name: str, value: Any, dtype: str) -> Any:
    """The value in the type; any error but a `ConfigError` where it is none."""
    if dtype == "string":
        return str(value)
    if dtype == "boolean":
        return _BOOLEANS[str(value).strip().lower()]
    if dtype == "double":
        return float(value)
    if dtype in _BITS:
        return _whole(value, _BITS[dtype])
    if dtype == "date":
        return _day(value)
    if dtype == "timestamp":
        return _moment(name, value)
    if dtype == "binary" and isinstance(value, bytes):
        return value
    if (digits := _DECIMAL.fullmatch(dtype)) is not None:
        return _exact(value, int(digits[1]), int(digits[2]))
    raise ConfigError.single("cell", f"{name} is {dtype}: rows are not told apart by it")


def _whole(value: Any, n_bits: int) -> int:
    number = int(value)
    if number != value and not isinstance(value, str):
        raise ValueError
    if not -(1 << n_bits) <= number < 1 << n_bits:
        raise OverflowError
    return number


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        raise TypeError
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _moment(name: str, value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ConfigError.single("cell", f"{name} names no zone; write Z or an offset such as +01:00 after it")
    return moment


def _exact(value: Any, n_digits: int, n_decimals: int) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError
    exact = Context(prec=n_digits, traps=[InvalidOperation, Inexact])
    return number.quantize(Decimal(1).scaleb(-n_decimals), context=exact)
