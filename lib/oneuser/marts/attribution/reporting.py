"""Values in the reporting currency: by the rate of a conversion's day, else of the last day before that has one.

Reads   conversions, fx_rates
Yields  conversion_values     one row per conversion with a value
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.marts import CONVERSION_VALUES
from oneuser.core.money import EXPONENTS, USUAL_EXPONENT, exponent_of
from oneuser.marts.calendar import Calendar

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from oneuser.marts.provenance import Provenance

_RATE = "decimal(21,14)"
# a value and a rate fill a decimal of 38 digits, so that their product is exact
_VALUE = "decimal(16,0)"


def build_conversion_values(
    conversions: DataFrame, rates: DataFrame, *, reporting_currency: str, zone: str, provenance: Provenance
) -> DataFrame:
    """Tell the value of each conversion in the reporting currency.

    Work grows with the conversions, in two passes: one for the currencies and days that there are, which are few, and
    one that joins with these.

    Args:
        conversions: Rows of `conversions`. Those without a value are left out.
        rates: Rows of `fx_rates`, of any currencies.
        reporting_currency: ISO 4217 code.
        zone: The zone whose days count.
        provenance: How the rows are made.

    Returns:
        Rows of `conversion_values`. Without a rate on or before its day, `reporting_minor`, `rate` and `rate_date` are
        null. Minor units are rounded half away from zero, once.
    """
    day = Calendar("day", zone).interval_of(F.col("converted_at"))
    valued = conversions.where(F.col("value_minor").isNotNull() & F.col("currency").isNotNull()).select(
        "conversion_id", "message_key", "user_id", "value_minor", "currency", F.date_from_unix_date(day).alias("day")
    )
    known = find_rates(valued.select("currency", "day").distinct(), rates, reporting_currency=reporting_currency)
    priced = valued.join(F.broadcast(known), on=["currency", "day"], how="left")
    return CONVERSION_VALUES.conform(
        priced.select(
            "*",
            F.lit(reporting_currency).alias("reporting_currency"),
            exchanged(F.col("value_minor"), F.col("currency"), F.col("rate"), to=reporting_currency).alias(
                "reporting_minor"
            ),
            F.coalesce(F.col("rate_date") < F.col("day"), F.lit(False)).alias("is_rate_earlier"),
            *provenance.columns(),
        )
    )


def find_rates(wanted: DataFrame, rates: DataFrame, *, reporting_currency: str) -> DataFrame:
    """The rate of each currency and day to the reporting currency: of that day, else of the last one before.

    A rate the other way round counts as its reciprocal, where there is none this way on that day.

    Args:
        wanted: `currency`, `day`, each pair once.
        rates: Rows of `fx_rates`.
        reporting_currency: ISO 4217 code; its own rate is 1.

    Returns:
        `currency`, `day`, `rate`, `rate_date`; the latter two are null where there is no rate.
    """
    towards = F.lit(reporting_currency)
    direct = rates.where(F.col("to_currency") == towards).select("currency", "rate_date", "rate", F.lit(0).alias("by"))
    reciprocal = (F.lit(1) / F.col("rate")).try_cast(_RATE).alias("rate")
    back = rates.where(F.col("currency") == towards).select(
        F.col("to_currency").alias("currency"), "rate_date", reciprocal, F.lit(1).alias("by")
    )
    daily = (
        direct.unionByName(back)
        .where((F.col("rate") > F.lit(0)) & (F.col("currency") != towards))
        .groupBy("currency", "rate_date")
        .agg(F.min_by("rate", "by").alias("rate"))
    )
    asked = wanted.select("currency", "day", F.lit(None).cast(_RATE).alias("rate"), F.lit(1).alias("is_asked"))
    told = daily.select("currency", F.col("rate_date").alias("day"), "rate", F.lit(0).alias("is_asked"))
    so_far = W.partitionBy("currency").orderBy("day", "is_asked").rowsBetween(W.unboundedPreceding, W.currentRow)
    dated = F.when(F.col("is_asked") == F.lit(0), F.struct("rate", F.col("day").alias("rate_date")))
    last = F.last(dated, ignorenulls=True).over(so_far)
    found = told.unionByName(asked).select("currency", "day", "is_asked", last.alias("last"))
    own = F.col("currency") == towards
    return found.where(F.col("is_asked") == F.lit(1)).select(
        "currency",
        "day",
        F.when(own, F.lit(1).cast(_RATE)).otherwise(F.col("last.rate")).alias("rate"),
        F.when(own, F.col("day")).otherwise(F.col("last.rate_date")).alias("rate_date"),
    )


def exchanged(minor: Column, currency: Column, rate: Column, *, to: str) -> Column:
    """Minor units of a currency as those of another, half away from zero. Null without a rate.

    Args:
        minor: Sixteen digits at most; null with more.
        currency: ISO 4217 code.
        rate: How many of `to` one of the currency is, a decimal(21,14).
        to: ISO 4217 code.
    """
    product = minor.try_cast(_VALUE) * rate

    def in_minor(exponent: int) -> Column:
        shift = exponent_of(to) - exponent
        rounded = F.round(product, shift).cast("decimal(38,4)")
        moved = rounded * F.lit(10**shift) if shift >= 0 else rounded / F.lit(10**-shift)
        return moved.try_cast("bigint")

    found = in_minor(USUAL_EXPONENT)
    for exponent, codes in EXPONENTS.items():
        found = F.when(currency.isin(*codes), in_minor(exponent)).otherwise(found)
    return found
