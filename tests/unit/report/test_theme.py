"""Charts in notebooks look like the report, without network, and dark where the reader's system is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import altair as alt
import pandas as pd
import pytest

from oneuser.api import use_chart_theme
from oneuser.report.palette import ChartColours


@pytest.fixture
def colours() -> Iterator[ChartColours]:
    """The theme for one test; Altair is as before after it."""
    theme, renderer = alt.theme.active, alt.renderers.active
    yield use_chart_theme()
    alt.theme.enable(theme)
    alt.renderers.enable(renderer)


def picture(colours: ChartColours) -> tuple[str, str]:
    """A chart as it is shown, and what stands for it where nobody sees it."""
    rows = alt.InlineData(values=[{"kind": kind, "n": n} for n, kind in enumerate(("known", "anonymous"), start=1)])
    bars = alt.Chart(rows).mark_bar().encode(x="n:Q", y="kind:N", color="kind:N")
    labels = alt.Chart(rows).mark_text(color=colours.ink).encode(x="n:Q", y="kind:N", text="n:Q")
    titled = (bars + labels).properties(title=alt.Title("people", subtitle="by kind"))
    shown, described = titled._repr_mimebundle_()
    return shown["image/svg+xml"], described["image/svg+xml"]["alt"]


def test_a_chart_is_a_picture_that_needs_nothing_from_elsewhere(colours: ChartColours) -> None:
    svg, text = picture(colours)

    assert text == "people: by kind"
    assert svg.startswith("<svg")
    assert "<script" not in svg
    assert set(re.findall(r"https?://[^\s\"']+", svg)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_every_colour_of_a_chart_has_a_dark_one(colours: ChartColours) -> None:
    svg, _ = picture(colours)
    head, _, drawn = svg.partition("</style>")
    dark = dict(re.findall(r"svg\.marks \[\w+=\"(#\w+)\"\][^{]*\{\w+:(#\w+)\}", head))

    used = set(re.findall(r"(?:fill|stroke)=\"(#\w+)\"", drawn))
    assert {colours.ink, colours.soft, colours.paper, *colours.series[:2]} <= used
    assert used <= set(dark)
    assert all(dark[colour] != colour for colour in used)


def test_a_sum_of_money_is_drawn_as_a_number(colours: ChartColours) -> None:
    rows = pd.DataFrame({"month": [1, 2], "spent_minor": [Decimal(1200), Decimal(3400)]})
    shown, _ = alt.Chart(rows).mark_bar().encode(x="month:O", y="spent_minor:Q")._repr_mimebundle_()

    assert "3,400" in shown["image/svg+xml"] or "3,500" in shown["image/svg+xml"]
