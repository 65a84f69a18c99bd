"""Spend set against credit: what a conversion cost in each channel, and what came back for what was spent.

Reads   attribution_credits, attribution_summary, spend
Yields  attribution_spend     one row per model, kind of conversion, interval, channel and currency
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.marts import ATTRIBUTION_SPEND
from oneuser.marts.attribution.comparing import UNALLOCATED
from oneuser.marts.attribution.reporting import exchanged, find_rates
from oneuser.marts.calendar import Calendar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import Column

    from oneuser.marts.provenance import Provenance

# a model, a kind of conversion, and whether of all time or by interval
AskedOf = tuple[str, str, bool]

_SUM = "decimal(38,0)"
_WEIGHT = "decimal(30,12)"
_OF_MODEL = ("model", "conversion")
_WHERE = ("interval_date", "channel")
_OWN = ("credit_minor", "currency")
_REPORTED = ("reporting_credit_minor", "reporting_currency")


def credited_by_interval(credits: DataFrame, calendar: Calendar, *, reporting_currency: str | None) -> DataFrame:  # noqa: A002
    """Credits of conversions, by the interval of each conversion.

    Args:
        credits: Rows of `attribution_credits`.
        calendar: The intervals.
        reporting_currency: Null where each value counts in its own currency.

    Returns:
        `model`, `conversion`, `interval_date`, `channel`, `currency`, `conversions`, `credit_minor`, each group once.
    """
    interval = calendar.first_day_of(calendar.interval_of(F.col("converted_at")))
    return _credited(
        credits.withColumns({"interval_date": interval, "conversions": F.col("weight")}), reporting_currency
    )


def credited_in_all(summary: DataFrame, *, reporting_currency: str | None) -> DataFrame:
    """The same of all time, from rows of `attribution_summary`: `interval_date` is null."""
    return _credited(summary.withColumn("interval_date", F.lit(None).cast("date")), reporting_currency)


def _credited(rows: DataFrame, reporting_currency: str | None) -> DataFrame:
    credit, currency = _OWN if reporting_currency is None else _REPORTED
    return rows.groupBy(*_OF_MODEL, *_WHERE, F.col(currency).alias("currency")).agg(
        F.sum("conversions").cast(_WEIGHT).alias("conversions"), F.sum(F.col(credit).cast(_SUM)).alias("credit_minor")
    )


def spent_by_interval(
    spend: DataFrame, rates: DataFrame, calendar: Calendar, *, reporting_currency: str | None
) -> DataFrame:
    """Spend by interval, and of all time (`interval_date` null), each row added up once into both.

    Args:
        spend: Rows of `spend`.
        rates: Rows of `fx_rates`.
        calendar: The intervals.
        reporting_currency: What spend is told in where its day has a rate, or an earlier day; other spend stays in its
            own currency, where it meets no credit. Null where all of it does.

    Returns:
        `interval_date`, `channel`, `currency`, `spend_minor`; the channel of spend without one is `(unallocated)`.
    """
    told = spend.select(
        "spend_date", F.coalesce("channel", F.lit(UNALLOCATED)).alias("channel"), "currency",
        F.col("spend_minor").cast(_SUM).alias("spend_minor"),
    )  # fmt: skip
    if reporting_currency is not None:
        wanted = told.select("currency", F.col("spend_date").alias("day")).distinct()
        known = find_rates(wanted, rates, reporting_currency=reporting_currency)
        priced = told.withColumnRenamed("spend_date", "day").join(
            F.broadcast(known), on=["currency", "day"], how="left"
        )
        reported = exchanged(F.col("spend_minor"), F.col("currency"), F.col("rate"), to=reporting_currency)
        told = priced.select(
            F.col("day").alias("spend_date"),
            "channel",
            F.when(reported.isNotNull(), F.lit(reporting_currency)).otherwise(F.col("currency")).alias("currency"),
            F.coalesce(reported.cast(_SUM), F.col("spend_minor")).alias("spend_minor"),
        )
    # a day begins in the interval that holds it, wherever the calendar's clocks are
    begins = Calendar("day", calendar.zone).start_of(F.unix_date("spend_date"))
    interval = calendar.first_day_of(calendar.interval_of(begins))
    dated = told.select(
        F.explode(F.array(interval, F.lit(None).cast("date"))).alias("interval_date"),
        "channel",
        "currency",
        "spend_minor",
    )
    return dated.groupBy("interval_date", "channel", "currency").agg(F.sum("spend_minor").alias("spend_minor"))


def spent_within(spend: DataFrame, calendar: Calendar, *, since: int | None, until: int | None) -> DataFrame:
    """Rows of `spend` whose day begins in a range, in the zone of the calendar: each day is in one of adjoining ranges.

    Args:
        spend: Rows of `spend`.
        calendar: Says the zone.
        since: The first instant, in microseconds since 1970; null for no bound.
        until: The first one after it, likewise.
    """
    begins = F.unix_micros(Calendar("day", calendar.zone).start_of(F.unix_date("spend_date")))
    rows = spend if since is None else spend.where(begins >= F.lit(since))
    return rows if until is None else rows.where(begins < F.lit(until))


def build_attribution_spend(
    credited: Sequence[DataFrame],
    spent: DataFrame,
    *,
    calendar: Calendar,
    made: Mapping[str, Column],
    provenance: Provenance,
    asked: Sequence[AskedOf] = (),
    currencies: DataFrame | None = None,
) -> DataFrame:
    """Set spend against credit. All of it are sums already: a row per day and channel at most.

    The credited conversions of a channel count whatever their currency, since a sign-up has none; credit counts where
    it is in the currency of the spend.

    Args:
        credited: What `credited_by_interval` and `credited_in_all` give.
        spent: What `spent_by_interval` gives.
        calendar: The intervals.
        made: What rows say of how their credit was made, of their model too; the zone is that of the calendar.
        provenance: How the rows are made.
        asked: Models and kinds of conversion that are set against spend whether they have credit or not.
        currencies: Rows of `currency`, in which credit without spend is told; null for those of `spent`.

    Returns:
        Rows of `attribution_spend`. Each model and kind of conversion is set against the same spend.
    """
    credits_so = reduce(DataFrame.unionByName, credited)
    counted = credits_so.groupBy(*_OF_MODEL, *_WHERE).agg(F.sum("conversions").cast(_WEIGHT).alias("conversions"))
    worth = credits_so.select(*_OF_MODEL, *_WHERE, "currency", "credit_minor")
    # every model is set against all spend, and every channel that got credit in some currency of it
    models = credits_so.select(*_OF_MODEL, F.col("interval_date").isNull().alias("is_all"))
    if asked:
        more = spent.sparkSession.createDataFrame(list(asked), "model string, conversion string, is_all boolean")
        models = models.unionByName(more)
    spends = spent.select(*_WHERE, "currency", F.col("interval_date").isNull().alias("is_all"))
    against = models.distinct().join(spends, on="is_all", how="inner").select(*_OF_MODEL, *_WHERE, "currency")
    told_in = (spent if currencies is None else currencies).select("currency").distinct()
    own = counted.select(*_OF_MODEL, *_WHERE).crossJoin(F.broadcast(told_in))
    keys = [*_OF_MODEL, *_WHERE, "currency"]
    all_keys = against.unionByName(own).distinct()
    met = _left(_left(_left(all_keys, spent, [*_WHERE, "currency"]), counted, [*_OF_MODEL, *_WHERE]), worth, keys)
    spend_minor = F.coalesce("spend_minor", F.lit(0)).cast(_SUM)
    conversions = F.coalesce("conversions", F.lit(0)).cast(_WEIGHT)
    credit = F.coalesce("credit_minor", F.lit(0)).cast(_SUM)
    facts = {
        **made,
        "unit": F.lit(calendar.unit),
        "zone": F.lit(calendar.zone),
        "week_start": F.lit(calendar.week_start),
    }
    return ATTRIBUTION_SPEND.conform(
        met.select(
            *keys,
            spend_minor.alias("spend_minor"),
            conversions.alias("conversions"),
            credit.alias("credit_minor"),
            _ratio(spend_minor, conversions).alias("cpa_minor"),
            _ratio(credit, spend_minor).alias("roas"),
            *[fact.alias(name) for name, fact in facts.items()],
            *provenance.columns(),
        )
    )


def _left(rows: DataFrame, more: DataFrame, keys: Sequence[str]) -> DataFrame:
    """A left join by keys of which some may be null: the date of all time, the channel never."""
    renamed = more.select(*[F.col(name).alias(f"_{name}") if name in keys else F.col(name) for name in more.columns])
    is_same = reduce(lambda one, other: one & other, [F.col(key).eqNullSafe(F.col(f"_{key}")) for key in keys])
    return rows.join(renamed, on=is_same, how="left").drop(*[f"_{key}" for key in keys])


def _ratio(above: Column, below: Column) -> Column:
    return F.when(below != F.lit(0), above.cast("double") / below.cast("double"))
