"""What the report says of product analytics: the newest rows of what is declared, with few people hidden."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.product import (
    ACTIVATION,
    ACTIVE_USERS,
    ADOPTION,
    FUNNELS,
    LIFECYCLE,
    LIFETIME_VALUE,
    STICKINESS,
)
from oneuser.report.product_data import (
    Activation,
    ActivationInterval,
    Actives,
    ActivesOfDays,
    Adoption,
    FunnelStep,
    Lifecycle,
    LifecycleInterval,
    LifetimeValue,
    PowerCurve,
    ProductFigures,
    StepFunnel,
    ValueOfAge,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from pyspark.sql import DataFrame, Row

    from oneuser.contracts.table import TableContract

_INTERVALS = 26
# names of a kind that are drawn; all are in the tables
_NAMES = 6
# the tables that something is drawn of
DRAWN = (LIFECYCLE, STICKINESS, FUNNELS, ACTIVE_USERS, ACTIVATION, ADOPTION, LIFETIME_VALUE)
_SECONDS_PER_DAY = 86_400
_PHASES = ("new", "returning", "resurrecting", "dormant")


def gather_product(
    read: Callable[[TableContract], DataFrame], min_people: int, declared: Collection[TableContract] = DRAWN
) -> ProductFigures:
    """The first names of each table that is drawn, in alphabetical order, with their newest intervals.

    A number of 1 to `min_people` - 1 is hidden, and so is what is divided by it. Of a lifecycle the whole interval is,
    since its phases and those of the interval before add up to each other.

    Args:
        read: Reads a table.
        min_people: The smallest number that is shown.
        declared: The tables that have rows; the others are not looked at.
    """

    def named(contract: TableContract, rows: Callable[[DataFrame], DataFrame], order: str) -> list[list[Row]]:
        return list(_by_name(rows(read(contract)), order)) if contract in declared else []

    return ProductFigures(
        lifecycles=tuple(_lifecycle(rows, min_people) for rows in named(LIFECYCLE, _newest, "starts_at")),
        power_curves=tuple(_power_curve(rows, min_people) for rows in named(STICKINESS, _all, "n_intervals")),
        funnels=tuple(_funnel(rows, min_people) for rows in named(FUNNELS, _whole, "step")),
        actives=tuple(_actives(rows, min_people) for rows in named(ACTIVE_USERS, _all, "days")),
        activations=tuple(_activation(rows, min_people) for rows in named(ACTIVATION, _newest, "starts_at")),
        adoptions=tuple(_adoption(rows[0], min_people) for rows in named(ADOPTION, _all, "feature")),
        lifetime_values=tuple(_lifetime(rows, min_people) for rows in named(LIFETIME_VALUE, _all, "age")),
    )


def _all(rows: DataFrame) -> DataFrame:
    return rows


def _whole(rows: DataFrame) -> DataFrame:
    """Funnels that are not broken down."""
    return rows.where(F.col("breakdown").isNull())


def _newest(rows: DataFrame) -> DataFrame:
    """The newest intervals of each name, of a day or more."""
    newest = F.row_number().over(W.partitionBy("name").orderBy(F.desc("starts_at"))) <= F.lit(_INTERVALS)
    return rows.where(F.col("unit") != "hour").withColumn("is_newest", newest).where("is_newest")


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


def _actives(rows: Sequence[Row], min_people: int) -> Actives:
    first = rows[0]
    found = []
    for row in rows:
        n = _shown(row["n_actives"], min_people)
        found.append(ActivesOfDays(row["days"], n, None if n is None else row["daily_share"]))
    return Actives(first["name"], first["entity_level"], first["zone"], first["watermark"], tuple(found))


def _activation(rows: Sequence[Row], min_people: int) -> Activation:
    first = rows[0]
    intervals = []
    for row in rows:
        eligible, activated = (_shown(row[name], min_people) for name in ("n_eligible", "n_activated_eligible"))
        is_hidden = eligible is None or activated is None
        median = row["median_seconds"]
        intervals.append(
            ActivationInterval(
                row["interval"],
                _shown(row["n_new"], min_people),
                eligible,
                None if is_hidden else activated,
                None if is_hidden else row["rate"],
                None if is_hidden or median is None else median / _SECONDS_PER_DAY,
            )
        )
    facts = (first["name"], first["entity_level"], first["unit"], first["zone"], first["window_days"])
    return Activation(*facts, first["watermark"], tuple(intervals))


def _adoption(row: Row, min_people: int) -> Adoption:
    def share(part: str, whole: str, name: str) -> float | None:
        is_hidden = any(row[one] is None or _shown(row[one], min_people) is None for one in (part, whole))
        return None if is_hidden else row[name]

    def number(name: str) -> int | None:
        return None if row[name] is None else _shown(row[name], min_people)

    return Adoption(
        row["name"],
        row["entity_level"],
        row["feature"],
        row["window_days"],
        row["watermark"],
        n_active=number("n_active"),
        n_eligible=number("n_eligible"),
        n_tried=number("n_tried"),
        n_adopted=number("n_adopted"),
        of_active=share("n_adopted", "n_active", "adoption_of_active"),
        of_eligible=share("n_adopted_eligible", "n_eligible", "adoption_of_eligible"),
        of_tried=share("n_adopted", "n_tried", "adopted_of_tried"),
        is_eligible_known=row["n_eligible"] is not None,
    )


def _lifetime(rows: Sequence[Row], min_people: int) -> LifetimeValue:
    first = rows[0]
    ages = []
    for row in rows:
        n = _shown(row["n_members"], min_people)
        ages.append(ValueOfAge(row["age"], n, None if n is None else row["ltv_minor"]))
    return LifetimeValue(
        first["name"], first["currency"], first["unit"], first["zone"], first["watermark"], tuple(ages)
    )
