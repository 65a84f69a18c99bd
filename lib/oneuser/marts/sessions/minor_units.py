"""Money: whole numbers of the smallest unit of a currency, read from decimal text and never through a double."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.core.money import EXPONENTS, USUAL_EXPONENT
from oneuser.marts.properties import property_decimal

if TYPE_CHECKING:
    from pyspark.sql import Column

# ten to the sixteenth of the smallest unit: hundreds of such values still add up in 64 bits
_DIGITS = 16


def currency_code(text: Column) -> Column:
    """Three capital letters, or null where the text is no currency code."""
    code = F.upper(F.trim(text))
    return F.when(code.rlike(r"\A[A-Z]{3}\z"), code)


def minor_units(path: str, text: Column, *, exponent: int) -> Column:
    """A property in whole units as a bigint of smallest units, half away from zero; `text` is its `property_text`.

    Null where it is no number or has more than sixteen digits of smallest units.
    """
    amount = property_decimal(path, text, precision=_DIGITS, scale=exponent)
    return (amount * F.lit(10**exponent)).cast("bigint")


def minor_units_of(path: str, text: Column, currency: Column) -> Column:
    """The same, where the currency differs by row. Null also where the currency is null."""
    converted = minor_units(path, text, exponent=USUAL_EXPONENT)
    for exponent, codes in EXPONENTS.items():
        converted = F.when(currency.isin(*codes), minor_units(path, text, exponent=exponent)).otherwise(converted)
    return F.when(currency.isNotNull(), converted)
