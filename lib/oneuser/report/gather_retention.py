"""The retention triangle of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.config.retention import DEFAULT
from oneuser.report.data import Cohort, Retention, RetentionCell

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row

# modes in which a later interval is a column to the right
_TRIANGLES = ("on", "on_or_after", "on_or_before", "streak")
_COHORTS = 24
_OFFSETS = 24


def gather_retention(cells: DataFrame, min_people: int) -> Retention | None:
    """The newest cohorts with their first intervals; null where there is no cohort.

    Of several retentions, that called `default`, or else the first of those that make a triangle: by days or more, with
    neither brackets nor a breakdown, and forward in time. A cell is hidden where 1 to `min_people` - 1 people came back
    or fewer than `min_people` could have.
    """
    is_triangle = F.col("mode").isin(*_TRIANGLES) & (F.col("unit") != "hour")
    of_people = cells.where((F.col("entity_level") == "person") & (F.col("offset") <= _OFFSETS))
    names = of_people.groupBy("name").agg(F.bool_and(is_triangle & F.col("breakdown").isNull()).alias("is_shown"))
    shown = names.where("is_shown").orderBy(F.col("name") != DEFAULT, "name").limit(1).select("name")
    cells = of_people.join(F.broadcast(shown), on="name", how="left_semi")
    newest = cells.where(F.col("offset") == 0).orderBy(F.desc("cohort")).limit(_COHORTS).select("cohort")
    rows = cells.join(F.broadcast(newest), on="cohort", how="left_semi").orderBy("cohort", "offset").collect()
    if not rows:
        return None
    sums = cells.where(F.col("is_observed")).groupBy("offset").agg(*_sums(min_people)).orderBy("offset").collect()
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
    )


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
