"""What the report says of product analytics: the newest rows of what is declared, with few people hidden."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.product import FUNNELS, LIFECYCLE, STICKINESS
from oneuser.report.product_data import (
    FunnelStep,
    Lifecycle,
    LifecycleInterval,
    PowerCurve,
    ProductFigures,
    StepFunnel,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyspark.sql import DataFrame, Row

    from oneuser.contracts.table import TableContract

_INTERVALS = 26
# names of a kind that are drawn; all are in the tables
_NAMES = 6
_PHASES = ("new", "returning", "resurrecting", "dormant")


def gather_product(read: Callable[[TableContract], DataFrame], min_people: int) -> ProductFigures:
    """The first names of lifecycle, stickiness and funnels, in alphabetical order, with their newest intervals.

    A number of 1 to `min_people` - 1 is hidden. Of a lifecycle the whole interval is, since its phases and those of the
    interval before add up to each other. What is not declared has no rows.
    """
    newest = F.row_number().over(W.partitionBy("name").orderBy(F.desc("starts_at"))) <= F.lit(_INTERVALS)
    intervals = read(LIFECYCLE).where(F.col("unit") != "hour").withColumn("is_newest", newest).where("is_newest")
    curves = read(STICKINESS)
    steps = read(FUNNELS).where(F.col("breakdown").isNull())
    return ProductFigures(
        lifecycles=tuple(_lifecycle(rows, min_people) for rows in _by_name(intervals, "starts_at")),
        power_curves=tuple(_power_curve(rows, min_people) for rows in _by_name(curves, "n_intervals")),
        funnels=tuple(_funnel(rows, min_people) for rows in _by_name(steps, "step")),
    )


def _by_name(rows: DataFrame, order: str) -> Iterator[list[Row]]:
    """The rows of each of the first names: a few dozen."""
    found = rows.orderBy("name", order).collect()
    groups = [list(group) for _, group in groupby(found, key=lambda row: row["name"])]
    yield from groups[:_NAMES]


def _shown(n: int, min_people: int) -> int | None:
    return None if 0 < n < min_people else n


def _lifecycle(rows: Sequence[Row], min_people: int) -> Lifecycle:
    first = rows[0]
    intervals = []
    for row in rows:
        counts = [_shown(row[phase], min_people) for phase in _PHASES]
        shown = [None] * len(counts) if None in counts else counts
        intervals.append(LifecycleInterval(row["interval"], *shown))
    return Lifecycle(
        first["name"], first["entity_level"], first["unit"], first["zone"], first["watermark"], tuple(intervals)
    )


def _power_curve(rows: Sequence[Row], min_people: int) -> PowerCurve:
    first = rows[0]
    counts = tuple(_shown(row["n_entities"], min_people) for row in rows)
    return PowerCurve(first["name"], first["entity_level"], first["unit"], first["zone"], first["watermark"], counts)


def _funnel(rows: Sequence[Row], min_people: int) -> StepFunnel:
    first = rows[0]
    steps = []
    for row in rows:
        n = _shown(row["n_entities"], min_people)
        is_hidden = n is None or 0 < row["n_eligible"] < min_people
        label = row["step_name"] or f"{row['step']} steps"
        rates = (None, None) if is_hidden else (row["rate_from_first"], row["rate_from_previous"])
        steps.append(FunnelStep(row["step"], label, n, *rates))
    return StepFunnel(
        first["name"],
        first["entity_level"],
        first["window_days"],
        first["mode"],
        all(row["is_final"] for row in rows),
        first["watermark"],
        tuple(steps),
    )
