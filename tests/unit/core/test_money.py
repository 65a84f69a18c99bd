"""Currencies and their decimals."""

from __future__ import annotations

import re

import pytest

from oneuser.core.money import EXPONENTS, exponent_of
from tests.architecture.source import MODULES, name_of

# every currency and fund code in the standard's list of active ones whose minor unit is not 2
ISO_4217 = {
    "BHD": 3, "BIF": 0, "CLF": 4, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0,
    "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "UYI": 0, "UYW": 4, "VND": 0,
    "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip


def test_the_table_is_complete() -> None:
    assert {currency: exponent for exponent, codes in EXPONENTS.items() for currency in codes} == ISO_4217


@pytest.mark.parametrize(
    ("currency", "exponent"), [("JPY", 0), ("EUR", 2), ("KWD", 3), ("CLF", 4), ("UYW", 4), ("MRU", 2), ("XYZ", 2)]
)
def test_a_currency_has_its_own_decimals_and_an_unknown_one_two(currency: str, exponent: int) -> None:
    assert exponent_of(currency) == exponent


def test_no_other_module_has_a_table_of_its_own() -> None:
    tables = re.compile(r'"(BHD|KWD|JPY|CLF|UYW)"')

    named = [name_of(path) for path in MODULES if tables.search(path.read_text(encoding="utf-8"))]

    assert named == ["core/money.py"]
