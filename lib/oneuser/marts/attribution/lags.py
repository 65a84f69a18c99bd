"""How long conversions took, and over how many touches.

Reads   touches, conversions   anybody's, see `attribute`; or credits that say their times
Yields  a row per model, measure and bucket
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.attribution.attributing import credit_by_rules
from oneuser.marts.attribution.frames import KIND
from oneuser.marts.calendar import DAY_US, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Unpack

    from pyspark.sql import DataFrame

    from oneuser.marts.attribution.path_rules import PathParameters

_SUM = "decimal(38,0)"
TIME_LAG, PATH_LENGTH = "time_lag_days", "path_length"


def lags_and_lengths(
    touches: DataFrame,
    conversions: DataFrame,
    *,
    models: Sequence[str | Mapping[str, Any]] | str = ("first", "last", "linear"),
    milestones: DataFrame | None = None,
    **parameters: Unpack[PathParameters],
) -> DataFrame:
    """Divide conversions by the age of the touches that they are credited to, and by the length of their path.

    With `first` the age is the time from the first touch to the conversion, which other tools call time lag.

    Args:
        touches: As for `attribute`.
        conversions: As for `attribute`.
        models: As for `attribute`; models whose credit depends on one path alone.
        milestones: As for `attribute`.
        parameters: As for `attribute`.

    Returns:
        Rows of `sum_lags_and_lengths`.

    Raises:
        ConfigError: as `attribute`, and for models that are fitted on all paths.
    """
    credited = credit_by_rules(touches, conversions, models=models, milestones=milestones, **parameters)
    return sum_lags_and_lengths(
        credited.withColumns(
            {name: F.timestamp_micros(f"{name.removesuffix('_at')}_us") for name in ("touched_at", "converted_at")}
        )
    )


def sum_lags_and_lengths(credits: DataFrame) -> DataFrame:  # noqa: A002 - the field's word
    """The same of credits that are at hand.

    Args:
        credits: Rows of `attribution_credits`, or of a table with its `model`, `touched_at`, `converted_at`,
            `path_length`, `weight`, `credit_minor`, and where it has them `conversion` and `currency`.

    Returns:
        `model`, `conversion` and `currency` where credits have them; `measure`, `time_lag_days` (days of 24 hours from
        the credited touch to the conversion, rounded down) or `path_length` (touches of the path, after the
        transforms); `bucket`, how many, 0 touches and null days where a conversion has none; `conversions
        decimal(30,12)`, the sum of weights; `credit_minor decimal(38,0)`. Each measure adds up to what its model does.
    """
    made = ["model", *[name for name in (KIND, "currency") if name in credits.columns]]
    age = whole(F.unix_micros("converted_at") - F.unix_micros("touched_at"), DAY_US)
    measures = [(TIME_LAG, age), (PATH_LENGTH, F.col("path_length").cast("bigint"))]
    each = credits.select(
        *made,
        "weight",
        "credit_minor",
        F.explode(
            F.array(*[F.struct(F.lit(name).alias("measure"), bucket.alias("bucket")) for name, bucket in measures])
        ).alias("one"),
    )
    return each.groupBy(*made, "one.measure", "one.bucket").agg(
        F.sum("weight").cast("decimal(30,12)").alias("conversions"),
        F.sum(F.col("credit_minor").cast(_SUM)).alias("credit_minor"),
    )
