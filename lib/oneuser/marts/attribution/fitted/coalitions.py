"""Models that compare a path, or its channels as a set, with journeys that lack some of them.

Reads   paths (see `fit`)
Yields  shares by touch, or Shapley values by channel
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.attribution.fitted.positions import with_touches
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

# with how many channels all of their orders are counted, where nothing else is asked for
EXACT_UP_TO = 12
_SETS = RowShape({"channels": "array<string>", "n_conversions": "bigint", "n_journeys": "bigint"})
_VALUES = RowShape({"channel": "string", "share": "double", "value": "double"})


def share_by_set(paths: DataFrame) -> DataFrame:
    """The model `set_shapley`: each distinct channel of a path gets the same, and its touches divide that equally.

    It is the Shapley value of a game in which a path is worth its conversions to the set of all its channels, and to no
    smaller one (Zhao, Mahboobi and Bagheri, "Shapley value methods for attribution modeling in online advertising",
    2018). It depends on the path alone.

    Args:
        paths: Rows with `path`.

    Returns:
        One row per path, as `fit.path_share_arrays` gives them.
    """
    counted = with_touches(paths).select("path", F.array_distinct("path").alias("channels"))
    n_touches = F.map_from_arrays("channels", F.transform("channels", _times_in_path))
    of_path = F.struct(F.size("channels").alias("n_channels"), n_touches.alias("n_touches"))
    # a function around the other, or Spark would count again for each touch
    shares = F.transform(F.array(of_path), _divide_equally)
    return counted.select("path", shares[0].alias("shares"))


def share_by_gain(paths: DataFrame) -> DataFrame:
    """The model `counterfactual`: a channel gets what the path's rate of conversion gains by it.

    With r(path) = conversions ÷ journeys of exactly that path, 0 for one that nobody took, the gain of a channel i is
    max(0, r(path) - r(path without all touches of i)), divided by the gains of all channels of the path. The touches of
    a channel divide its part equally. Without any gain, the last touch has it all: so of every path that never
    converts. Leaving out the only channel leaves no touch: no journey, hence 0.

    One row per converting path and channel meets the paths again, on the array.

    Args:
        paths: Distinct paths with their conversions and journeys.

    Returns:
        One row per path, as `fit.path_share_arrays` gives them.
    """
    rated = with_touches(paths).select("path", (F.col("n_conversions") / F.col("n_journeys")).alias("rate"))
    gains = _gains(rated).withColumn("total", F.aggregate("gains", F.lit(0.0), lambda total, one: total + one["gain"]))
    of_touch = F.map_from_entries(
        F.transform("gains", lambda one: F.struct(one["channel"], one["gain"] / F.col("total") / one["n_touches"]))
    )
    has_gain = F.col("total") > 0
    converting = gains.select("path", F.when(has_gain, of_touch).alias("of_touch"))
    to_last = F.transform("path", _all_to_last)
    by_gain = F.transform("path", lambda channel: F.col("of_touch")[channel])
    shares = F.when(F.col("of_touch").isNull(), to_last).otherwise(by_gain)
    never = rated.where(F.col("rate") == 0)
    return converting.select("path", shares.alias("shares")).unionByName(never.select("path", to_last.alias("shares")))


def _gains(rated: DataFrame) -> DataFrame:
    """By path that converts: `gains`, an array of `channel`, `gain`, `n_touches` in order of channel."""
    of_channels = rated.where(F.col("rate") > 0).withColumn("channel", F.explode(F.array_distinct("path")))
    without = of_channels.withColumn("without", F.filter("path", lambda touch: touch != F.col("channel")))
    others = rated.select(F.col("path").alias("without"), F.col("rate").alias("rate_without"))
    compared = without.join(others, on="without", how="left")
    gain = F.greatest(F.col("rate") - F.coalesce("rate_without", F.lit(0.0)), F.lit(0.0))
    n_touches = F.size("path") - F.size("without")
    listed = F.collect_list(F.struct("channel", gain.alias("gain"), n_touches.alias("n_touches")))
    return compared.groupBy("path").agg(F.sort_array(listed).alias("gains"))


def build_shapley_values(
    paths: DataFrame, *, exact_up_to: int = EXACT_UP_TO, samples: int = 1000, seed: int = 0
) -> DataFrame:
    """The model `rate_shapley`: what each channel adds to the rate of conversion; see `shapley.solve_shapley_values`.

    Conversions and journeys are added up in Spark by the set of channels that a path touches. The sums, no more than
    there are such sets, come together in one task on an executor.

    Args:
        paths: Distinct paths with their conversions and journeys.
        exact_up_to: With how many channels all orders of them are counted; memory there doubles with each.
        samples: With more channels, how many orders are drawn.
        seed: Which are drawn. The same seed draws the same, everywhere and always.

    Returns:
        One row per channel, as `fit.channel_shares` gives them: `value` is φ, below 0 where a channel's journeys
        convert less than those of others, and never cut off; `share` is φ ÷ Σ φ, null where Σ φ is not above 0.

    Raises:
        ConfigError: for fewer than one sample, and for `exact_up_to` below 0 or above 20.
    """
    if samples < 1:
        raise ConfigError.single("samples", f"{samples} is below 1")
    if not 0 <= exact_up_to <= _MOST_EXACT:
        raise ConfigError.single("exact_up_to", f"{exact_up_to} is not between 0 and {_MOST_EXACT}")
    channels = F.array_sort(F.array_distinct("path"))
    counts = (
        with_touches(paths)
        .groupBy(channels.alias("channels"))
        .agg(F.sum("n_conversions").alias("n_conversions"), F.sum("n_journeys").alias("n_journeys"))
    )
    solve = partial(_solve, exact_up_to=exact_up_to, samples=samples, seed=seed)
    return _SETS.select(counts).repartition(1).mapInArrow(solve, _VALUES.ddl)


# a million sets
_MOST_EXACT = 20


def _solve(batches: Iterable[pa.RecordBatch], *, exact_up_to: int, samples: int, seed: int) -> Iterator[pa.RecordBatch]:
    from oneuser.marts.attribution.fitted.shapley import solve_shapley_values

    counts: dict[tuple[str, ...], tuple[int, int]] = {}
    for batch in batches:
        columns = [batch.column(name).to_pylist() for name in _SETS.columns]
        for channels, n_conversions, n_journeys in zip(*columns, strict=True):
            counts[tuple(channels)] = (n_conversions, n_journeys)
    values = solve_shapley_values(counts, exact_up_to=exact_up_to, samples=samples, seed=seed)
    total = math.fsum(values.values())
    yield _VALUES.batch_of((channel, value / total if total > 0 else None, value) for channel, value in values.items())


def _times_in_path(channel: Column) -> Column:
    return F.size(F.filter("path", lambda touch: touch == channel))


def _divide_equally(of_path: Column) -> Column:
    return F.transform("path", lambda channel: F.lit(1.0) / of_path["n_channels"] / of_path["n_touches"][channel])


def _all_to_last(_: Column, place: Column) -> Column:
    return F.when(place == F.size("path") - F.lit(1), F.lit(1.0)).otherwise(F.lit(0.0))
