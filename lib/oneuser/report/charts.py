"""The report's pictures as Vega-Lite charts. Each takes the data of one section and knows nothing of the page.

What is hidden in the data is not in a chart either: its JSON is stored in the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from oneuser.core.money import exponent_of
from oneuser.report import wording
from oneuser.report.palette import GREY, INK, MAIN, OTHER, PAPER, REFUSED, RULE, SECOND, SERIES, SOFT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneuser.report.data import Attribution, Disposition, Funnel, Purpose, RefusedBy, SizeBucket, StageTime

WIDTH = 1000
FONT = "Helvetica, Arial, sans-serif"
_BAR = 22
_OTHER_CHANNELS = "other channels"
# pixels
_LONGEST_NAME = 260
_WIDE_LETTER = 8


def draw_funnel(funnel: Funnel) -> dict[str, Any]:
    """Bars from lines to people. A step without a metric, or with a hidden one, has a name and no bar."""
    steps: list[tuple[str, int | None, str]] = [
        ("lines in", funnel.lines, ""),
        ("events accepted", funnel.accepted, _of(funnel.accepted, funnel.lines, "lines")),
        ("events with a person", funnel.with_person, _of(funnel.with_person, funnel.accepted, "events")),
    ]
    rows = [(name, n, f"{wording.count(n)}{note}") for name, n, note in steps]
    people = funnel.people
    rows.append(("people", people, f"{wording.people(people)}{_per_person(funnel)}"))
    return bars(rows, highlight="people")


def _of(part: int | None, whole: int | None, what: str) -> str:
    return f" · {wording.share(part, whole)} of {what}" if part is not None and whole else ""


def _per_person(funnel: Funnel) -> str:
    return f" · {funnel.with_person / funnel.people:,.1f} events each" if funnel.people else ""


def draw_reasons(reasons: Sequence[Disposition]) -> dict[str, Any]:
    """Bars of counts by reason, over all runs."""
    return bars([(reason.name, reason.all_runs, wording.count(reason.all_runs)) for reason in reasons])


def draw_refusals(rules: Sequence[RefusedBy]) -> dict[str, Any]:
    """Bars of refused edges by rule."""
    return bars([(wording.words(rule.rule), rule.refused, wording.count(rule.refused)) for rule in rules])


def draw_timings(stages: Sequence[StageTime]) -> dict[str, Any]:
    """Bars of seconds by stage."""
    return bars(
        [
            (stage.stage, stage.seconds, "unchanged" if stage.state == "unchanged" else wording.seconds(stage.seconds))
            for stage in stages
        ]
    )


def bars(rows: Sequence[tuple[str, float | None, str]], highlight: str | None = None) -> dict[str, Any]:
    """Bars with a name before and a text behind each; without a value there is no bar. One may be highlighted."""
    values = [{"name": name, "value": value or 0, "label": label} for name, value, label in rows]
    largest = max((value or 0 for _, value, _ in rows), default=0) or 1
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=names_axis([name for name, _, _ in rows])),
        # room for the labels to the right of the longest bar
        x=alt.X("value:Q", scale=alt.Scale(domain=[0, largest * 1.34]), axis=None),
    )
    colour = alt.value(MAIN) if highlight is None else _either("datum.name", highlight, MAIN, SECOND)
    bars = base.mark_bar(size=_BAR, cornerRadiusEnd=3).encode(color=colour)
    labels = base.mark_text(align="left", dx=8, color=INK, fontSize=13).encode(text="label:N")
    return finished(bars + labels, height=alt.Step(_BAR + 12))


def draw_sizes(buckets: Sequence[SizeBucket]) -> dict[str, Any]:
    """Stacked columns of people by number of identifiers: known, and anonymous on top of them."""
    parts = [
        {"size": bucket.label, "kind": kind, "people": n, "order": order}
        for bucket in buckets
        for order, (kind, n) in enumerate((("known", bucket.known), ("anonymous", bucket.anonymous)))
        if n is not None
    ]
    totals = [
        {
            "size": bucket.label,
            "people": (bucket.known or 0) + (bucket.anonymous or 0),
            "label": _size_label(bucket),
        }
        for bucket in buckets
    ]
    x = alt.X("size:N", sort=[b.label for b in buckets], title="identifiers per person", axis=names_axis())
    columns = (
        alt.Chart(alt.InlineData(values=parts))
        .mark_bar(size=46)
        .encode(
            x=x,
            y=alt.Y("people:Q", title="people", axis=counts_axis()),
            color=series_colour("kind", {"known": MAIN, "anonymous": SECOND}, parts, "people"),
            order="order:Q",
        )
    )
    labels = (
        alt.Chart(alt.InlineData(values=totals))
        .mark_text(dy=-8, color=INK, fontSize=12)
        .encode(x=x, y="people:Q", text="label:N")
    )
    return finished(columns + labels, height=240)


def _size_label(bucket: SizeBucket) -> str:
    if bucket.known is None and bucket.anonymous is None:
        return wording.HIDDEN
    if bucket.known is None or bucket.anonymous is None:
        return "partly hidden"
    return wording.count(bucket.known + bucket.anonymous)


def draw_consent(purposes: Sequence[Purpose]) -> dict[str, Any]:
    """One stacked bar per purpose: people who grant it, refuse it, or have said nothing. What is hidden is left out."""
    states = {"granted": MAIN, "refused": REFUSED, "nothing said": GREY}
    values = [
        {"purpose": purpose.name, "state": state, "people": n, "order": order}
        for purpose in purposes
        for order, (state, n) in enumerate(zip(states, (purpose.granted, purpose.refused, purpose.unsaid), strict=True))
        if n is not None
    ]
    names = [purpose.name for purpose in purposes]
    bars = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(size=_BAR, stroke=PAPER, strokeWidth=1)
        .encode(
            y=alt.Y("purpose:N", sort=None, title=None, scale=alt.Scale(domain=names), axis=names_axis(names)),
            x=alt.X("people:Q", title="people", stack="zero", axis=counts_axis(grid=True)),
            color=series_colour("state", states, values, "people"),
            order="order:Q",
        )
    )
    return finished(bars, height=alt.Step(_BAR + 12))


def draw_attribution(shown: Attribution) -> dict[str, Any]:
    """One stacked bar per model, a part per channel. Beyond eight channels the smallest are drawn together."""
    named = [name for name in shown.channels if name != "(unattributed)"]
    colours: dict[str, str] = dict(zip(named, SERIES, strict=False))
    if len(named) > len(SERIES):
        colours |= {_OTHER_CHANNELS: OTHER}
    colours |= {"(unattributed)": GREY}
    values = _attribution_parts(shown, colours)
    what = f"credited value, {shown.currency}" if shown.currency else "credited conversions"
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y("model:N", sort=None, title=None, axis=names_axis([row["model"] for row in values])),
        order="order:Q",
    )
    bars = base.mark_bar(size=30, stroke=PAPER, strokeWidth=1).encode(
        x=alt.X("amount:Q", title=what, stack="zero", axis=counts_axis(grid=True)),
        color=series_colour("channel", colours, values, "amount"),
    )
    return finished(bars, height=alt.Step(44))


def _attribution_parts(shown: Attribution, colours: Mapping[str, str]) -> list[dict[str, Any]]:
    order = {name: place for place, name in enumerate(colours)}
    digits = exponent_of(shown.currency) if shown.currency else 0
    parts: dict[tuple[str, str], float] = {}
    for credit in shown.credits:
        if credit.conversions is None:
            continue
        channel = credit.channel if credit.channel in colours else _OTHER_CHANNELS
        key = (wording.words(credit.model), channel)
        parts[key] = parts.get(key, 0.0) + shown.amount(credit) / 10**digits
    return [
        {"model": model, "channel": channel, "amount": round(amount, 6), "order": order[channel]}
        for (model, channel), amount in parts.items()
    ]


def _either(field: str, value: str, then: str, otherwise: str) -> Any:
    return alt.when(f"{field} === '{value}'").then(alt.value(then)).otherwise(alt.value(otherwise))


def series_colour(
    field: str, colours: Mapping[str, str], drawn: Sequence[Mapping[str, Any]], amount: str | None = None
) -> alt.Color:
    """A colour for each name, with a legend above the chart of those that have a mark in it.

    Args:
        field: The field that holds the name.
        colours: By name, in the order in which they are listed.
        drawn: The rows of the chart.
        amount: The field of their sizes: what has a size of 0 leaves no mark. Null where each row leaves one.
    """
    found = {row[field] for row in drawn if amount is None or row[amount]}
    names = [name for name in colours if name in found]
    hues = [colours[name] for name in names]
    legend = alt.Legend(
        orient="top", title=None, columns=0, labelColor=INK, labelFontSize=13, symbolType="square", labelLimit=260,
        symbolOpacity=1, columnPadding=18, rowPadding=4, offset=14,
    )  # fmt: skip
    # an empty legend has no size, and then the picture has none
    shown = legend if names else None
    return alt.Color(f"{field}:N", sort=names, scale=alt.Scale(domain=names, range=hues), legend=shown)


def names_axis(beside: Sequence[str] = ()) -> alt.Axis:
    """An axis of names; those `beside` the chart need room."""
    return alt.Axis(
        labelColor=INK, labelFontSize=13, labelAngle=0, labelLimit=_LONGEST_NAME, labelPadding=8, domain=False,
        ticks=False, titleColor=SOFT, titleFontSize=12, titleFontWeight="normal", titlePadding=10,
        minExtent=room_beside(beside),
    )  # fmt: skip


def room_beside(names: Sequence[str]) -> int:
    """Pixels for names beside a chart, in the widest font that a reader may have."""
    return min(max(map(len, names), default=0) * _WIDE_LETTER, _LONGEST_NAME) + 8


def counts_axis(*, grid: bool = True) -> alt.Axis:
    """An axis of counts."""
    return alt.Axis(
        labelColor=SOFT, labelFontSize=12, format=",~r", tickCount=5, grid=grid, gridColor=RULE, domain=False,
        ticks=False, titleColor=SOFT, titleFontSize=12, titleFontWeight="normal", titlePadding=10, labelPadding=6,
    )  # fmt: skip


def finished(chart: alt.Chart | alt.LayerChart, *, height: int | alt.Step) -> dict[str, Any]:
    """The chart at the width of the page, as Vega-Lite JSON."""
    sized = chart.properties(
        width=WIDTH,
        height=height,
        background="transparent",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    spec: dict[str, Any] = sized.configure(font=FONT, padding=4, view=alt.ViewConfig(strokeOpacity=0)).to_dict()
    return spec
