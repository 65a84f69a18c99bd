"""Charts of product analytics and of several retentions, as Vega-Lite JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from oneuser.core.money import exponent_of
from oneuser.report import wording
from oneuser.report.charts import (
    bars,
    counts_axis,
    finished,
    names_axis,
    series_colour,
)
from oneuser.report.palette import GREY, INK, MAIN, PAPER, RULE, SERIES, SOFT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.report.product_data import (
        Activation,
        Actives,
        Adoption,
        Lifecycle,
        LifetimeValue,
        PowerCurve,
        RetentionCurve,
        StepFunnel,
    )

# from below to above the line of zero, gone ones below it
PHASES = {"returning": MAIN, "new": SERIES[2], "resurrecting": SERIES[1], "dormant": GREY}
_HEIGHT = 240
_CURVES = 240
_MOST_TICKS = 14


def draw_lifecycle(shown: Lifecycle) -> dict[str, Any]:
    """Stacked columns by interval, dormant below zero. Hidden intervals say so in place of a column."""
    names = [wording.interval(one.starts, shown.unit) for one in shown.intervals]
    values = [
        {"interval": name, "phase": phase, "n": -n if phase == "dormant" else n, "order": order}
        for name, one in zip(names, shown.intervals, strict=True)
        for order, phase in enumerate(PHASES)
        if (n := getattr(one, phase)) is not None
    ]
    x = alt.X(
        "interval:N", sort=names, title=f"{shown.unit} beginning on", scale=alt.Scale(domain=names),
        axis=_dates_axis(len(names)),
    )  # fmt: skip
    columns = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(stroke=PAPER, strokeWidth=1)
        .encode(
            x=x,
            y=alt.Y("n:Q", title=f"{_whom(shown.level)}, dormant below zero", stack="zero", axis=counts_axis()),
            color=series_colour("phase", PHASES, values, "n"),
            order="order:Q",
        )
    )
    zero = alt.Chart(alt.InlineData(values=[{"n": 0}])).mark_rule(color=INK, strokeWidth=1).encode(y="n:Q")
    hidden = [name for name, one in zip(names, shown.intervals, strict=True) if one.new is None]
    return finished(columns + zero + _instead(hidden, x, wording.HIDDEN), height=_HEIGHT)


def draw_power_curve(shown: PowerCurve) -> dict[str, Any]:
    """Columns by number of intervals active; one that is hidden says so in place of a column."""
    values = [{"n": n, "entities": count} for n, count in enumerate(shown.counts, start=1) if count is not None]
    numbers = list(range(1, len(shown.counts) + 1))
    x = alt.X(
        "n:O",
        title=f"{wording.units(shown.unit)} active, of the last {len(numbers)}",
        scale=alt.Scale(domain=numbers),
        axis=names_axis(),
    )
    columns = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(color=MAIN, cornerRadiusEnd=2)
        .encode(x=x, y=alt.Y("entities:Q", title=_whom(shown.level), axis=counts_axis()))
    )
    labels = columns.mark_text(dy=-7, color=INK, fontSize=11).encode(text=alt.Text("entities:Q", format=","))
    hidden = [n for n, count in enumerate(shown.counts, start=1) if count is None]
    return finished(columns + labels + _instead(hidden, x, wording.HIDDEN, is_upright=True), height=_HEIGHT)


def draw_step_funnel(shown: StepFunnel) -> dict[str, Any]:
    """Bars from step to step, each with its count and shares."""
    rows = []
    for one in shown.steps:
        rates = [
            f"{wording.share(rate, 1)} of {whom}"
            for rate, whom in ((one.rate_from_first, "the first"), (one.rate_from_previous, "the step before"))
            if rate is not None and one.step > 1
        ]
        rows.append((f"{one.step} {one.label}", one.n_entities, " · ".join([wording.people(one.n_entities), *rates])))
    return bars(rows, highlight=rows[-1][0])


def draw_actives(shown: Actives) -> dict[str, Any]:
    """Bars of different actives by number of days; beside the longer ones, the mean day's share of them."""
    rows = []
    for one in shown.rows:
        mean = (
            [] if one.daily_share is None or one.days == 1 else [f"{wording.share(one.daily_share, 1)} on a mean day"]
        )
        name = "last day" if one.days == 1 else f"last {one.days} days"
        rows.append((name, one.n_actives, " · ".join([wording.people(one.n_actives), *mean])))
    return bars(rows, highlight=rows[-1][0])


def draw_activation(shown: Activation) -> dict[str, Any]:
    """Columns of the share who did all steps, by interval; one of which it is not known has a dash, which is no 0."""
    names = [wording.interval(one.starts, shown.unit) for one in shown.intervals]
    values = [
        {"interval": name, "rate": one.rate}
        for name, one in zip(names, shown.intervals, strict=True)
        if one.rate is not None
    ]
    x = alt.X(
        "interval:N", sort=names, title=f"{shown.unit} in which they began", scale=alt.Scale(domain=names),
        axis=_dates_axis(len(names)),
    )  # fmt: skip
    columns = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(color=MAIN, cornerRadiusEnd=2)
        .encode(x=x, y=alt.Y("rate:Q", title="share who did all steps", axis=_share_axis(), scale=alt.Scale(zero=True)))
    )
    unknown = [name for name, one in zip(names, shown.intervals, strict=True) if one.rate is None]
    return finished(columns + _instead(unknown, x, wording.NOT_KNOWN), height=_HEIGHT)


