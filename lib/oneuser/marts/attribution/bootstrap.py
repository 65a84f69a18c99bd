"""Bootstrap intervals: how far the share of a channel moves with who happened to be in the data.

Reads   touches, conversions   anybody's, see `attribute`
Yields  a row per channel with its share and the ends of its interval
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from oneuser.config import parse_models
from oneuser.marts.attribution.fitted import EXACT_UP_TO
from oneuser.marts.attribution.frames import checked_frames
from oneuser.marts.attribution.given_columns import problem, raise_problems
from oneuser.marts.attribution.journeys import build_journeys
from oneuser.marts.attribution.path_rules import check_path_rules
from oneuser.spark.clustering import cluster

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Unpack

    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

    from oneuser.config import ModelSpec
    from oneuser.core.errors import ConfigProblem
    from oneuser.marts.attribution.path_rules import PathParameters

    # a path, its conversions and its journeys
    Counted = tuple[tuple[str, ...], int, int]

_MODELS = ("markov_global", "rate_shapley")
_MOST_SAMPLES = 10_000
_PATHS_AT_ONCE = 2_000
_DRAWN = "sample int, path array<string>, n_conversions bigint, n_journeys bigint"
_SHARED = "sample int, channel string, share double"
# how probable a draw above 0, 1, 2, ... is: a draw is how many of these a number between 0 and 1 is below
_ABOVE = np.array([1 - sum(math.exp(-1) / math.factorial(k) for k in range(n + 1)) for n in range(12)])
# orders that are drawn of more channels than are counted exactly, in each sample
_ORDERS = 200


def bootstrap_intervals(
    touches: DataFrame,
    conversions: DataFrame,
    *,
    model: str | Mapping[str, Any] = "markov_global",
    samples: int = 200,
    seed: int = 0,
    level: float = 0.95,
    **parameters: Unpack[PathParameters],
) -> DataFrame:
    """The interval of each channel's share, by percentiles over samples of the entities.

    In each sample an entity counts, with all that it did, as often as is drawn from Poisson's distribution of mean 1,
    by a hash of seed, entity and sample, so that the same is drawn whatever the partitions are. The model is fitted on
    each sample anew, in a task of its own. Journeys are made once; what is moved is a row per sample and distinct path.

    Args:
        touches: As for `attribute`.
        conversions: As for `attribute`. Those of nobody have no touch, and no say.
        model: `markov_global` or `rate_shapley`, with its parameters.
        samples: How many.
        seed: Which.
        level: What part of the samples lies between the two ends.
        parameters: How paths are made, as for `attribute`.

    Returns:
        One row per channel: `channel`; `share` of the conversions with a touch, in all the data; `share_low`,
        `share_high`; `n_samples`, those in which the model gives shares at all. A channel that a sample does not have
        has a share of 0 in it.

    Raises:
        ConfigError: as `attribute`; for another model, and for numbers out of range.
    """
    spec = _checked(model, samples, level)
    rules = check_path_rules(**parameters)
    frames = checked_frames(touches, conversions, None, zone=rules.window.zone)
    journeys = build_journeys(frames, rules, names_entity=True).where(F.col("path").isNotNull())
    drawn = journeys.select("entity", "path", "is_conversion")
    counted = (
        drawn.mapInArrow(partial(_draw, samples=samples, seed=seed), _DRAWN)
        .groupBy("sample", "path")
        .agg(F.sum("n_conversions").alias("n_conversions"), F.sum("n_journeys").alias("n_journeys"))
    )
    fit = partial(_fit, model=spec.model, parameters=dict(spec.parameters))
    shares = cluster(counted, "sample", "sample", "path").mapInArrow(fit, _SHARED)
    return _percentiles(shares, level)


def _checked(model: str | Mapping[str, Any], samples: object, level: object) -> ModelSpec:
    problems: list[ConfigProblem] = []
    specs: tuple[ModelSpec, ...] = ()
    try:
        specs = parse_models([model])
    except ValueError as wrong:
        problems.append(problem("model", str(wrong)))
    if specs and specs[0].model not in _MODELS:
        problems.append(problem("model", f"expected {' or '.join(_MODELS)}, found {specs[0].label}"))
    if isinstance(samples, bool) or not isinstance(samples, int) or not 1 <= samples <= _MOST_SAMPLES:
        problems.append(problem("samples", f"expected a whole number from 1 to {_MOST_SAMPLES}, found {samples!r}"))
    if isinstance(level, bool) or not isinstance(level, float) or not 0 < level < 1:
        problems.append(problem("level", f"expected a number between 0 and 1, such as 0.95, found {level!r}"))
    raise_problems(problems)
    return specs[0]


def draws_of(entity: str, *, samples: int, seed: int) -> NDArray[np.int64]:
    """How often an entity counts: once in sample 0, which is all the data, and as often as drawn in each other one."""
    begin = int.from_bytes(hashlib.blake2b(f"{seed} {entity}".encode(), digest_size=8).digest(), "big")
    # the generator SplitMix64: a number for each place, none of which needs those before
    with np.errstate(over="ignore"):
        mixed = np.uint64(begin) + np.arange(1, samples + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    uniform = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    drawn = (uniform[:, np.newaxis] < _ABOVE).sum(axis=1)
    return np.concatenate([np.ones(1, dtype=np.int64), drawn.astype(np.int64)])


def _draw(batches: Iterable[pa.RecordBatch], *, samples: int, seed: int) -> Iterator[pa.RecordBatch]:
    """Conversions and journeys of each path in each sample, as far as one partition knows them."""
    totals: dict[tuple[str, ...], NDArray[np.int64]] = {}
    entity, draws = None, np.zeros(samples + 1, dtype=np.int64)
    for batch in batches:
        columns = (batch.column(name).to_pylist() for name in ("entity", "path", "is_conversion"))
        for whose, path, is_conversion in zip(*columns, strict=True):
            if whose != entity:
                entity, draws = whose, draws_of(whose, samples=samples, seed=seed)
            of_path = totals.setdefault(tuple(path), np.zeros((2, samples + 1), dtype=np.int64))
            of_path[0] += draws * bool(is_conversion)
            of_path[1] += draws
            if len(totals) >= _PATHS_AT_ONCE:
                yield from _told(totals)
                totals = {}
    yield from _told(totals)


def _told(totals: Mapping[tuple[str, ...], NDArray[np.int64]]) -> Iterator[pa.RecordBatch]:
    for path, numbers in totals.items():
        there = np.flatnonzero(numbers[1])
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(there, pa.int32()),
                pa.array([list(path)] * len(there), pa.list_(pa.string())),
                pa.array(numbers[0][there], pa.int64()),
                pa.array(numbers[1][there], pa.int64()),
            ],
            names=["sample", "path", "n_conversions", "n_journeys"],
        )


def _fit(batches: Iterable[pa.RecordBatch], *, model: str, parameters: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
    """The share of each channel in each sample, all of whose paths are here, one after the other."""
    for sample, rows in groupby(_rows_of(batches), key=itemgetter(0)):
        counted = [(path, n_conversions, n_journeys) for _, path, n_conversions, n_journeys in rows]
        values = _effects(counted, **parameters) if model == "markov_global" else _worth(counted, **parameters)
        total = math.fsum(values.values())
        # null where nothing converts
        shares = [value / total if total > 0 else None for value in values.values()]
        yield pa.RecordBatch.from_arrays(
            [
                pa.array([sample] * len(values), pa.int32()),
                pa.array(list(values), pa.string()),
                pa.array(shares, pa.float64()),
            ],
            names=["sample", "channel", "share"],
        )


def _rows_of(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, tuple[str, ...], int, int]]:
    for batch in batches:
        columns = [batch.column(name).to_pylist() for name in ("sample", "path", "n_conversions", "n_journeys")]
        for sample, path, n_conversions, n_journeys in zip(*columns, strict=True):
            yield sample, tuple(path), n_conversions, n_journeys


def _effects(rows: Iterable[Counted], *, order: int = 1) -> dict[str, float]:
    # loaded where it is used: the driver needs no SciPy
    from oneuser.marts.attribution.fitted.chain import End, State, solve_removal_effects

    steps: Counter[tuple[State, State | End]] = Counter()
    for path, n_conversions, n_journeys in rows:
        state: State = ()
        for channel in path:
            following = (*state, channel)[-order:]
            steps[state, following] += n_journeys
            state = following
        steps[state, End.CONVERSION] += n_conversions
        steps[state, End.NULL] += n_journeys - n_conversions
    return solve_removal_effects(steps)


def _worth(
    rows: Iterable[Counted], *, exact_up_to: int = EXACT_UP_TO, samples: int = _ORDERS, seed: int = 0
) -> dict[str, float]:
    from oneuser.marts.attribution.fitted.shapley import solve_shapley_values

    counts: dict[tuple[str, ...], tuple[int, int]] = {}
    for path, n_conversions, n_journeys in rows:
        channels = tuple(sorted(set(path)))
        converted, n = counts.get(channels, (0, 0))
        counts[channels] = converted + n_conversions, n + n_journeys
    return solve_shapley_values(counts, exact_up_to=exact_up_to, samples=samples, seed=seed)


def _percentiles(shares: DataFrame, level: float) -> DataFrame:
    """The ends of each channel's interval: a row per sample and channel at most goes into them."""
    known = shares.where(F.col("share").isNotNull())
    whole = known.where(F.col("sample") == F.lit(0)).select("channel", F.col("share").alias("whole"))
    drawn = known.where(F.col("sample") > F.lit(0))
    grid = drawn.select("sample").distinct().crossJoin(shares.select("channel").distinct())
    filled = grid.join(drawn, on=["sample", "channel"], how="left").withColumn("share", F.coalesce("share", F.lit(0.0)))
    ends = filled.groupBy("channel").agg(
        F.percentile("share", (1 - level) / 2).alias("share_low"),
        F.percentile("share", (1 + level) / 2).alias("share_high"),
        F.count(F.lit(1)).alias("n_samples"),
    )
    return ends.join(whole, on="channel", how="left").select(
        "channel", F.col("whole").alias("share"), "share_low", "share_high", "n_samples"
    )
