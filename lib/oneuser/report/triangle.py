"""The retention triangle as a Vega-Lite heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from oneuser.report import wording
from oneuser.report.charts import FONT, WIDTH, room_beside
from oneuser.report.palette import (
    HEAT,
    HEAT_STEPS,
    HIDDEN_CELL,
    INK,
    ON_HEAT,
    PAPER,
    SOFT,
    UNOBSERVED,
)

if TYPE_CHECKING:
    from oneuser.report.data import Retention, RetentionCell

ALL_COHORTS = "all cohorts"
_ROW, _WIDEST = 30, 72


def heat_level(rate: float) -> int:
    """Place of a rate's colour: 0 for exactly nobody, at least 1 for anybody."""
    return sum(rate > step for step in HEAT_STEPS)


def draw_retention(shown: Retention) -> dict[str, Any]:
    """Cohorts by interval. Unobserved cells get a colour of their own, which the page hatches."""
    names = [wording.interval(cohort.starts, shown.unit) for cohort in shown.cohorts]
    values = [_cell(name, cell) for name, cohort in zip(names, shown.cohorts, strict=True) for cell in cohort.cells] + [
        _cell(ALL_COHORTS, cell) for cell in shown.pooled
    ]
    narrow = len(shown.offsets) > 14  # noqa: PLR2004 - from here on cells are too narrow for a sign
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y(
            "cohort:N", sort=[*names, ALL_COHORTS], title=None, axis=_axis("left", room_beside([*names, ALL_COHORTS]))
        ),
        x=alt.X("offset:O", title=f"{wording.units(shown.unit)} after the first", axis=_axis("top")),
    )
    cells = base.mark_rect(stroke=PAPER, strokeWidth=2).encode(fill=alt.Fill("colour:N", scale=None))
    label = "short:N" if narrow else "label:N"
    labels = base.mark_text(fontSize=10 if narrow else 12).encode(text=label, color=alt.Color("ink:N", scale=None))
    width = min(WIDTH - 96, _WIDEST * len(shown.offsets))
    chart = (cells + labels).properties(width=width, height=alt.Step(_ROW), background="transparent")
    spec: dict[str, Any] = chart.configure(font=FONT, padding=4, view=alt.ViewConfig(strokeOpacity=0)).to_dict()
    return spec


def _cell(cohort: str, cell: RetentionCell) -> dict[str, Any]:
    place = {"cohort": cohort, "offset": cell.offset, "state": cell.state, "label": "", "short": "", "ink": SOFT}
    if cell.rate is None:
        is_hidden = cell.state == "hidden"
        mark = "·" if is_hidden else ""
        return place | {"colour": HIDDEN_CELL if is_hidden else UNOBSERVED, "label": mark, "short": mark}
    level = heat_level(cell.rate)
    return place | {
        "rate": round(cell.rate, 6),
        "colour": HEAT[level],
        "ink": ON_HEAT[level],
        "label": wording.share(cell.retained, cell.eligible).replace(" %", "%"),
        "short": f"{cell.rate * 100:.0f}",
    }


def _axis(orient: Literal["left", "top"], room: int = 0) -> alt.Axis:
    return alt.Axis(
        orient=orient, labelColor=INK, labelFontSize=12, labelAngle=0, labelPadding=6, domain=False, ticks=False,
        titleColor=SOFT, titleFontSize=12, titleFontWeight="normal", titlePadding=8, minExtent=room,
    )  # fmt: skip
