"""What two ways of attribution give to each channel, and what channels cost."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.attribution.given_columns import (
    MONEY,
    NUMBER,
    TEXT,
    Kind,
    as_kind,
    check_columns,
    problem,
    raise_problems,
)
from oneuser.marts.attribution.walk import UNATTRIBUTED
from oneuser.marts.exact_sums import WEIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

# spend that is for nothing that credit has a name of, and credit of touches that have no such name
UNALLOCATED, NOT_SET = "(unallocated)", "(not set)"
_FOLDED = "_folded_"
_SUM = "decimal(38,0)"
_SPEND_CALLED = ("spend_minor", "amount_minor", "amount")


def compare_credits(before: DataFrame, after: DataFrame, *, by: str | Sequence[str] = "channel") -> DataFrame:
    """What channels gain and lose between two credits: another model, look-back, identity or report range.

    Args:
        before: Rows of `attribute`, of one model, or of any table with the columns of `by` and `credit_minor`.
        after: The same, of the same model or of another one.
        by: Columns to compare by; name `currency` too where there are several.

    Returns:
        One row per channel: the columns of `by`, and `delta_minor decimal(38,0)`, what it has after less what it had
        before, in smallest units; without credit it had 0.

    Raises:
        ConfigError: naming the columns that are missing.
        SparkRuntimeException: when rows are read, where one number would add up several currencies, or models.
    """
    keys = checked_keys(by)
    check_columns({name: (frame, _columns(keys)) for name, frame in (("before", before), ("after", after))})
    sides = [
        frame.select(*keys, _credit(frame).alias("credit"), *_marks(frame, keys), F.lit(sign).alias("sign"))
        for frame, sign in ((before, -1), (after, 1))
    ]
    together = sides[0].unionByName(sides[1], allowMissingColumns=True)
    signed = F.when(F.col("sign") == F.lit(1), F.col("credit")).otherwise(-F.col("credit"))
    delta = F.coalesce(F.sum(signed), F.lit(0).cast(_SUM)).cast(_SUM)
    checks = []
    if "one_currency" in together.columns:
        checks.append(_one(F.col("one_currency"), "currency"))
    if "one_model" in together.columns:
        checks += [_one(F.when(F.col("sign") == F.lit(sign), F.col("one_model")), "model") for sign in (-1, 1)]
    return together.groupBy(*keys).agg(_unless(checks, delta).alias("delta_minor"))


def add_spend(credits: DataFrame, spend: DataFrame, by: str | Sequence[str] = "channel") -> DataFrame:  # noqa: A002
    """What each channel cost, by conversion and by what it brought.

    Args:
        credits: Rows of `attribute` of one model, or of any table with the columns of `by`, `weight` and
            `credit_minor`. For several models name `model` in `by`: each is set against the same spend.
        spend: Rows of spend, such as one per day and campaign: the columns of `by` other than `model`, and
            `spend_minor` (or `amount_minor`, `amount`), whole numbers of the smallest unit. Rows of one key are added
            up once, whatever else they are told apart by.
        by: One or more columns that both have.

    Returns:
        One row per key that has credit or spend: the columns of `by`; `spend_minor decimal(38,0)`, 0 without spend;
        `cpa_minor double`, spend ÷ credited conversions, in smallest units; `roas double`, credited value ÷ spend; both
        null where the divisor is 0. Spend without a key, or with a blank one, is a row `(unallocated)`, credit without
        one a row `(not set)`, or `(unattributed)` where it is of no touch. A key of spend that differs from one of
        credits in case or blanks alone is that one.

    Raises:
        ConfigError: naming the columns that are missing or of another type.
        SparkRuntimeException: when rows are read, where one number would add up several currencies, or models, or spend
            is in another currency than credits.
    """
    keys = checked_keys(by)
    shared = [key for key in keys if key != "model"]
    called = next((name for name in _SPEND_CALLED if name in getattr(spend, "columns", ())), _SPEND_CALLED[0])
    if not shared:
        raise_problems([problem("by", "needs a column that spend has too, such as channel")])
    check_columns(
        {
            "credits": (credits, {**_columns(keys), "weight": NUMBER}),
            "spend": (spend, {**dict.fromkeys(shared, TEXT), called: MONEY}),
        }
    )
    weight = F.coalesce(F.sum(F.col("weight").cast(WEIGHT)), F.lit(0))
    credited = (
        credits.select(
            *[_credited_key(credits, key) for key in keys],
            "weight",
            _credit(credits).alias("credit"),
            *_marks(credits, keys),
        )
        .groupBy(*keys)
        .agg(
            weight.alias("conversions"),
            F.coalesce(F.sum("credit"), F.lit(0)).cast(_SUM).alias("credit"),
            *_seen(credits, keys),
        )
    )
    named = spend.select(
        *[_key(spend, key, F.lit(UNALLOCATED)) for key in shared],
        F.col(called).cast(_SUM).alias("spent"),
        *_marks(spend, keys),
    )
    spent = (
        _named_as_in(named, credited, shared)
        .groupBy(*shared)
        .agg(F.coalesce(F.sum("spent"), F.lit(0)).cast(_SUM).alias("spent"), *_seen(spend, keys, prefix="spend_"))
    )
    if "model" in keys:
        spent = spent.crossJoin(credited.select("model").distinct())
    both = credited.join(spent, on=list(keys), how="full")
    spent_minor, conversions = (F.coalesce(name, F.lit(0).cast(_SUM)) for name in ("spent", "conversions"))
    value = F.coalesce("credit", F.lit(0).cast(_SUM))
    return both.select(
        *keys,
        _unless(_mixed(both), spent_minor.cast(_SUM)).alias("spend_minor"),
        F.when(conversions != F.lit(0), spent_minor.cast("double") / conversions.cast("double")).alias("cpa_minor"),
        F.when(spent_minor != F.lit(0), value.cast("double") / spent_minor.cast("double")).alias("roas"),
    )


def checked_keys(by: object) -> list[str]:
    """The columns that sums are told apart by.

    Raises:
        ConfigError: where it is none.
    """
    keys = [by] if isinstance(by, str) else list(by) if isinstance(by, Iterable) else []
    if not keys or not all(isinstance(key, str) for key in keys):
        raise_problems([problem("by", f"expected at least one column, such as channel, found {by!r}")])
    return keys


def _columns(keys: Sequence[str]) -> dict[str, Kind]:
    return {**dict.fromkeys(keys, TEXT), "credit_minor": MONEY}


def _credit(frame: DataFrame) -> Column:
    return as_kind(frame, "credit_minor", MONEY).cast(_SUM)


def _key(frame: DataFrame, key: str, absent: Column) -> Column:
    named = F.trim(as_kind(frame, key, TEXT))
    return F.when(named != F.lit(""), named).otherwise(absent).alias(key)


def _credited_key(credits: DataFrame, key: str) -> Column:  # noqa: A002
    absent = F.lit(NOT_SET)
    if "channel" in credits.columns:
        absent = F.when(F.col("channel") == F.lit(UNATTRIBUTED), F.lit(UNATTRIBUTED)).otherwise(absent)
    return _key(credits, key, absent)


def _named_as_in(rows: DataFrame, credited: DataFrame, keys: Sequence[str]) -> DataFrame:
    """Rows whose keys differ from those of credits in case alone, under the names that credits have."""
    name = F.struct(*keys)
    folded = [F.lower(key).alias(f"{_FOLDED}{key}") for key in keys]
    names = credited.groupBy(*folded).agg(F.collect_set(name).alias("names"))
    met = rows.select("*", *folded).join(F.broadcast(names), on=[f"{_FOLDED}{key}" for key in keys], how="left")
    # several names differ in case: of these the same one, or else the first
    is_one = F.coalesce(F.array_contains("names", name), F.lit(False))
    meant = F.when(is_one, name).otherwise(F.coalesce(F.array_min("names"), name))
    others = [column for column in rows.columns if column not in keys]
    return met.withColumn("meant", meant).select(*[F.col(f"meant.{key}").alias(key) for key in keys], *others)


def _marks(frame: DataFrame, keys: Sequence[str]) -> list[Column]:
    """What must be one for sums to mean something, where the frame tells it and it is no key."""
    return [
        as_kind(frame, name, TEXT).alias(f"one_{name}")
        for name in ("currency", "model")
        if name in frame.columns and name not in keys
    ]


def _seen(frame: DataFrame, keys: Sequence[str], *, prefix: str = "") -> list[Column]:
    return [
        side(f"one_{name}").alias(f"{prefix}{end}_{name}")
        for name in ("currency", "model")
        if name in frame.columns and name not in keys
        for end, side in (("min", F.min), ("max", F.max))
    ]


def _one(mark: Column, name: str) -> tuple[Column, str]:
    return F.min(mark) != F.max(mark), name


def _mixed(both: DataFrame) -> list[tuple[Column, str]]:
    found = []
    for name in ("currency", "model"):
        ends = [
            F.col(f"{prefix}{end}_{name}")
            for prefix in ("", "spend_")
            for end in ("min", "max")
            if f"{prefix}{end}_{name}" in both.columns
        ]
        if ends:
            found.append((F.array_min(F.array(*ends)) != F.array_max(F.array(*ends)), name))
    return found


def _unless(checks: Sequence[tuple[Column, str]], value: Column) -> Column:
    """The value, unless it adds up what must not be added."""

    def checked(rest: Column, check: tuple[Column, str]) -> Column:
        is_wrong, name = check
        advice = f"name it in `by`, or keep one {name} of the frame"
        text = F.lit(f"attribution: one sum would hold more than one {name}; {advice}")
        return F.when(F.coalesce(is_wrong, F.lit(False)), F.raise_error(text).cast(_SUM)).otherwise(rest)

    return reduce(checked, checks, value)
