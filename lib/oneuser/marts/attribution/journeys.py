"""Journeys: the path of every conversion, and of every entity that did not convert; how often each path occurs.

Reads   touches, conversions   anybody's, see `attribute`
Yields  journeys, paths, transitions, removal effects
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.marts.attribution.entity_steps import END, in_order, of_converting
from oneuser.marts.attribution.fitted import removal_effects as find_removal_effects
from oneuser.marts.attribution.fitted import transitions as find_transitions
from oneuser.marts.attribution.frames import checked_frames
from oneuser.marts.attribution.path_rules import check_path_rules
from oneuser.marts.attribution.walk import visits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Unpack

    from pyspark.sql import DataFrame

    from oneuser.marts.attribution.frames import Frames
    from oneuser.marts.attribution.path_rules import PathParameters, PathRules
    from oneuser.marts.attribution.walk import WalkRules

_ROWS_PER_BATCH = 10_000


def count_paths(touches: DataFrame, conversions: DataFrame, **parameters: Unpack[PathParameters]) -> DataFrame:
    """How often each path occurs: what fitted models are fitted on.

    Each conversion with an eligible touch is a journey, and so is each entity without a conversion in the report range:
    its touches of the last look-back before the end, which is `converted_until` or, if that is earlier, the
    `watermark`; without one, the latest instant of the data. One pass over all touches and conversions, sorted by
    entity; then a row per path.

    Args:
        touches: As for `attribute`.
        conversions: As for `attribute`.
        parameters: As for `attribute`.

    Returns:
        One row per distinct path: `path array<string>`, channels in order, after the transforms; `n_conversions`;
        `n_journeys`, converted or not. No path is empty, no channel null.

    Raises:
        ConfigError: as `attribute`.
    """
    rules = check_path_rules(**parameters)
    return count_journeys(build_journeys(checked_frames(touches, conversions, None, zone=rules.window.zone), rules))


def transitions(
    touches: DataFrame, conversions: DataFrame, *, order: int = 1, **parameters: Unpack[PathParameters]
) -> DataFrame:
    """How journeys go on: the chain that the Markov models are made of.

    Args:
        touches: As for `attribute`.
        conversions: As for `attribute`.
        order: How many channels a state holds.
        parameters: As for `attribute`; see `count_paths` for the journeys of those who did not convert.

    Returns:
        `from_state`, `to_state`, `probability`: one row per transition that occurs.

    Raises:
        ConfigError: as `attribute`, and for an order below 1.
    """
    return find_transitions(count_paths(touches, conversions, **parameters), order=order)


def removal_effects(
    touches: DataFrame, conversions: DataFrame, *, order: int = 1, **parameters: Unpack[PathParameters]
) -> DataFrame:
    """What part of all conversions would be lost without each channel, by the Markov chain.

    Args:
        touches: As for `attribute`.
        conversions: As for `attribute`.
        order: How many channels a state holds.
        parameters: As for `attribute`; see `count_paths` for the journeys of those who did not convert.

    Returns:
        `channel`, `removal_effect`.

    Raises:
        ConfigError: as `attribute`, and for an order below 1.
    """
    return find_removal_effects(count_paths(touches, conversions, **parameters), order=order)


def build_journeys(
    frames: Frames, rules: PathRules, *, with_unconverted: bool = True, names_entity: bool = False
) -> DataFrame:
    """Every journey with its path.

    Args:
        frames: Touches and conversions.
        rules: How paths are made.
        with_unconverted: Whether entities without a conversion are looked at too; else only those that converted are.
        names_entity: Whether rows say in `entity` whose journey it is, as a text.

    Returns:
        One row per selected conversion, and per entity without one that has a touch before the end. `is_conversion`;
        `conversion_id` and what conversions say, null for the latter; `path` and `touch_ids`, arrays in path order,
        null where a conversion has no eligible touch.
    """
    touches = frames.touch_steps(rules)
    conversions = frames.conversion_steps(rules)
    facts = frames.facts
    if with_unconverted:
        steps = in_order(conversions, touches, _ends(touches, conversions, frames, rules))
    else:
        steps = in_order(conversions, of_converting(touches, conversions))
    told = [steps.schema[name] for name in ("conversion_id", *facts)]
    touch_id = steps.schema["touch_id"].dataType
    shape = T.StructType(
        [
            T.StructField("is_conversion", T.BooleanType()),
            *told,
            T.StructField("path", T.ArrayType(T.StringType())),
            T.StructField("touch_ids", T.ArrayType(touch_id)),
            *([T.StructField("entity", T.StringType())] if names_entity else []),
        ]
    )
    walk = partial(_walk_journeys, rules=rules.walk, facts=tuple(facts), names_entity=names_entity)
    return steps.mapInArrow(walk, shape)


def _ends(touches: DataFrame, conversions: DataFrame, frames: Frames, rules: PathRules) -> DataFrame:
    """One step for each entity without a selected conversion, at the end of what is looked at."""
    until = rules.selected_until
    ends = [F.lit(end) for end in (None if until is None else until - 1, rules.watermark) if end is not None]
    if rules.watermark is None:
        # nothing says up to when all is there
        ends.append(F.col("latest"))
    end = F.least(*ends) if len(ends) > 1 else ends[0]
    converting = conversions.where("is_selected").select("entity")
    others = touches.select("entity").distinct().join(converting, on="entity", how="left_anti")
    dated = others if rules.watermark is not None else others.crossJoin(F.broadcast(frames.latest))
    return dated.withColumn("time", F.timestamp_micros(end)).select(
        "entity",
        F.unix_micros("time").alias("at"),
        rules.window.measure(F.col("time")).alias("measure"),
        F.lit(END).alias("kind"),
    )


def count_journeys(journeys: DataFrame) -> DataFrame:
    """Rows of `count_paths` of journeys."""
    return (
        journeys.where(F.col("path").isNotNull())
        .groupBy("path")
        .agg(F.count_if("is_conversion").alias("n_conversions"), F.count(F.lit(1)).alias("n_journeys"))
    )


def _walk_journeys(
    batches: Iterable[pa.RecordBatch], *, rules: WalkRules, facts: Sequence[str], names_entity: bool
) -> Iterator[pa.RecordBatch]:
    types: pa.Schema | None = None
    rows: list[tuple[Any, ...]] = []

    def seen(batch: pa.RecordBatch) -> pa.RecordBatch:
        nonlocal types
        types = types or _journey_types(batch.schema, facts, names_entity=names_entity)
        return batch

    for visit in visits(map(seen, batches), rules=rules, facts=facts):
        whose = (visit.entity,) if names_entity else ()
        if visit.path is None:
            if visit.is_conversion:
                rows.append((True, visit.row[0], *visit.row[2:], None, None, *whose))
        else:
            rows.append(
                (
                    visit.is_conversion,
                    visit.row[0],
                    *visit.row[2:],
                    visit.channels[visit.begin :],
                    visit.ids[visit.begin :],
                    *whose,
                )
            )
        if len(rows) >= _ROWS_PER_BATCH:
            yield _batch(rows, types)
            rows = []
    if rows:
        yield _batch(rows, types)


def _journey_types(steps: pa.Schema, facts: Sequence[str], *, names_entity: bool) -> pa.Schema:
    told = [(name, steps.field(name).type) for name in ("conversion_id", *facts)]
    return pa.schema(
        [
            ("is_conversion", pa.bool_()),
            *told,
            ("path", pa.list_(pa.string())),
            ("touch_ids", pa.list_(steps.field("touch_id").type)),
            *([("entity", pa.string())] if names_entity else []),
        ]
    )


def _batch(rows: Sequence[tuple[Any, ...]], types: pa.Schema | None) -> pa.RecordBatch:
    assert types is not None  # noqa: S101 - rows come from batches
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, one.type) for column, one in zip(columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=types)
