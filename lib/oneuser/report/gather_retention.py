"""The retention triangle of a report."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.config.retention import DEFAULT
from oneuser.marts.wilson import wilson_interval
from oneuser.report.data import Cohort, Retention, RetentionCell
from oneuser.report.palette import SERIES
from oneuser.report.product_data import CurvePoint, RetentionCurve

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row

# modes in which a later interval is a column to the right
_TRIANGLES = ("on", "on_or_after", "on_or_before", "streak")
_COHORTS = 24
_OFFSETS = 24
# rule sets that are drawn as curves: as many as there are colours
_CURVES = len(SERIES)


def gather_retention(cells: DataFrame, min_people: int) -> Retention | None:
    """The newest cohorts with their first intervals; null where there is no cohort.

    Of several retentions, that called `default`, or else the first of those that make a triangle: by days or more, with
    neither brackets nor a breakdown, and forward in time. A cell is hidden where 1 to `min_people` - 1 people came back
    or fewer than `min_people` could have.
    """
    is_triangle = F.col("mode").isin(*_TRIANGLES) & (F.col("unit") != "hour")
    of_people = cells.where((F.col("entity_level") == "person") & (F.col("offset") <= _OFFSETS))
    names = of_people.groupBy("name").agg(F.bool_and(is_triangle & F.col("breakdown").isNull()).alias("is_shown"))
    triangles = names.where("is_shown")
    shown = triangles.orderBy(F.col("name") != DEFAULT, "name").limit(1).select("name")
    cells = of_people.join(F.broadcast(shown), on="name", how="left_semi")
    newest = cells.where(F.col("offset") == 0).orderBy(F.desc("cohort")).limit(_COHORTS).select("cohort")
    rows = cells.join(F.broadcast(newest), on="cohort", how="left_semi").orderBy("cohort", "offset").collect()
    if not rows:
        return None
    all_sums = _sums_by_name(of_people.join(F.broadcast(triangles), on="name", how="left_semi"), min_people)
    sums = [row for row in all_sums if row["name"] == rows[0]["name"]]
    n_cohorts = next((row["n"] for row in sums if row["offset"] == 0), 0)
    pooled = tuple(_pooled_cell(row, min_people) for row in sums if row["offset"] > 0)
    by_cohort: dict[object, list[Row]] = {}
    for row in rows:
        by_cohort.setdefault(row["cohort"], []).append(row)
    last = max((cell.offset for cell in pooled), default=0)
    first = rows[0]
    return Retention(
        unit=first["unit"],
        mode=first["mode"],
        zone=first["zone"],
        watermark=first["watermark"],
        n_cohorts=max(n_cohorts, len(by_cohort)),
        cohorts=tuple(_describe_cohort(group, last, min_people) for group in by_cohort.values()),
        pooled=pooled,
        curves=_curves(all_sums, min_people),
    )


def _sums_by_name(cells: DataFrame, min_people: int) -> list[Row]:
    """Observed cells of every rule set, added up by offset, with the Wilson interval of the rate."""
    observed = cells.where(F.col("is_observed")).groupBy("name", "unit", "mode", "offset").agg(*_sums(min_people))
    low, high = wilson_interval(F.col("retained"), F.col("eligible"))
    return observed.select("*", low.alias("low"), high.alias("high")).orderBy("name", "offset").collect()


def _curves(sums: list[Row], min_people: int) -> tuple[RetentionCurve, ...]:
    """The first rule sets, from offset 1 on. What is hidden is a gap."""
    curves = []
    for name, group in groupby(sums, key=lambda row: row["name"]):
        rows = list(group)
        members = next((row["eligible"] for row in rows if row["offset"] == 0), 0)
        points = tuple(_point(row, members, min_people) for row in rows if row["offset"] > 0)
        if points:
            curves.append(RetentionCurve(name, rows[0]["unit"], rows[0]["mode"], points))
    return tuple(curves[:_CURVES])


def _point(row: Row, members: int, min_people: int) -> CurvePoint:
    cell = _pooled_cell(row, min_people)
    is_late = 2 * row["eligible"] < members
    if cell.rate is None:
        return CurvePoint(row["offset"], None, None, None, None, None, is_late)
    return CurvePoint(row["offset"], cell.rate, row["low"], row["high"], cell.retained, cell.eligible, is_late)


def _sums(min_people: int) -> list[Column]:
    retained, eligible = F.col("retained_eligible"), F.col("eligible")
    is_hidden = (eligible < min_people) | ((retained > 0) & (retained < min_people))
    return [
        F.count("*").alias("n"),
        F.sum("retained_eligible").alias("retained"),
        F.sum("eligible").alias("eligible"),
        F.count_if(is_hidden & (eligible > 0)).alias("n_hidden"),
        F.coalesce(F.sum(F.when(is_hidden, retained)), F.lit(0)).alias("hidden_retained"),
        F.coalesce(F.sum(F.when(is_hidden, eligible)), F.lit(0)).alias("hidden_eligible"),
    ]


def _pooled_cell(row: Row, min_people: int) -> RetentionCell:
    """Over all cohorts; hidden where the cells that are shown would give a hidden one away."""
    gives_away = row["n_hidden"] and min(row["hidden_retained"], row["hidden_eligible"]) < min_people
    return _cell(row["offset"], row["retained"], row["eligible"], min_people, is_hidden=bool(gives_away))


def _describe_cohort(rows: list[Row], last: int, min_people: int) -> Cohort:
    """One row of the triangle; intervals without a row in the table are not observed."""
    by_offset = {row["offset"]: row for row in rows}
    cells = [
        _cell(offset, row["retained_eligible"], row["eligible"], min_people)
        if (row := by_offset.get(offset)) is not None and row["is_observed"]
        else RetentionCell(offset, "unobserved")
        for offset in range(1, last + 1)
    ]
    size = rows[0]["cohort_size"]
    return Cohort(rows[0]["cohort"], size if size >= min_people else None, tuple(cells))


def _cell(offset: int, retained: int, eligible: int, minimum: int, *, is_hidden: bool = False) -> RetentionCell:
    if is_hidden or eligible < minimum or 0 < retained < minimum:
        return RetentionCell(offset, "hidden")
    return RetentionCell(offset, "shown", retained / eligible, retained, eligible)
