"""Vega-Lite JSON to pictures that need no script: inline SVG whose colours the style sheet may replace."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import vl_convert
from markupsafe import Markup, escape

from oneuser.report.palette import UNOBSERVED

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT = re.compile(r"^<svg\b[^>]*?\bwidth=\"([\d.]+)\"[^>]*?\bheight=\"([\d.]+)\"[^>]*>")
_NOISE = re.compile(r' (?:aria-[a-z]+|role|class|pointer-events)="[^"]*"| (?:opacity="1")')
_FONT = re.compile(r' font-family="[^"]*"')


def render_svg(spec: Mapping[str, Any], *, title: str) -> Markup:
    """A picture with a title that screen readers read in its place; its parts are the table's business.

    Cells of the colour for what is not observed are hatched by the page's pattern `hatch`.
    """
    svg: str = vl_convert.vegalite_to_svg(dict(spec), allowed_base_urls=[])
    root = _ROOT.match(svg)
    if root is None:
        raise ValueError("the renderer's SVG does not begin with a size")
    width, height = (round(float(length)) for length in root.groups())
    inner = _FONT.sub("", _NOISE.sub("", svg[root.end() :])).replace(f'fill="{UNOBSERVED}"', 'fill="url(#hatch)"')
    head = f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    # the renderer has escaped every text in it
    return Markup(head) + Markup("<title>") + escape(title) + Markup("</title>") + Markup(inner)  # noqa: S704


def render_json(spec: Mapping[str, Any]) -> Markup:
    """The chart for a script element of data: nothing in it can end the element."""
    plain = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
    return Markup(plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704
