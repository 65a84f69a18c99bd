"""Credits: each conversion dealt out over the touches before it, by every model.

Reads   touches, conversions
Yields  attribution_credits, attribution_summary, and the metrics of the conservation check
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY
from oneuser.marts.attribution.paths import CREDITS, STEPS, credit_conversions
from oneuser.spark.clustering import cluster

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyspark.sql import DataFrame

    from oneuser.marts.attribution.models import ModelRules
    from oneuser.marts.provenance import Provenance

_MICROSECONDS_PER_DAY = 86_400_000_000
_WEIGHT_UNIT = Decimal("0.000000000001")


def build_credits(
    touches: DataFrame,
    conversions: DataFrame,
    *,
    rules: ModelRules,
    lookback_days: int,
    exclude_channels: Collection[str] = (),
    provenance: Provenance,
) -> DataFrame:
    """Credit each conversion to the touches of its person in the closed window before it.

    One shuffle and one sort by person, of the conversions and of the touches of people who converted; all models come
    from one pass over them (see `paths`).

    Args:
        touches: Rows of `touches`.
        conversions: Rows of `conversions`. Those of nobody are `(unattributed)`.
        rules: The models.
        lookback_days: Length of the window in days of 24 hours.
        exclude_channels: Channels that get no credit; their touches are left out before anything is weighted.
        provenance: How the rows are made.

    Returns:
        Rows of `attribution_credits`.
    """
    steps = _touches_of_converting(touches, conversions, exclude_channels).unionByName(_conversion_steps(conversions))
    credit = partial(credit_conversions, rules=rules, lookback=lookback_days * _MICROSECONDS_PER_DAY)
    credits_in_units = cluster(steps, "entity", "entity", "at", "is_conversion", "id").mapInArrow(credit, CREDITS.ddl)
    return ATTRIBUTION_CREDITS.conform(
        credits_in_units.select(
            "*",
            (F.col("weight_units").cast("decimal(20,0)") * F.lit(_WEIGHT_UNIT)).cast("decimal(20,12)").alias("weight"),
            F.timestamp_micros("touched_us").alias("touched_at"),
            F.timestamp_micros("converted_us").alias("converted_at"),
            F.lit("person").alias("entity_level"),
            F.lit(lookback_days).alias("lookback_days"),
            *provenance.columns(),
        )
    )


def _conversion_steps(conversions: DataFrame) -> DataFrame:
    # each conversion of nobody is an entity of its own: together they would be one huge one
    alone = F.concat(F.lit("conversion "), F.hex("conversion_id"))
    steps = conversions.withColumns(
        {
            "entity": F.coalesce("user_id", alone),
            "at": F.unix_micros("converted_at"),
            "is_conversion": F.lit(True),
            "id": F.col("conversion_id"),
        }
    )
    return STEPS.select(steps)


def _touches_of_converting(touches: DataFrame, conversions: DataFrame, exclude_channels: Collection[str]) -> DataFrame:
    kept = touches.select("user_id", "touched_at", "touch_id", "channel")
    if exclude_channels:
        kept = kept.where(~F.col("channel").isin(*sorted(exclude_channels)))
    converting = conversions.where(F.col("user_id").isNotNull()).select("user_id")
    steps = kept.join(converting, on="user_id", how="left_semi").select(
        F.col("user_id").alias("entity"),
        F.unix_micros("touched_at").alias("at"),
        F.lit(False).alias("is_conversion"),
        F.col("touch_id").alias("id"),
        "channel",
    )
    return STEPS.select(steps)


def build_summary(credits: DataFrame, *, provenance: Provenance) -> DataFrame:  # noqa: A002 - the field's word
    """Add credits up by model, kind of conversion, currency and channel. One pass over narrow columns of all credits.

    Args:
        credits: Rows of `attribution_credits`, all made in the same way.
        provenance: How they are.

    Returns:
        Rows of `attribution_summary`. `credit_minor` is null where no conversion has a value.
    """
    summed = credits.groupBy("model", "conversion", "channel", "currency", "entity_level", "lookback_days").agg(
        F.sum("weight").cast("decimal(30,12)").alias("conversions"),
        F.sum("credit_minor").alias("credit_minor"),
        F.count("touch_id").alias("n_touches"),
    )
    return ATTRIBUTION_SUMMARY.conform(summed.select("*", *provenance.columns()))


def count_broken(credits: DataFrame, conversions: DataFrame, *, models: Sequence[str]) -> DataFrame:  # noqa: A002
    """Compare conversion by conversion what was credited with what there was to credit. Grows with both.

    Returns:
        One row with `n_broken`: conversions and models whose weights are not 1 in all or whose credits are not the
        value, credits without a conversion included.
    """
    sums = [
        column
        for model in models
        for column in (
            F.sum(F.when(F.col("model") == F.lit(model), F.col("weight"))).alias(f"weight_{model}"),
            F.sum(F.when(F.col("model") == F.lit(model), F.col("credit_minor"))).alias(f"credit_{model}"),
        )
    ]
    credited = credits.groupBy("conversion_id").agg(*sums)
    expected = conversions.select("conversion_id", "value_minor", F.lit(True).alias("is_conversion"))
    compared = expected.join(credited, on="conversion_id", how="full")
    broken = [
        F.count_if(
            F.col("is_conversion").isNull()
            | ~F.col(f"weight_{model}").eqNullSafe(F.lit(1))
            | ~F.col(f"credit_{model}").eqNullSafe(F.col("value_minor"))
        )
        for model in models
    ]
    n_broken = broken[0]
    for n in broken[1:]:
        n_broken = n_broken + n
    return compared.agg(n_broken.alias("n_broken"))


def measure_totals(credits: DataFrame, conversions: DataFrame, *, models: Sequence[str]) -> DataFrame:  # noqa: A002
    """Add up what was credited, and what there was to credit. One pass over narrow columns of each, without a shuffle.

    Returns:
        One row: `n_conversions` and `value`, the sum of all values; `n_credits`, `longest_path` and `credit_<model>`.
    """
    there_was = conversions.agg(
        F.count(F.lit(1)).alias("n_conversions"), F.sum(F.col("value_minor").cast("decimal(38,0)")).alias("value")
    )
    was_credited = credits.agg(
        F.count(F.lit(1)).alias("n_credits"),
        F.max("path_length").alias("longest_path"),
        *[
            F.sum(F.when(F.col("model") == F.lit(model), F.col("credit_minor")).cast("decimal(38,0)")).alias(
                f"credit_{model}"
            )
            for model in models
        ],
    )
    return there_was.crossJoin(was_credited)
