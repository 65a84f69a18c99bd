"""The report's look for charts in notebooks: its fonts and colours, as a theme of Altair.

A chart is shown as SVG: neither a script nor the network is needed, wherever the notebook is read. It brings its own
ground, and where the reader's system is dark, ground and marks are; so it is readable on any page.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import altair as alt
import vl_convert

from oneuser.report.charts import FONT
from oneuser.report.palette import HEAT, INK, MAIN, PAPER, RULE, SERIES, SOFT, ChartColours, dark_rules

_NAME = "oneuser"
_SVG = "image/svg+xml"
_WIDTH, _HEIGHT = 680, 280
_DARK = f"<style>@media (prefers-color-scheme:dark){{{dark_rules('svg.marks')}}}</style>"


def use_theme() -> ChartColours:
    """Have Altair draw all charts of this process like the report; returns the colours for those that name one.

    Only these colours have a dark counterpart, so a chart that blends colours of its own stays light in its marks.
    """
    alt.theme.register(_NAME, enable=True)(_theme)
    alt.renderers.register(_NAME, _show)
    alt.renderers.enable(_NAME)
    return ChartColours()


def _theme() -> alt.theme.ThemeConfig:
    quiet: Any = {
        "domain": False, "ticks": False, "gridColor": RULE, "labelPadding": 6, "labelLimit": 260, "labelFontSize": 12,
        "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 10, "labelColor": SOFT, "titleColor": SOFT,
    }  # fmt: skip
    return {
        "config": {
            "background": PAPER,
            "font": FONT,
            "padding": 16,
            "view": {"stroke": None, "continuousWidth": _WIDTH, "continuousHeight": _HEIGHT, "discreteWidth": _WIDTH},
            "title": {
                "anchor": "start", "color": INK, "fontSize": 15, "fontWeight": "bold", "offset": 14,
                "subtitleColor": SOFT, "subtitleFontSize": 12, "subtitlePadding": 5,
            },
            "axis": quiet,
            # names are what one reads a chart by
            "axisYBand": {"labelColor": INK, "labelFontSize": 13, "grid": False},
            "axisYPoint": {"labelColor": INK, "labelFontSize": 13, "grid": False},
            "legend": {
                "orient": "top", "labelColor": INK, "labelFontSize": 12, "titleColor": SOFT, "titleFontSize": 12,
                "titleFontWeight": "normal", "symbolType": "square", "columnPadding": 18, "offset": 20,
            },
            "header": {"labelColor": INK, "labelFontSize": 13, "titleColor": SOFT, "titleFontSize": 12},
            "bar": {"color": MAIN}, "point": {"color": MAIN, "filled": True}, "line": {"color": MAIN},
            "text": {"color": INK, "fontSize": 12},
            "rule": {"color": SOFT},
            "range": {"category": list(SERIES), "ramp": list(HEAT)},
        }
    }  # fmt: skip


def _show(spec: dict[str, Any], **_: Any) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The picture, and what stands for it where nobody sees it: the chart's title."""
    # sums of money are decimals, which a picture shows as numbers
    svg: str = vl_convert.vegalite_to_svg(json.dumps(spec, default=_number), allowed_base_urls=[])
    root, closed, parts = svg.partition(">")
    title = spec.get("title", "")
    said = title if isinstance(title, str) else f"{title.get('text', '')}: {title.get('subtitle', '')}"
    return {_SVG: root + closed + _DARK + parts}, {_SVG: {"alt": said}}


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    message = f"a picture cannot show a {type(value).__name__}"
    raise TypeError(message)
