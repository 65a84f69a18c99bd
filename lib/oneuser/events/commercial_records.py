"""Records of finance and sales: exchange rates, spend, opportunities, subscriptions, seats; judged by each other.

Reads   records of a reference input: `file`, `record`, `code` (null for those to be read), `detail`, columns of text
Yields  the same records with their values read, each with its code; `counting` makes rows of a table of them
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import Window as W
from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.contracts.reference import FX_RATES, OPPORTUNITIES, SEATS, SPEND, SUBSCRIPTIONS
from oneuser.core.money import EXPONENTS, USUAL_EXPONENT
from oneuser.core.reasons import Reason
from oneuser.events.instants import make_day_reader, make_time_reader
from oneuser.events.period_records import read_periods
from oneuser.spark.refused_records import refuse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from pyspark.sql import Column, DataFrame
    from pyspark.sql.window import WindowSpec

_INSTANT = pa.timestamp("us", tz="UTC")
_TIMESTAMP = T.TimestampType()
# ten to the sixteenth of the smallest unit, as values of conversions
_DIGITS = 16
_SUM = "decimal(38,0)"
# spend of equal ones is added up
_ADDED_UP = tuple(name for name in SPEND.key if name != "source")
# with the sixteen digits of a value, as many as a decimal holds
_RATE = "decimal(21,14)"
_ENDS = (-(1 << 62), 1 << 62)
_WITH_THOUSANDS = r"\A\s*[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]*)?\s*\z"


@dataclass(frozen=True)
class Writing:
    """How a file writes what is in it.

    Attributes:
        given: What the configuration says of every record, by column.
        time_format: How days and times are written, in Java's letters; any form of `instants` where null.
        zone: The zone of times that name none. A day is the one that is written; of an epoch, the one it is there.
        decimal: The mark before decimals; where it is a comma, points stand between thousands and nowhere else.
        earliest: The first instant that is believed of an epoch, in microseconds since 1970 UTC.
    """

    given: Mapping[str, str]
    time_format: str | None
    zone: str
    decimal: str
    earliest: int


def read_rates(records: DataFrame, *, writing: Writing, reporting_currency: str | None) -> DataFrame:
    """Exchange rates of a file: `rate_date`, `currency`, `to_currency`, `rate`; see `refuse_conflicting_rates`.

    Args:
        records: `day`, `rate`, `currency`, `to_currency`.
        writing: How the file is written.
        reporting_currency: What a record without `to_currency` is a rate to.
    """
    said = _with_currency(_filled(records, writing), "currency")
    towards = F.coalesce("to_currency", F.lit(reporting_currency).cast("string"))
    said = _with_currency(said.withColumn("to_currency", towards), "to_currency")
    dated = _with_day(said, writing, "rate_date")
    number = _number(F.col("rate"), writing).try_cast(_RATE)
    read = refuse(dated.withColumn("rate", number), ~F.coalesce(F.col("rate") > F.lit(0), F.lit(False)),
                  Reason.REFERENCE_NUMBER, F.lit("rate"))  # fmt: skip
    to_itself = (F.col("currency") == F.col("to_currency")) & (F.col("rate") != F.lit(1))
    return refuse(read, to_itself, Reason.FX_RATES_CONFLICT, F.lit("a currency has the rate 1 to itself"))


def refuse_conflicting_rates(records: Mapping[str, DataFrame]) -> DataFrame:
    """Records of all files, with their name as `reference`. Two rates of one day are refused, both."""
    columns = ("file", "record", "code", "detail", *FX_RATES.columns)
    said = [rows.select(F.lit(name).alias("reference"), *columns) for name, rows in records.items()]
    same = _among_counting("rate_date", "currency", "to_currency")
    disagree = reduce(lambda one, other: one.unionByName(other), said).withColumn(
        "disagree", F.min("rate").over(same) < F.max("rate").over(same)
    )
    detail = F.lit("other records have another rate for the day")
    return refuse(disagree, F.col("disagree"), Reason.FX_RATES_CONFLICT, detail).drop("disagree")


def read_spend(records: DataFrame, *, writing: Writing, channels: Sequence[str]) -> DataFrame:
    """Spend: `spend_date`, `channel`, `campaign_source`, `campaign_name`, `currency`, `spend_minor`.

    Records of a day and campaign that add up to more than sixteen digits are refused, all of them: no amount has more,
    and no rate would turn them into another currency.

    Args:
        records: `day`, `amount`, `channel`, `campaign_source`, `campaign_name`, `currency`.
        writing: How the file is written.
        channels: Channels that rules give: one that differs in case or blanks alone is written as they write it.
    """
    said = _with_day(_with_currency(_filled(records, writing), "currency"), writing, "spend_date")
    folded = F.lower(F.trim("channel"))
    known = [F.when(folded == F.lit(name.strip().lower()), F.lit(name)) for name in channels]
    named = said.withColumn("channel", F.coalesce(*known, F.col("channel")))
    read = _with_amount(named, writing, "spend_minor")
    total = F.sum(F.col("spend_minor").cast(_SUM)).over(_among_counting(*_ADDED_UP))
    summed = read.withColumn("is_beyond", F.abs(total) >= F.lit(10**_DIGITS))
    detail = F.lit("amounts of the day and campaign add up to more than sixteen digits of minor units")
    return refuse(summed, F.col("is_beyond"), Reason.REFERENCE_NUMBER, detail).drop("is_beyond")


def read_opportunities(records: DataFrame, *, writing: Writing, won_values: Collection[str]) -> DataFrame:
    """Opportunities: `opportunity_id`, `account_id`, the times of three stages, `is_won`, `value_minor`, `currency`.

    Records of one opportunity that say different things are refused, all of them. One without a time of its end is
    open, and so not won.

    Args:
        records: `opportunity_id`, `account_id`, `lead_at`, `opened_at`, `closed_at`, `is_won`, `amount`, `currency`.
        writing: How the file is written.
        won_values: Values of `is_won` that say so; case does not count.
    """
    said = _with_currency(_filled(records, writing), "currency", is_required=F.col("amount").isNotNull())
    timed = _with_times(said, writing, ("lead_at", "opened_at", "closed_at"))
    valued = _with_amount(timed, writing, "value_minor", is_required=False)
    says_won = F.coalesce(F.lower("is_won").isin(*[value.lower() for value in won_values]), F.lit(False))
    won = valued.withColumn("is_won", says_won & F.col("closed_at").isNotNull())
    facts = F.to_json(F.struct(*[name for name in OPPORTUNITIES.columns if name not in {"source", "opportunity_id"}]))
    same = _among_counting("opportunity_id")
    disagree = won.withColumn("disagree", F.min(facts).over(same) < F.max(facts).over(same))
    detail = F.lit("other records of the opportunity differ")
    return refuse(disagree, F.col("disagree"), Reason.OPPORTUNITIES_CONFLICT, detail).drop("disagree")


def read_subscriptions(records: DataFrame, *, writing: Writing) -> DataFrame:
    """Subscriptions: `subscription_id`, `account_id`, `id_type`, `id_value`, `mrr_minor`, `currency`, their period.

    The identifier is still the text that stands there: see `member_records`.

    Args:
        records: `subscription_id`, `account_id`, `id_type`, `id_value`, `amount`, `currency`, `valid_from`, `valid_to`.
        writing: How the file is written.
    """
    said = _with_currency(_filled(records, writing), "currency")
    is_owned = F.col("account_id").isNull() == (F.col("id_value").isNotNull() & F.col("id_type").isNotNull())
    owned = refuse(said, ~is_owned, Reason.SUBSCRIPTIONS_OWNER, F.lit("account_id, or id_type and id_value"))
    return _with_period(_with_amount(owned, writing, "mrr_minor"), writing)


def refuse_overlapping_subscriptions(records: DataFrame) -> DataFrame:
    """Records of a subscription that say different things of one instant are refused, all of them."""
    facts = ("account_id", "id_type", "id_key", "mrr_minor", "currency")
    return _refuse_overlaps(records, ("subscription_id",), facts, Reason.SUBSCRIPTIONS_OVERLAP)


def read_seats(records: DataFrame, *, writing: Writing) -> DataFrame:
    """Seats: `account_id`, `n_seats`, their period. Two numbers of one instant are refused, both.

    Args:
        records: `account_id`, `seats`, `valid_from`, `valid_to`.
        writing: How the file is written.
    """
    number = _number(F.col("seats"), writing).try_cast("decimal(20,2)")
    whole = F.when((number >= F.lit(0)) & (number == F.floor(number)), number.cast("bigint"))
    counted = _filled(records, writing).withColumn("n_seats", whole)
    read = refuse(counted, F.col("n_seats").isNull(), Reason.REFERENCE_NUMBER, F.lit("seats"))
    return _refuse_overlaps(_with_period(read, writing), ("account_id",), ("n_seats",), Reason.SEATS_OVERLAP)


def counting_rates(records: Sequence[DataFrame]) -> DataFrame:
    """Rows of `fx_rates`: each day and pair of currencies once."""
    return FX_RATES.conform(_counting(records, *FX_RATES.columns).distinct())


def counting_spend(records: Mapping[str, DataFrame]) -> DataFrame:
    """Rows of `spend`, by the name of their file."""
    said = _named(records, *_ADDED_UP, "spend_minor")
    total = F.sum(F.col("spend_minor").cast(_SUM)).cast("bigint").alias("spend_minor")
    return SPEND.conform(said.groupBy("source", *_ADDED_UP).agg(total, F.count(F.lit(1)).alias("n_records")))


def counting_opportunities(records: Mapping[str, DataFrame]) -> DataFrame:
    """Rows of `opportunities`, by the name of their file."""
    return OPPORTUNITIES.conform(_named(records, *OPPORTUNITIES.columns[1:]).distinct())


def counting_subscriptions(records: Mapping[str, DataFrame]) -> DataFrame:
    """Rows of `subscriptions`, by the name of their file."""
    said = _named(records, *SUBSCRIPTIONS.columns[1:]).distinct()
    # a type that is given for all records says nothing of an account
    return SUBSCRIPTIONS.conform(said.withColumn("id_type", F.when(F.col("id_key").isNotNull(), F.col("id_type"))))


def counting_seats(records: Mapping[str, DataFrame]) -> DataFrame:
    """Rows of `seats`, by the name of their file."""
    return SEATS.conform(_named(records, *SEATS.columns[1:]).distinct())


def _counting(records: Sequence[DataFrame], *columns: str) -> DataFrame:
    parts = [rows.where(F.col("code").isNull()).select(*columns) for rows in records]
    return reduce(lambda one, other: one.unionByName(other), parts)


def _named(records: Mapping[str, DataFrame], *columns: str) -> DataFrame:
    return _counting([rows.withColumn("source", F.lit(name)) for name, rows in records.items()], "source", *columns)


def _filled(records: DataFrame, writing: Writing) -> DataFrame:
    return records.withColumns({name: F.lit(value) for name, value in writing.given.items()})


def _with_currency(records: DataFrame, name: str, *, is_required: Column | None = None) -> DataFrame:
    """The code in capitals. One that is missing where it is required is refused like one that is none."""
    code = F.upper(F.col(name))
    is_code = F.coalesce(code.rlike(r"\A[A-Z]{3}\z"), F.lit(False))
    is_needed = F.col(name).isNotNull() | (F.lit(True) if is_required is None else is_required)
    return refuse(records, is_needed & ~is_code, Reason.REFERENCE_CURRENCY, F.lit(name)).withColumn(
        name, F.when(is_code, code)
    )


def _number(text: Column, writing: Writing) -> Column:
    """A number with a point before its decimals. Null where the mark is a comma, and points divide no thousands."""
    if writing.decimal != ",":
        return text
    # 12.5 is no 125, and 0.925 no 925
    is_plain = ~F.contains(text, F.lit(".")) | text.rlike(_WITH_THOUSANDS)
    return F.when(is_plain, F.replace(F.replace(text, F.lit("."), F.lit("")), F.lit(","), F.lit(".")))


def _with_amount(records: DataFrame, writing: Writing, name: str, *, is_required: bool = True) -> DataFrame:
    """`amount` in whole units of `currency` as smallest units, half away from zero."""
    text = _number(F.col("amount"), writing)

    def minor(exponent: int) -> Column:
        return (text.try_cast(f"decimal({_DIGITS},{exponent})") * F.lit(10**exponent)).cast("bigint")

    found = minor(USUAL_EXPONENT)
    for exponent, codes in EXPONENTS.items():
        found = F.when(F.col("currency").isin(*codes), minor(exponent)).otherwise(found)
    read = records.withColumn(name, F.when(F.col("currency").isNotNull(), found))
    is_needed = F.lit(True) if is_required else F.col("amount").isNotNull()
    return refuse(read, is_needed & F.col(name).isNull(), Reason.REFERENCE_NUMBER, F.lit("amount"))


def _with_day(records: DataFrame, writing: Writing, name: str) -> DataFrame:
    read = _with_times(records, writing, ("day",), of=T.DateType())
    return read.withColumn(name, F.col("day"))


def _with_period(records: DataFrame, writing: Writing) -> DataFrame:
    return read_periods(records, earliest=writing.earliest, pattern=writing.time_format, zone=writing.zone)


def _with_times(
    records: DataFrame,
    writing: Writing,
    names: Sequence[str],
    *,
    of: T.DataType = _TIMESTAMP,
) -> DataFrame:
    """Columns of text as instants, or as days; what is no time is refused, naming the first such column."""
    fields = [T.StructField(field.name, of if field.name in names else field.dataType) for field in records.schema]
    read = partial(_read_times, writing=writing, names=tuple(names), is_day=isinstance(of, T.DateType))
    return records.mapInArrow(read, T.StructType(fields))


def _read_times(
    batches: Iterable[pa.RecordBatch], *, writing: Writing, names: Sequence[str], is_day: bool
) -> Iterator[pa.RecordBatch]:
    make_reader, kind = (make_day_reader, pa.date32()) if is_day else (make_time_reader, _INSTANT)
    read_time = make_reader(writing.time_format, writing.zone, earliest=writing.earliest)
    for batch in batches:
        columns = {name: batch.column(name) for name in batch.schema.names}
        codes, details = columns["code"].to_pylist(), columns["detail"].to_pylist()
        for name in names:
            texts = columns[name].to_pylist()
            found = [None if text is None else read_time(text)[0] for text in texts]
            for row, (text, time) in enumerate(zip(texts, found, strict=True)):
                if text is not None and time is None and codes[row] is None:
                    codes[row], details[row] = Reason.REFERENCE_TIME.value, name
            columns[name] = pa.array(found, kind)
        columns["code"], columns["detail"] = pa.array(codes, pa.string()), pa.array(details, pa.string())
        yield pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _among_counting(*keys: str) -> WindowSpec:
    """All records of a key that are not refused, as a window; refused ones are with their like."""
    whole = W.partitionBy(F.col("code").isNull(), *keys)
    return whole.rowsBetween(W.unboundedPreceding, W.unboundedFollowing)


def _refuse_overlaps(records: DataFrame, keys: Sequence[str], facts: Sequence[str], code: Reason) -> DataFrame:
    """Refuse records of a key whose periods meet, unless they say the same of the same period."""
    least, most = _ENDS
    begins = F.coalesce(F.unix_micros("valid_from"), F.lit(least))
    ends = F.coalesce(F.unix_micros("valid_to"), F.lit(most))
    equal = W.partitionBy(F.col("code").isNull(), *keys, *facts, "valid_from", "valid_to")
    again = F.row_number().over(equal.orderBy("file", "record")) > F.lit(1)
    unlike = records.withColumns({"begins": begins, "ends": ends, "is_again": again})
    in_order = W.partitionBy(F.col("code").isNull(), "is_again", *keys).orderBy("begins", "ends")
    before = F.max("ends").over(in_order.rowsBetween(W.unboundedPreceding, -1))
    after = F.min("begins").over(in_order.rowsBetween(1, W.unboundedFollowing))
    meets = F.coalesce(before > F.col("begins"), F.lit(False)) | F.coalesce(after < F.col("ends"), F.lit(False))
    judged = unlike.withColumn("meets", ~F.col("is_again") & meets)
    whole = equal.rowsBetween(W.unboundedPreceding, W.unboundedFollowing)
    told = judged.withColumn("meets", F.max("meets").over(whole))
    refused = refuse(told, F.col("meets"), code, F.lit("another record says something else of the same time"))
    return refused.drop("begins", "ends", "is_again", "meets")
