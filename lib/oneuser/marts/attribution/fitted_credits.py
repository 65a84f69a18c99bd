"""Credits by fitted models: shares of paths and of channels, dealt out over conversions.

Reads   journeys   as `build_journeys` has them
        paths      as `count_paths` has them: what the models are fitted on
Yields  credits    the columns of `attribute`
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.core.errors import CheckError
from oneuser.marts.attribution.dealing import WEIGHT_UNITS, deal_out, whole_shares
from oneuser.marts.attribution.fitted import EXACT_UP_TO, channel_shares, path_share_arrays
from oneuser.marts.attribution.frames import KIND
from oneuser.marts.attribution.walk import UNATTRIBUTED, money_of
from oneuser.marts.attribution.weights import weight_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.config import ModelSpec

# what models without touches say of a channel: its removal effect or Shapley value, whether that is of drawn orders of
# the channels, and whether it is below 0
SOLVED = {"channel_value": "double", "is_sampled": "boolean", "is_negative": "boolean"}
_SUM = "decimal(38,0)"
_WEIGHT = "decimal(38,12)"
_MOST = (1 << 63) - 1
_TOO_LARGE = (
    "attribution: the values credited to one channel add up to more than 64 bits hold; "
    "give value_minor as decimal(38,0)"
)


def credit_touches(
    journeys: DataFrame, paths: DataFrame, specs: Sequence[ModelSpec], *, facts: Sequence[str]
) -> list[DataFrame]:
    """Credits of every touch by models that share out each path; none where there is no such model."""
    if not specs:
        return []
    found = [
        path_share_arrays(paths, spec.model, **spec.parameters).select("path", F.col("shares").alias(f"shares_{n}"))
        for n, spec in enumerate(specs)
    ]
    shares = reduce(lambda one, other: one.join(other, on="path", how="full"), found)
    known = journeys.where("is_conversion").join(shares, on="path", how="left")
    deal = partial(_deal_touches, labels=[spec.label for spec in specs], facts=tuple(facts))
    shape = T.StructType(
        [
            *[T.StructField(name, journeys.schema[name].dataType) for name in ("conversion_id", *facts)],
            T.StructField("model", T.StringType()),
            T.StructField("position", T.IntegerType()),
            T.StructField("touch_id", journeys.schema["touch_ids"].dataType.elementType),  # type: ignore[attr-defined]
            T.StructField("channel", T.StringType()),
            T.StructField("weight_units", T.LongType()),
            *[T.StructField(credit, journeys.schema[value].dataType) for value, credit in money_of(facts)],
        ]
    )
    columns = ["conversion_id", *facts, "path", "touch_ids", *[f"shares_{n}" for n in range(len(specs))]]
    return [known.select(*columns).mapInArrow(deal, shape).withColumn("weight", weight_of(F.col("weight_units")))]


def _deal_touches(
    batches: Iterable[pa.RecordBatch], *, labels: Sequence[str], facts: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        types = pa.schema(
            [
                *[(name, batch.schema.field(name).type) for name in ("conversion_id", *facts)],
                ("model", pa.string()),
                ("position", pa.int32()),
                ("touch_id", batch.schema.field("touch_ids").type.value_type),
                ("channel", pa.string()),
                ("weight_units", pa.int64()),
                *[(credit, batch.schema.field(value).type) for value, credit in money_of(facts)],
            ]
        )
        columns = [batch.column(name).to_pylist() for name in ("conversion_id", *facts, "path", "touch_ids")]
        shares = [batch.column(f"shares_{n}").to_pylist() for n in range(len(labels))]
        places = [1 + facts.index(value) for value, _ in money_of(facts)]
        rows = [
            (*told, *credited)
            for row, (*told, path, ids) in enumerate(zip(*columns, strict=True))
            for credited in _deal_one(
                [told[place] for place in places], path, ids, zip(labels, [one[row] for one in shares], strict=True)
            )
        ]
        if rows:
            arrays = [pa.array(column, one.type) for column, one in zip(zip(*rows, strict=True), types, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=types)


def _deal_one(
    values: Sequence[Any],
    path: Sequence[str] | None,
    ids: Sequence[Any],
    shares: Iterable[tuple[str, Sequence[float] | None]],
) -> Iterator[tuple[Any, ...]]:
    for label, share in shares:
        if path is None:
            yield label, 0, None, UNATTRIBUTED, WEIGHT_UNITS, *values
            continue
        by = whole_shares(share or ())
        if len(by) != len(path) or sum(by) <= 0:
            raise CheckError(
                found=f"{label} has no shares for a path of {len(path)} touches",
                expected="a share for each touch of each path that converts",
                next_step="report this",
            )
        weights = deal_out(WEIGHT_UNITS, by)
        dealt = [[None] * len(by) if value is None else deal_out(int(value), by) for value in values]
        for place, (weight, *parts) in enumerate(zip(weights, *dealt, strict=True)):
            if weight or any(parts):
                yield label, place + 1, ids[place], path[place], weight, *parts


def credit_channels(
    journeys: DataFrame, paths: DataFrame, specs: Sequence[ModelSpec], *, facts: Sequence[str]
) -> list[DataFrame]:
    """Credits of every channel by models that know no touches, one frame per model."""
    return [_credit_channels_by(journeys, paths, spec, facts) for spec in specs]


def _credit_channels_by(journeys: DataFrame, paths: DataFrame, spec: ModelSpec, facts: Sequence[str]) -> DataFrame:
    shares = channel_shares(paths, spec.model, **spec.parameters)
    is_drawn, exact = spec.model == "rate_shapley", spec.parameters.get("exact_up_to", EXACT_UP_TO)
    # a row for each channel, in one: there are a few hundred channels at most
    in_one = shares.agg(F.array_sort(F.collect_list(F.struct("channel", "share", "value"))).alias("channels"))
    keys = [name for name in (KIND, "currency") if name in facts]
    money = money_of(facts)
    sums = journeys.where("is_conversion").groupBy(*keys).agg(*_totals(money))
    deal = partial(_deal_channels, keys=tuple(keys), money=tuple(credit for _, credit in money))
    named = [*[f"{key} string" for key in keys], "channel string", "channel_value double", f"weight {_WEIGHT}"]
    named.append("n_channels int")
    shape = ", ".join([*named, *[f"{credit} {_SUM}" for _, credit in money]])
    dealt = sums.crossJoin(F.broadcast(in_one)).mapInArrow(deal, shape)
    dtypes = {name: journeys.schema[name].dataType for name in ("conversion_id", *dict(money))}
    return dealt.select(
        F.lit(None).cast(dtypes["conversion_id"]).alias("conversion_id"),
        *keys,
        F.lit(spec.label).alias("model"),
        F.lit(None).cast("int").alias("position"),
        F.lit(None).cast(journeys.schema["touch_ids"].dataType.elementType).alias("touch_id"),  # type: ignore[attr-defined]
        "channel",
        F.col("weight").cast("decimal(20,12)").alias("weight"),
        *[_that_fits(F.col(credit), dtypes[value]).alias(credit) for value, credit in money],
        "channel_value",
        # credit of no touch has no value
        F.when(F.col("channel_value").isNotNull(), F.lit(is_drawn) & (F.col("n_channels") > F.lit(exact))).alias(
            "is_sampled"
        ),
        (F.col("channel_value") < F.lit(0)).alias("is_negative"),
    )


def _that_fits(credit: Column, dtype: T.DataType) -> Column:
    if not isinstance(dtype, T.LongType):
        return credit.cast(dtype)
    return F.when(F.abs(credit) > F.lit(_MOST), F.raise_error(F.lit(_TOO_LARGE)).cast("bigint")).otherwise(
        credit.cast("bigint")
    )


def _totals(money: Sequence[tuple[str, str]]) -> list[Column]:
    touched = F.col("path").isNotNull()
    return [
        F.count_if(touched).alias("n_touched"),
        F.count_if(~touched).alias("n_untouched"),
        *[
            F.sum(F.when(which, F.col(value).cast(_SUM))).alias(f"{kind}_{credit}")
            for value, credit in money
            for kind, which in (("touched", touched), ("untouched", ~touched))
        ],
    ]


def _deal_channels(
    batches: Iterable[pa.RecordBatch], *, keys: Sequence[str], money: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    named: list[tuple[str, pa.DataType]] = [(name, pa.string()) for name in (*keys, "channel")]
    amounts: list[tuple[str, pa.DataType]] = [(credit, pa.decimal128(38, 0)) for credit in money]
    solved: list[tuple[str, pa.DataType]] = [
        ("channel_value", pa.float64()),
        ("weight", pa.decimal128(38, 12)),
        ("n_channels", pa.int32()),
    ]
    types = pa.schema([*named, *solved, *amounts])
    for batch in batches:
        rows = [
            (*[row[key] for key in keys], *credited)
            for row in batch.to_pylist()
            for credited in _deal_group(row, money)
        ]
        if rows:
            arrays = [pa.array(column, one.type) for column, one in zip(zip(*rows, strict=True), types, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=types)


def _deal_group(row: dict[str, Any], money: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Conversions and values of one kind and currency, by channel.

    Name, removal effect or Shapley value, weight, number of channels, and the credit in each money.
    """
    channels = row["channels"]
    names = [(one["channel"], one["value"]) for one in channels]
    n = len(channels)
    if row["n_untouched"]:
        rest = [_whole(row[f"untouched_{credit}"]) for credit in money]
        yield UNATTRIBUTED, None, _weight(row["n_untouched"] * WEIGHT_UNITS), n, *rest
    if not row["n_touched"]:
        return
    if any(one["share"] is None for one in channels):
        yield from ((*name, None, n, *[None for _ in money]) for name in names)
        return
    by = whole_shares([one["share"] for one in channels])
    weights = deal_out(row["n_touched"] * WEIGHT_UNITS, by)
    values = [_whole(row[f"touched_{credit}"]) for credit in money]
    dealt = [[None] * len(by) if value is None else deal_out(value, by) for value in values]
    for name, weight, *parts in zip(names, weights, *dealt, strict=True):
        yield *name, _weight(weight), n, *parts


def _weight(units: int) -> Decimal:
    # written out: arithmetic would round to 28 digits
    return Decimal(f"{units}E-12")


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else int(value)
