"""Charts of paths and of what moved: bands are as wide as journeys, and legends list what is drawn."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

from oneuser.report.charts import draw_attribution, draw_consent, draw_sizes
from oneuser.report.data import Attribution, Credit, Purpose, SizeBucket
from oneuser.report.path_charts import draw_moved_credits, draw_paths
from oneuser.report.path_data import MovedByReason, MovedCredit, MovedCredits, TakenPath, TakenPaths
from oneuser.report.product_charts import draw_lifecycle
from oneuser.report.product_data import Lifecycle, LifecycleInterval

PATHS = [
    (("a", "a", "b"), 10, 4), (("b",), 7, 7), (("c", "b"), 5, None), (("a", "b", "c", "a", "b"), 6, 0), (("c",), 3, 0),
]  # fmt: skip


def rows_of(chart: dict[str, Any], layer: int) -> list[dict[str, Any]]:
    data = chart["layer"][layer]["data"]
    return list(data["values"] if "values" in data else chart["datasets"][data["name"]])


def legends(chart: dict[str, Any]) -> list[str]:
    """Every name that the legend of a chart lists."""
    layers = chart.get("layer", [chart])
    (found,) = (
        one["encoding"]["color"]["scale"]["domain"] for one in layers if "scale" in one["encoding"].get("color", {})
    )
    return list(found)


def test_as_much_leaves_a_node_as_goes_through_it() -> None:
    chart = draw_paths(TakenPaths(tuple(TakenPath(*one) for one in PATHS), 31))
    bands, nodes = rows_of(chart, 0), rows_of(chart, 1)
    through = {(node["x"], node["name"]): node["y2"] - node["y"] for node in nodes}

    # repeats are taken together, and what lies before the last three touches is one
    assert through == {
        (0, "earlier touches"): 6, (1, "c"): 6, (2, "a"): 16, (2, "c"): 5, (3, "b"): 28, (3, "c"): 3,
        (4, "converted"): 11, (4, "did not convert"): 15, (4, "hidden"): 5,
    }  # fmt: skip
    widths: dict[Any, set[float]] = defaultdict(set)
    for point in bands:
        widths[point["band"]].add(round(point["y2"] - point["y"], 3))
    assert all(len(width) == 1 for width in widths.values())
    ends = sum(width for (column, _), width in through.items() if column == 4)
    assert ends == sum(n for _, n, _ in PATHS)
    # bands that come to a node fill it without a gap or an overlap
    last = {point["band"]: point for point in bands if point["x"] == 4}
    for node in (one for one in nodes if one["x"] == 4):
        into = sorted((one["y"], one["y2"]) for one in last.values() if node["y"] <= one["y"] < node["y2"])
        assert (into[0][0], into[-1][1]) == (round(node["y"], 3), round(node["y2"], 3))
        assert all(abs(one[1] - other[0]) < 0.01 for one, other in pairwise(into))


def test_a_legend_lists_what_has_a_mark() -> None:
    reasons = tuple(MovedByReason(name, 9) for name in ("merged", "touches", "gone"))
    moved = (
        MovedCredit("merged", "linear", "a", 2.0, 0.0), MovedCredit("merged", "linear", "b", 0.0, 2.0),
        MovedCredit("touches", "linear", "a", 0.0, 0.0), MovedCredit("gone", "linear", "a", None, None),
        MovedCredit("touches", "last", "a", 1.0, 0.0),
    )  # fmt: skip
    assert legends(draw_moved_credits(MovedCredits("person", "linear", reasons, moved))) == ["merged"]
    sizes = [SizeBucket("1", 7, 0), SizeBucket("2", 9, None)]
    assert legends(draw_sizes(sizes)) == ["known"]
    assert legends(draw_consent([Purpose("ads", 9, 0, None)])) == ["granted"]
    credits_ = (
        Credit("first", "a", 9.0, 0),
        Credit("first", "b", 9.0, 900),
        Credit("first", "(unattributed)", None, None),
    )
    assert legends(draw_attribution(Attribution("order", "EUR", 30, None, None, credits_))) == ["b"]
    weeks = (LifecycleInterval(date(2026, 3, 2), 9, 0, 0, 0), LifecycleInterval(date(2026, 3, 9), 0, 6, 0, None))
    shown = Lifecycle("one", "person", "week", "UTC", datetime(2026, 5, 1, tzinfo=UTC), weeks)
    assert legends(draw_lifecycle(shown)) == ["returning", "new"]
