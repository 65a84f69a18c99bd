"""How much an answer depends on the model and on the look-back.

Reads   touches, conversions, credits   anybody's, see `attribute`
Yields  model agreement, look-back sensitivity
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.marts.attribution.attributing import attribute
from oneuser.marts.attribution.given_columns import TEXT, check_columns, problem, raise_problems
from oneuser.marts.exact_sums import RATE, WEIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SUM = "decimal(38,0)"


def model_agreement(credits: DataFrame) -> DataFrame:  # noqa: A002 - the field's word
    """How far models divide conversions alike: 1 less half of what their shares of channels differ by.

    1 where two models give each channel the same part of all conversions, 0 where no channel has a part with both. A
    model that credits nothing is left out.

    Args:
        credits: Rows of `attribute`, or of any table with `model`, `channel` and `weight` (or `conversions`).

    Returns:
        One row per pair of models, in alphabetical order, each pair once: `model`, `other_model`, `agreement double`.

    Raises:
        ConfigError: naming the columns that are missing.
    """
    weight = "weight" if "weight" in getattr(credits, "columns", ()) else "conversions"
    check_columns({"credits": (credits, {"model": TEXT, "channel": TEXT})})
    if weight not in credits.columns:
        raise_problems([problem("credits.weight", "is missing, and so is `conversions`")])
    # added as decimals: a sum of doubles depends on their order
    by_channel = credits.groupBy("model", "channel").agg(F.sum(F.col(weight).cast(WEIGHT)).alias("part"))
    totals = by_channel.groupBy(F.col("model").alias("of")).agg(F.sum("part").alias("total")).where("total != 0")
    share = F.col("part").cast("double") / F.col("total").cast("double")
    shares = by_channel.join(F.broadcast(totals), on=F.col("model") == F.col("of"), how="inner").select(
        "model", "channel", share.alias("share")
    )
    models = shares.select("model").distinct()
    others = models.select(F.col("model").alias("other_model"))
    pairs = models.join(others, on=F.col("model") < F.col("other_model"), how="inner")
    grid = pairs.crossJoin(shares.select("channel").distinct())
    one = shares.withColumnRenamed("share", "one")
    other = shares.select(F.col("model").alias("other_model"), "channel", F.col("share").alias("other"))
    both = grid.join(one, on=["model", "channel"], how="left").join(other, on=["other_model", "channel"], how="left")
    apart = F.abs(F.coalesce("one", F.lit(0.0)) - F.coalesce("other", F.lit(0.0))).cast(RATE)
    half = F.sum(apart).cast("double") / F.lit(2)
    return both.groupBy("model", "other_model").agg((F.lit(1.0) - half).alias("agreement"))


def lookback_sensitivity(
    touches: DataFrame,
    conversions: DataFrame,
    *,
    lookbacks: Sequence[float | None] = (1, 7, 14, 30, 60, 90),
    models: Sequence[str | Mapping[str, Any]] | str = ("first", "last", "linear"),
    **parameters: Any,
) -> DataFrame:
    """What each channel gets with each of several look-backs. Everything is gone through once for each.

    Args:
        touches: As for `attribute`.
        conversions: As for `attribute`.
        lookbacks: Days of 24 hours, each different; None for no bound.
        models: As for `attribute`.
        parameters: As for `attribute`, but for `lookback_days`.

    Returns:
        `lookback_days double`, `model`, `channel`, `currency`, `conversions`, the credited number, and `credit_minor`.

    Raises:
        ConfigError: as `attribute`, and where there is no look-back, or one twice.
    """
    if not lookbacks or len(set(lookbacks)) < len(lookbacks):
        raise_problems([problem("lookbacks", "expected several numbers of days, such as (7, 30), each once")])
    if "lookback_days" in parameters:
        raise_problems([problem("lookback_days", "name all look-backs in `lookbacks`")])
    parts = [
        attribute(touches, conversions, models=models, lookback_days=days, **parameters)
        .groupBy("model", "channel", "currency")
        .agg(F.sum("weight").alias("conversions"), F.sum(F.col("credit_minor").cast(_SUM)).alias("credit_minor"))
        .select(F.lit(days).cast("double").alias("lookback_days"), "*")
        for days in lookbacks
    ]
    return reduce(DataFrame.unionByName, parts)
