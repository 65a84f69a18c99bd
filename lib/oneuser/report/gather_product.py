"""What the report says of product analytics: the newest rows of what is declared, with few people hidden."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

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
from oneuser.storage.asked_counts import Groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.contracts.table import TableContract
    from oneuser.report.source import Figures
    from oneuser.storage.table_reader import Row

_INTERVALS = 26
# names of a kind that are drawn; all are in the tables
_NAMES = 6
_SECONDS_PER_DAY = 86_400
_PHASES = ("new", "returning", "resurrecting", "dormant")


def gather_product(figures: Figures, min_people: int) -> ProductFigures:
    """The first names of each table that is drawn, in alphabetical order, with their newest intervals.

    A number of 1 to `min_people` - 1 is hidden, and so is what is divided by it. Of a lifecycle the whole interval is,
    since its phases and those of the interval before add up to each other. A row is read for each step, age or
    interval of these names.
    """

    def named(table: TableContract, order: str, **which: Any) -> list[list[Row]]:
        return _by_name(figures, table, order, **which)

    return ProductFigures(
        lifecycles=tuple(_lifecycle(rows, min_people) for rows in named(LIFECYCLE, "starts_at", by_interval=True)),
        power_curves=tuple(_power_curve(rows, min_people) for rows in named(STICKINESS, "n_intervals")),
        # those that are not broken down
        funnels=tuple(_funnel(rows, min_people) for rows in named(FUNNELS, "step", null=("breakdown",))),
        actives=tuple(_actives(rows, min_people) for rows in named(ACTIVE_USERS, "days")),
        activations=tuple(_activation(rows, min_people) for rows in named(ACTIVATION, "starts_at", by_interval=True)),
        adoptions=tuple(_adoption(rows[0], min_people) for rows in named(ADOPTION, "feature")),
        lifetime_values=tuple(_lifetime(rows, min_people) for rows in named(LIFETIME_VALUE, "age")),
    )


def _by_name(
    figures: Figures, table: TableContract, order: str, *, by_interval: bool = False, null: Sequence[str] = ()
) -> list[list[Row]]:
    """The rows of each of the first names; by interval, the newest ones, of a day or more."""
    by = ("name", "unit") if by_interval else ("name",)
    found = figures.groups(table, Groups(by, {"n": ("rows", "name")}, null=null))
    names = sorted({row["name"] for row in found if row.get("unit") != "hour"})[:_NAMES]
    if not names:
        return []
    rows = figures.rows(table, columns=table.columns, where={"name": names})
    rows.sort(key=lambda row: (row["name"], row[order]))
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row["name"])]
    return [group[-_INTERVALS:] for group in groups] if by_interval else groups


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
