"""Weights as decimals, and money that must fit its column."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

_UNIT = Decimal("0.000000000001")


def weight_of(units: Column) -> Column:
    """A weight in units of 10^-12 as a decimal: exact, since it was rounded when it was dealt out."""
    return (units.cast("decimal(20,0)") * F.lit(_UNIT)).cast("decimal(20,12)")
