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
_ID = re.compile(r'(\bid="|url\(#)([^")]+)')


def render_svg(spec: Mapping[str, Any], *, name: str, title: str) -> Markup:
    """A picture with a title that screen readers read in its place; its parts are the table's business.

    The same chart gives the same picture: the renderer numbers what a picture refers to by how often it has drawn in
    this process, and here it is numbered by the picture. Cells of the colour for what is not observed are hatched by
    the page's pattern `hatch`.

    Args:
        spec: The chart.
        name: A name that no other picture of the page has.
        title: What the picture shows.
    """
    svg: str = vl_convert.vegalite_to_svg(dict(spec), allowed_base_urls=[])
    root = _ROOT.match(svg)
    if root is None:
        raise ValueError("the renderer's SVG does not begin with a size")
    width, height = (round(float(length)) for length in root.groups())
    inner = _renumbered(_FONT.sub("", _NOISE.sub("", svg[root.end() :])), name)
    inner = inner.replace(f'fill="{UNOBSERVED}"', 'fill="url(#hatch)"')
    head = f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    # the renderer has escaped every text in it
    return Markup(head) + Markup("<title>") + escape(title) + Markup("</title>") + Markup(inner)  # noqa: S704


def _renumbered(svg: str, name: str) -> str:
    numbers: dict[str, int] = {}

    def own(found: re.Match[str]) -> str:
        number = numbers.setdefault(found[2], len(numbers) + 1)
        return f"{found[1]}{name}-{number}"

    return _ID.sub(own, svg)


def render_json(spec: Mapping[str, Any]) -> Markup:
    """The chart for a script element of data: nothing in it can end the element."""
    plain = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
    return Markup(plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704
