"""Markov models on Spark: transitions between the last channels of a path, removal effects, and shares by them.

Reads   paths (see `fit`)
Yields  transition probabilities, removal effects by channel, shares by touch or by channel

Transitions are counted in Spark. Their counts, at most channels ^ (order + 1) and no more than there are in the paths,
come together in one task on an executor, where `chain.py` solves the equations.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.attribution.fitted.positions import with_touches
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

START, CONVERSION, NULL = "(start)", "(conversion)", "(null)"
BETWEEN_CHANNELS = " > "

# one row per state and what follows it, null for the end of the path
_STEPS = RowShape({"state": "array<string>", "following": "string", "n_conversions": "bigint", "n_journeys": "bigint"})
_EFFECTS = RowShape({"channel": "string", "removal_effect": "double"})


def transitions(paths: DataFrame, order: int = 1) -> DataFrame:
    """How probably one state follows another.

    Args:
        paths: Distinct paths with their conversions and journeys. Repeats are steps: a channel may follow itself.
        order: How many of the last channels are a state. Before that many touches a state has as many as there are.

    Returns:
        One row per pair that occurs: `from_state`, `to_state`, `probability`; those of one `from_state` add up to 1.
        States are `(start)`, `(conversion)`, `(null)` and channels by name, the oldest first with ` > ` between them.
        A backslash stands before a backslash or `>` in a channel's name, and before one that is called like the three:
        no two states read the same.

    Raises:
        ConfigError: for an order below 1.
    """
    counts = _count_steps(paths, order)
    name = _name_of("state")
    longer = F.concat("state", F.array("following"))
    next_state = F.slice(longer, F.greatest(F.size(longer) - F.lit(order - 1), F.lit(1)), F.lit(order))
    ends = F.array(
        _reached(F.lit(CONVERSION), F.col("n_conversions")),
        _reached(F.lit(NULL), F.col("n_journeys") - F.col("n_conversions")),
    )
    reached = F.when(F.col("following").isNull(), ends).otherwise(
        F.array(_reached(_name_of(next_state), F.col("n_journeys")))
    )
    pairs = counts.select(name.alias("from_state"), F.inline(reached)).where(F.col("n") > 0)
    of_state = W.partitionBy("from_state").rowsBetween(W.unboundedPreceding, W.unboundedFollowing)
    return pairs.select("from_state", "to_state", (F.col("n") / F.sum("n").over(of_state)).alias("probability"))


def removal_effects(paths: DataFrame, order: int = 1) -> DataFrame:
    """The share of conversions that the chain loses without a channel; see `chain.solve_removal_effects`.

    Args:
        paths: Distinct paths with their conversions and journeys.
        order: How many of the last channels are a state. Removing a channel removes every state that contains it.

    Returns:
        One row per channel: `channel`, `removal_effect` between 0 and 1. All are 0 where nothing converts. Time grows
        with the channels times what one sparse solve over the states takes.

    Raises:
        ConfigError: for an order below 1.
    """
    counts = _STEPS.select(_count_steps(paths, order)).repartition(1)
    return counts.mapInArrow(partial(_solve, order=order), _EFFECTS.ddl)


def share_by_effect(paths: DataFrame, effects: DataFrame) -> DataFrame:
    """The model `markov_path`: touch k of a path gets the removal effect of its channel ÷ those of all its touches.

    Args:
        paths: Rows with `path`.
        effects: Rows of `removal_effects`. A channel that is not there has none.

    Returns:
        One row per path, as `fit.path_share_arrays` gives them. Where all effects of a path are 0, which is so of no
        path that converts, its touches share equally.
    """
    by_channel = _gathered(effects).select(F.map_from_entries("effects").alias("by_channel"))
    fitted = with_touches(paths).crossJoin(F.broadcast(by_channel))
    of_touches = F.transform("path", lambda channel: F.coalesce(F.col("by_channel")[channel], F.lit(0.0)))
    summed = fitted.select("path", of_touches.alias("of_touches"))
    summed = summed.withColumn("total", F.aggregate("of_touches", F.lit(0.0), lambda total, one: total + one))
    shares = F.transform(
        "of_touches",
        lambda one: F.when(F.col("total") > 0, one / F.col("total")).otherwise(F.lit(1.0) / F.size("path")),
    )
    return summed.select("path", shares.alias("shares"))


def share_globally(effects: DataFrame) -> DataFrame:
    """The model `markov_global`: a channel gets its removal effect ÷ those of all channels.

    Args:
        effects: Rows of `removal_effects`.

    Returns:
        One row per channel, as `fit.channel_shares` gives them; `value` is the removal effect.
    """
    # added in order of channel: a sum of doubles depends on their order
    total = F.aggregate("effects", F.lit(0.0), lambda total, one: total + one["removal_effect"])
    rows = _gathered(effects).select(total.alias("total"), F.inline("effects"))
    share = F.when(F.col("total") > 0, F.col("removal_effect") / F.col("total"))
    return rows.select("channel", share.alias("share"), F.col("removal_effect").alias("value"))


def _count_steps(paths: DataFrame, order: int) -> DataFrame:
    """How many journeys, and how many that convert in the end, come from each state to what follows it."""
    if isinstance(order, bool) or not isinstance(order, int):
        raise ConfigError.single("order", f"expected a whole number from 1 on, found {order!r}")
    if order < 1:
        raise ConfigError.single("order", f"{order} is below 1: a state is at least the last channel")
    step = F.transform(
        F.sequence(F.lit(0), F.size("path")),
        lambda place: F.struct(
            F.slice("path", F.greatest(place - F.lit(order - 1), F.lit(1)), F.least(place, F.lit(order))).alias(
                "state"
            ),
            F.get("path", place).alias("following"),
        ),
    )
    walked = with_touches(paths).select(F.inline(step), "n_conversions", "n_journeys")
    return walked.groupBy("state", "following").agg(
        F.sum("n_conversions").alias("n_conversions"), F.sum("n_journeys").alias("n_journeys")
    )


def _name_of(state: str | Column) -> Column:
    """A state as text."""
    name = F.array_join(F.transform(state, _escaped), BETWEEN_CHANNELS)
    return F.when(F.size(state) == 0, F.lit(START)).otherwise(name)


def _escaped(channel: Column) -> Column:
    is_taken = channel.isin(START, CONVERSION, NULL)
    return F.when(is_taken, F.concat(F.lit("\\"), channel)).otherwise(F.regexp_replace(channel, r"([\\>])", r"\\$1"))


def _reached(state: Column, n: Column) -> Column:
    return F.struct(state.alias("to_state"), n.alias("n"))


def _gathered(effects: DataFrame) -> DataFrame:
    """All effects in one row, in order of channel; an empty list where there is no channel."""
    listed = F.collect_list(F.struct("channel", "removal_effect"))
    return effects.agg(F.sort_array(listed).alias("effects"))


def _solve(batches: Iterable[pa.RecordBatch], *, order: int) -> Iterator[pa.RecordBatch]:
    # loaded where it is used: the driver needs no SciPy
    from oneuser.marts.attribution.fitted.chain import End, State, solve_removal_effects

    weights: dict[tuple[State, State | End], float] = {}
    for batch in batches:
        columns = [batch.column(name).to_pylist() for name in _STEPS.columns]
        for channels, following, n_conversions, n_journeys in zip(*columns, strict=True):
            state = tuple(channels)
            if following is None:
                weights[state, End.CONVERSION] = n_conversions
                weights[state, End.NULL] = n_journeys - n_conversions
            else:
                weights[state, (*state, following)[-order:]] = n_journeys
    yield _EFFECTS.batch_of(solve_removal_effects(weights).items())
