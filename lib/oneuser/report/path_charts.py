"""Charts of the paths behind attribution, and of what a run moved in it, as Vega-Lite JSON."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import altair as alt

from oneuser.report import wording
from oneuser.report.charts import bars, counts_axis, finished, names_axis, series_colour
from oneuser.report.palette import GREY, INK, MAIN, OTHER, PAPER, RULE, SERIES, SOFT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneuser.report.path_data import MovedCredits, PathLength, RemovalEffects, TakenPath, TakenPaths

EARLIER = "earlier touches"
CONVERTED, NOT_CONVERTED, NOT_SHOWN = "converted", "did not convert", "hidden"
_ENDS = {CONVERTED: MAIN, NOT_CONVERTED: GREY, NOT_SHOWN: RULE}
# touches of a path that have a column of their own, the last ones
_COLUMNS = 4
_HEIGHT = 360
# parts of a column's width, and of all journeys
_NODE, _BETWEEN, _LABELLED = 0.07, 0.035, 0.03
# a band between two columns is drawn through so many points
_POINTS = 9


def draw_removal_effects(shown: RemovalEffects) -> dict[str, Any]:
    """Bars of the share of conversions that would be lost without each channel. What is hidden is left out."""
    return bars(
        [
            (
                one.channel,
                one.effect,
                f"{wording.share(one.effect, 1)} · {wording.people(one.people)} people came by it",
            )
            for one in shown.channels
            if one.effect is not None
        ]
    )


def draw_lengths(lengths: Sequence[PathLength]) -> dict[str, Any]:
    """Bars of conversions by the touches before them."""
    return bars([(one.label, one.conversions, wording.people(one.conversions)) for one in lengths])


def draw_moved_credits(shown: MovedCredits) -> dict[str, Any]:
    """Bars of conversions by channel: what each lost to the left, what it gained to the right, by reason."""
    values: list[dict[str, Any]] = [
        {"channel": one.channel, "reason": wording.words(one.reason), "moved": round(amount, 6)}
        for one in shown.drawn
        for amount in (-(one.lost or 0.0), one.gained or 0.0)
        if round(amount, 6)
    ]
    net: dict[str, float] = defaultdict(float)
    for row in values:
        net[row["channel"]] += row["moved"]
    names = sorted(net, key=lambda name: (name == "(unattributed)", net[name], name))
    reasons = list(dict.fromkeys(wording.words(one.reason) for one in shown.reasons))
    hues = dict(zip(reasons, [*SERIES, *[OTHER] * len(reasons)], strict=False))
    bars_of = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(size=22, stroke=PAPER, strokeWidth=1)
        .encode(
            y=alt.Y("channel:N", title=None, scale=alt.Scale(domain=names), axis=names_axis(names)),
            x=alt.X(
                "moved:Q", title=f"conversions lost, and gained, by {wording.words(shown.model)}", stack="zero",
                axis=counts_axis(grid=True),
            ),
            color=series_colour("reason", hues, values, "moved"),
        )
    )  # fmt: skip
    zero = alt.Chart(alt.InlineData(values=[{"moved": 0}])).mark_rule(color=INK, strokeWidth=1).encode(x="moved:Q")
    return finished(bars_of + zero, height=alt.Step(34))


class _Node(NamedTuple):
    """A channel, or an end, in one column; columns count from the left."""

    column: int
    name: str


def draw_paths(shown: TakenPaths) -> dict[str, Any]:
    """A Sankey of the paths: columns of channels up to the last touch, and where journeys end, on the right.

    Bands between two columns are as wide as journeys went that way. Repeats of a channel are taken together, and what
    lies before the last touches is one.
    """
    flows, n_columns = _flows(shown.paths)
    # paths may begin in any column, and all go on to an end
    through: dict[_Node, int] = defaultdict(int)
    for (one, other), n in flows.items():
        for node in (one, other) if other.column == n_columns - 1 else (one,):
            through[node] += n
    names = _by_size(through)
    whole = max(sum(n for node, n in through.items() if node.column == column) for column in range(n_columns))
    tops = _tops(through, names, whole, n_columns)
    hues = {name: _ENDS.get(name, OTHER) for name in names}
    hues |= dict(zip([name for name in names if name not in {*_ENDS, EARLIER}], SERIES[1:], strict=False))
    lowest = max(tops[node] + n for node, n in through.items())
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, n_columns - 1 + 0.95], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[lowest, -whole * 0.09], nice=False))
    colour = alt.Color(
        "name:N", scale=alt.Scale(domain=list(hues), range=list(hues.values())), legend=None, sort=list(hues)
    )
    bands = (
        alt.Chart(alt.InlineData(values=_bands(flows, tops, names)))
        .mark_area(opacity=0.35)
        .encode(x=x, y=y, y2="y2:Q", color=colour, detail="band:N")
    )
    values: list[dict[str, Any]] = [
        {
            "name": node.name, "x": node.column, "x2": node.column + _NODE, "y": tops[node], "y2": tops[node] + n,
            "middle": tops[node] + n / 2, "label": f"{node.name}  {n:,}" if n >= whole * _LABELLED else "",
        }
        for node, n in through.items()
    ]  # fmt: skip
    nodes = alt.Chart(alt.InlineData(values=values))
    boxes = nodes.mark_rect().encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=colour)
    labels = nodes.mark_text(align="left", dx=5, color=INK, fontSize=12).encode(
        x=alt.X("x2:Q", axis=None), y=alt.Y("middle:Q", axis=None), text="label:N"
    )
    heads = [{"x": column, "y": -whole * 0.06, "said": said} for column, said in enumerate(_heads(n_columns))]
    titles = (
        alt.Chart(alt.InlineData(values=heads))
        .mark_text(align="left", color=SOFT, fontSize=12)
        .encode(x=x, y=y, text="said:N")
    )
    return finished(bands + boxes + labels + titles, height=_HEIGHT)


def _heads(n_columns: int) -> list[str]:
    before = [f"{n} before" for n in range(n_columns - 2, 0, -1)]
    return [*before, "last touch", "end of the journey"]


def _flows(paths: Sequence[TakenPath]) -> tuple[dict[tuple[_Node, _Node], int], int]:
    """Journeys from node to node, and how many columns there are, that of the ends among them."""
    ways = [(_shortened(path.channels), path) for path in paths]
    n_columns = max(len(way) for way, _ in ways) + 1
    flows: dict[tuple[_Node, _Node], int] = defaultdict(int)
    for way, path in ways:
        begins = n_columns - 1 - len(way)
        nodes = [_Node(begins + place, name) for place, name in enumerate(way)]
        for one, other in pairwise(nodes):
            flows[one, other] += path.journeys
        for name, n in _ends_of(path):
            if n:
                flows[nodes[-1], _Node(n_columns - 1, name)] += n
    return dict(flows), n_columns


def _shortened(channels: Iterable[str]) -> list[str]:
    once = [name for name, _ in groupby(channels)]
    return once if len(once) <= _COLUMNS else [EARLIER, *once[1 - _COLUMNS :]]


def _ends_of(path: TakenPath) -> list[tuple[str, int]]:
    if path.conversions is None:
        return [(NOT_SHOWN, path.journeys)]
    return [(CONVERTED, path.conversions), (NOT_CONVERTED, path.journeys - path.conversions)]


def _by_size(through: Mapping[_Node, int]) -> list[str]:
    """Names from the top of a column to its foot: the largest first, then what stands for several, and the ends."""
    sizes: dict[str, int] = defaultdict(int)
    for node, n in through.items():
        sizes[node.name] += n
    ends = list(_ENDS)
    return sorted(
        sizes,
        key=lambda name: (name in ends, ends.index(name) if name in ends else 0, name == EARLIER, -sizes[name], name),
    )


def _tops(through: Mapping[_Node, int], names: Sequence[str], whole: int, n_columns: int) -> dict[_Node, float]:
    """Where each node begins, in journeys from the top; columns stand around one middle."""
    tops: dict[_Node, float] = {}
    for column in range(n_columns):
        nodes = [node for name in names if (node := _Node(column, name)) in through]
        at = 0.0
        for node in nodes:
            tops[node] = at
            at += through[node] + whole * _BETWEEN
    return tops


def _bands(
    flows: Mapping[tuple[_Node, _Node], int], tops: Mapping[_Node, float], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Points of the bands' upper and lower edges. At both ends bands lie in the order of the nodes that they meet."""
    place = {name: number for number, name in enumerate(names)}
    out, into = dict(tops), dict(tops)
    starts: dict[tuple[_Node, _Node], float] = {}
    ends: dict[tuple[_Node, _Node], float] = {}
    for flow in sorted(flows, key=lambda flow: place[flow[1].name]):
        starts[flow] = out[flow[0]]
        out[flow[0]] += flows[flow]
    for flow in sorted(flows, key=lambda flow: place[flow[0].name]):
        ends[flow] = into[flow[1]]
        into[flow[1]] += flows[flow]
    points = []
    for number, ((one, other), n) in enumerate(sorted(flows.items())):
        begin, end = starts[one, other], ends[one, other]
        for step in range(_POINTS):
            part = step / (_POINTS - 1)
            bent = part * part * (3 - 2 * part)
            at = begin + (end - begin) * bent
            across = one.column + _NODE + part * (other.column - one.column - _NODE)
            points.append(
                {"band": number, "name": one.name, "x": round(across, 4), "y": round(at, 3), "y2": round(at + n, 3)}
            )
    return points
