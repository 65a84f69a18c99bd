"""The retention triangle of a report."""

from __future__ import annotations

from itertools import groupby
from math import sqrt
from typing import TYPE_CHECKING

from oneuser.config.retention import DEFAULT
from oneuser.contracts.marts import RETENTION
from oneuser.report.data import Cohort, Retention, RetentionCell
from oneuser.report.palette import SERIES
from oneuser.report.product_data import CurvePoint, RetentionCurve
from oneuser.storage.asked_counts import Groups

if TYPE_CHECKING:
    from oneuser.report.source import Figures
    from oneuser.storage.table_reader import Row

# modes in which a later interval is a column to the right
_TRIANGLES = ("on", "on_or_after", "on_or_before", "streak")
_COHORTS = 24
_OFFSETS = 24
# rule sets that are drawn as curves: as many as there are colours
_CURVES = len(SERIES)
# of the normal distribution, for 95 %
_Z = 1.959963984540054
_OF_PEOPLE = {"entity_level": ["person"]}
_COLUMNS = (
    "cohort", "offset", "cohort_size", "retained_eligible", "eligible", "is_observed", "unit", "mode", "zone",
    "watermark", "name",
)  # fmt: skip
_SUMMED = ("n", "retained", "eligible", "n_hidden", "hidden_retained", "hidden_eligible")


def gather_retention(figures: Figures, min_people: int) -> Retention | None:
    """The newest cohorts with their first intervals; null where there is no cohort.

    Of several retentions, that called `default`, or else the first of those that make a triangle: by days or more, with
    neither brackets nor a breakdown, and forward in time. A cell is hidden where 1 to `min_people` - 1 people came back
    or fewer than `min_people` could have. Of that retention a row is read for each cohort and interval.
    """
    names = _triangles(figures)
    if not names:
        return None
    where = _OF_PEOPLE | {"name": names, "offset": range(_OFFSETS + 1)}
    found = figures.rows(RETENTION, columns=_COLUMNS, where=where)
    cells = [row for row in found if row["name"] == min(names, key=lambda name: (name != DEFAULT, name))]
    newest = sorted((row["cohort"] for row in cells if row["offset"] == 0), reverse=True)[:_COHORTS]
    shown = set(newest)
    rows = sorted((row for row in cells if row["cohort"] in shown), key=lambda row: (row["cohort"], row["offset"]))
    if not rows:
        return None
    sums = _sums(cells, min_people)
    curves = _curves(sorted(found, key=lambda row: row["name"]), min_people)
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
        curves=curves,
    )


def _triangles(figures: Figures) -> list[str]:
    """The retentions that make a triangle."""
    by = ("name", "mode", "unit")
    found = figures.groups(RETENTION, Groups(by, {"broken_down": ("values", "breakdown")}, where=_OF_PEOPLE))
    other = {
        row["name"] for row in found if row["mode"] not in _TRIANGLES or row["unit"] == "hour" or row["broken_down"]
    }
    return sorted({row["name"] for row in found} - other)


def _curves(cells: list[Row], min_people: int) -> tuple[RetentionCurve, ...]:
    """The first rule sets, from offset 1 on. What is hidden is a gap."""
    curves = []
    for name, group in groupby(cells, key=lambda row: row["name"]):
        of_name = list(group)
        rows = _sums(of_name, min_people)
        members = next((row["eligible"] for row in rows if row["offset"] == 0), 0)
        points = tuple(_point(row, members, min_people) for row in rows if row["offset"] > 0)
        if points:
            curves.append(RetentionCurve(name, of_name[0]["unit"], of_name[0]["mode"], points))
    return tuple(curves[:_CURVES])


def _point(row: Row, members: int, min_people: int) -> CurvePoint:
    cell = _pooled_cell(row, min_people)
    is_late = 2 * row["eligible"] < members
    if cell.rate is None:
        return CurvePoint(row["offset"], None, None, None, None, None, is_late)
    low, high = _wilson_ends(row["retained"], row["eligible"])
    return CurvePoint(row["offset"], cell.rate, low, high, cell.retained, cell.eligible, is_late)


def _wilson_ends(retained: int, eligible: int) -> tuple[float, float]:
    """Ends of the Wilson interval of a rate, as `marts.wilson` computes them in Spark; somebody is eligible."""
    share, square = retained / eligible, _Z * _Z
    spread = _Z * sqrt(share * (1.0 - share) / eligible + square / (4.0 * eligible * eligible))
    scale, middle = 1.0 + square / eligible, share + square / (2.0 * eligible)
    low = 0.0 if retained == 0 else (middle - spread) / scale
    return low, 1.0 if retained == eligible else (middle + spread) / scale


def _sums(cells: list[Row], min_people: int) -> list[Row]:
    """Over all cohorts whose interval is observed, by offset: members, and what of them is in hidden cells."""
    sums: dict[int, Row] = {}
    for row in cells:
        if not row["is_observed"]:
            continue
        of_offset = sums.setdefault(row["offset"], dict.fromkeys(_SUMMED, 0) | {"offset": row["offset"]})
        retained, eligible = row["retained_eligible"], row["eligible"]
        is_hidden = eligible < min_people or 0 < retained < min_people
        of_offset["n"] += 1
        of_offset["retained"] += retained
        of_offset["eligible"] += eligible
        of_offset["n_hidden"] += is_hidden and eligible > 0
        of_offset["hidden_retained"] += retained * is_hidden
        of_offset["hidden_eligible"] += eligible * is_hidden
    return [sums[offset] for offset in sorted(sums)]


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
