"""Every table is registered with a zone; every column says what it means."""

from __future__ import annotations

import re

import pytest

from oneuser.contracts.registry import TABLES
from oneuser.contracts.table import TableContract

CONTRACTS = pytest.mark.parametrize("contract", TABLES.values(), ids=TABLES.keys())
# Columns that hold identifiers or payload as received: wherever one appears, it is personal.
RECEIVED = {"id_value", "raw_line", "payload", "traits", "email"}


def test_there_are_tables() -> None:
    assert TABLES


@CONTRACTS
def test_a_table_has_a_zone_a_grain_and_a_key_among_its_columns(contract: TableContract) -> None:
    assert contract.zone in {"raw", "pseudonymous", "control"}
    assert contract.grain
    assert contract.key
    assert set(contract.key) <= set(contract.columns)
    assert set(contract.partition_by) <= set(contract.columns)
    assert len(set(contract.columns)) == len(contract.columns)


@CONTRACTS
def test_a_key_is_never_null_as_a_whole(contract: TableContract) -> None:
    nullable = {field.name for field in contract.fields if field.nullable}

    assert not set(contract.key) <= nullable


@CONTRACTS
def test_every_column_is_snake_case_and_says_what_it_means(contract: TableContract) -> None:
    assert not [name for name in contract.columns if not re.fullmatch(r"[a-z][a-z0-9_]*", name)]
    assert not [field.name for field in contract.fields if not field.comment]


@CONTRACTS
def test_personal_columns_are_declared_and_stay_in_the_raw_zone(contract: TableContract) -> None:
    undeclared = RECEIVED & set(contract.columns) - set(contract.personal_columns)

    assert not undeclared
    assert contract.zone == "raw" or not contract.personal_columns


@CONTRACTS
def test_types_can_be_read_without_a_session(contract: TableContract) -> None:
    assert contract.schema.fieldNames() == contract.columns