def draw_adoption(shown: Adoption) -> dict[str, Any]:
    """Bars of the active, the eligible where they are known, those who tried, and those who adopted, with shares."""
    shares = [
        f"{wording.share(rate, 1)} of the {whom}"
        for rate, whom in ((shown.of_active, "active"), (shown.of_eligible, "eligible"), (shown.of_tried, "triers"))
        if rate is not None
    ]
    counts = [("active", shown.n_active), ("tried it", shown.n_tried), ("adopted it", shown.n_adopted)]
    if shown.is_eligible_known:
        counts.insert(1, ("could use it", shown.n_eligible))
    rows = [(name, n, " · ".join([wording.people(n), *(shares if name == "adopted it" else [])])) for name, n in counts]
    return bars(rows, highlight="adopted it")


def draw_lifetime_value(shown: LifetimeValue) -> dict[str, Any]:
    """A line of the revenue so far for each member, by age."""
    unit = 10 ** exponent_of(shown.currency)
    values = [{"age": one.age, "value": one.value_minor / unit} for one in shown.ages if one.value_minor is not None]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X(
            "age:Q", title=f"{wording.units(shown.unit)} after the first",
            axis=_wholes_axis([one["age"] for one in values]),
        ),
        y=alt.Y("value:Q", title=f"{shown.currency} for each member so far", axis=counts_axis()),
    )  # fmt: skip
    line = base.mark_line(strokeWidth=2.5, color=MAIN)
    return finished(line + base.mark_circle(size=36, opacity=1, color=MAIN), height=_HEIGHT)


def draw_curves(curves: Sequence[RetentionCurve]) -> dict[str, Any]:
    """Pooled rates by offset, a line for each rule set of one unit, with bands; dashed where few are old enough."""
    names = [curve.name for curve in curves]
    points = [
        {
            "name": curve.name, "offset": one.offset, "rate": one.rate, "low": one.low, "high": one.high,
            "part": "most are old enough" if not is_late else "less than half are old enough",
        }
        for curve in curves
        for one, is_late in _parts(curve)
        if one.rate is not None
    ]  # fmt: skip
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X(
            "offset:Q", title=f"{wording.units(curves[0].unit)} after the first",
            axis=_wholes_axis([one["offset"] for one in points]),
        ),
        color=series_colour("name", dict(zip(names, SERIES, strict=False)), points),
    )  # fmt: skip
    share = _share_axis()
    y = alt.Y("rate:Q", title="share who came back", axis=share)
    bands = base.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", title="share who came back", axis=share), y2="high:Q")
    dash = alt.StrokeDash(
        "part:N",
        sort=["most are old enough", "less than half are old enough"],
        scale=alt.Scale(domain=["most are old enough", "less than half are old enough"], range=[[1, 0], [5, 4]]),
        legend=None,
    )
    lines = base.mark_line(strokeWidth=2.5).encode(y=y, strokeDash=dash)
    dots = base.mark_circle(size=36, opacity=1).encode(y=y)
    return finished(bands + lines + dots, height=_CURVES)


def _parts(curve: RetentionCurve) -> list[tuple[Any, bool]]:
    """Points with the part of the line that they are on; where the dashes begin, a point is on both."""
    found: list[tuple[Any, bool]] = []
    for place, one in enumerate(curve.points):
        if one.is_late and place and not curve.points[place - 1].is_late:
            found.append((curve.points[place - 1], True))
        found.append((one, one.is_late))
    return found


def _instead(names: Sequence[Any], x: alt.X, text: str, *, is_upright: bool = False) -> alt.Chart:
    """A word above the line of zero in place of columns that are not drawn: without it they look like 0."""
    field = str(x.shorthand).partition(":")[0]
    words: alt.Chart = alt.Chart(alt.InlineData(values=[{field: name, "at": 0} for name in names])).mark_text(
        color=SOFT, fontSize=11, angle=270 if is_upright else 0, align="left" if is_upright else "center",
        dx=6 if is_upright else 0, dy=0 if is_upright else -9,
    )  # fmt: skip
    return words.encode(x=x, y="at:Q", text=alt.value(text))


def _wholes_axis(numbers: Sequence[int]) -> alt.Axis:
    """An axis of whole numbers. Left to themselves, few of them get ticks between, which are written as wholes too."""
    first, last = min(numbers, default=0), max(numbers, default=0)
    step = 1 + (last - first) // _MOST_TICKS
    return alt.Axis(
        values=list(range(first, last + 1, step)), format="d", grid=False, labelColor=SOFT, labelFontSize=12,
        titleColor=SOFT, titleFontSize=12, titleFontWeight="normal", domainColor=RULE, ticks=False, labelPadding=6,
        titlePadding=8,
    )  # fmt: skip


def _dates_axis(n_names: int) -> alt.Axis:
    return alt.Axis(
        labelColor=INK, labelFontSize=11, labelAngle=-40 if n_names > 10 else 0, labelPadding=6, domain=False,  # noqa: PLR2004 - from here on dates meet
        ticks=False, titleColor=SOFT, titleFontSize=12, titleFontWeight="normal", titlePadding=8,
    )  # fmt: skip


def _share_axis() -> alt.Axis:
    return alt.Axis(
        format="%", labelColor=SOFT, labelFontSize=12, gridColor=RULE, domain=False, ticks=False, titleColor=SOFT,
        titleFontSize=12, titleFontWeight="normal", titlePadding=10, tickCount=5,
    )  # fmt: skip


def _whom(level: str) -> str:
    return {"person": "people", "account": "accounts"}.get(level, level)
