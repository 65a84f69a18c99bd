"""Values that name a row of a published table are checked before anything is read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from oneuser.api.cell_values import checked_values
from oneuser.contracts.marts import ATTRIBUTION_SUMMARY, RETENTION
from oneuser.contracts.table import Field, TableContract
from oneuser.core.errors import ConfigError


def of_type(dtype: str) -> TableContract:
    return TableContract("t", "pseudonymous", "a row", (Field("c", dtype, "a column"),), ("c",), RETENTION.subject)


@pytest.mark.parametrize(
    ("dtype", "said", "value"),
    [
        ("string", "pro", "pro"),
        ("string", 2, "2"),
        ("boolean", "True", True),
        ("boolean", False, False),
        ("double", "0.25", 0.25),
        ("int", "-2147483648", -(1 << 31)),
        ("int", 2.0, 2),
        ("bigint", "9223372036854775807", (1 << 63) - 1),
        ("date", "2026-03-02", date(2026, 3, 2)),
        ("date", date(2026, 3, 2), date(2026, 3, 2)),
        ("timestamp", "2026-03-02T01:00+01:00", datetime(2026, 3, 2, tzinfo=UTC)),
        ("decimal(5,2)", "-999.9", Decimal("-999.90")),
        ("binary", b"\x00", b"\x00"),
        *((dtype, None, None) for dtype in ("string", "boolean", "double", "int", "date", "timestamp")),
    ],
)
def test_a_value_is_one_of_the_type_of_its_column(dtype: str, said: Any, value: Any) -> None:
    assert checked_values(of_type(dtype), {"c": said}) == {"c": value}


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        ("boolean", "maybe"),
        ("boolean", 1),
        ("double", "x"),
        ("int", "99999999999"),
        ("int", 1.5),
        ("int", float("inf")),
        ("bigint", 1 << 63),
        ("date", "March"),
        ("date", datetime(2026, 3, 2, tzinfo=UTC)),
        ("timestamp", "yesterday"),
        ("decimal(5,2)", "1000"),
        ("decimal(5,2)", "0.001"),
        ("decimal(5,2)", "NaN"),
        ("decimal(5,2)", "Infinity"),
        ("decimal(5,2)", "much"),
    ],
)
def test_a_value_of_another_type_is_refused(dtype: str, said: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        checked_values(of_type(dtype), {"c": said})
    assert str(refused.value).startswith(f"cell: c is {said!r}, expected {dtype}")


def test_an_address_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as refused:
        checked_values(of_type("int"), {"c": "ann@example.com"})
    assert "a***@e***.com" in str(refused.value)
    assert "ann@example.com" not in str(refused.value)


@pytest.mark.parametrize("contract", [RETENTION, ATTRIBUTION_SUMMARY], ids=lambda one: one.name)
def test_every_column_of_a_published_table_can_be_named(contract: TableContract) -> None:
    for column in contract.columns:
        assert checked_values(contract, {column: None}) == {column: None}
