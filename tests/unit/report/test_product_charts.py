"""Charts of product analytics: what is hidden or not known does not look like 0, and numbers on axes are whole."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
import vl_convert

from oneuser.report.product_charts import (
    draw_activation,
    draw_curves,
    draw_lifecycle,
    draw_lifetime_value,
    draw_power_curve,
)
from oneuser.report.product_data import (
    Activation,
    ActivationInterval,
    CurvePoint,
    Lifecycle,
    LifecycleInterval,
    LifetimeValue,
    PowerCurve,
    RetentionCurve,
    ValueOfAge,
)

MONTHS = [date(2026, month, 1) for month in (1, 2, 3)]
NAMED: dict[str, Any] = {
    "name": "one", "level": "person", "unit": "month", "zone": "UTC", "watermark": datetime(2026, 5, 1, tzinfo=UTC),
}  # fmt: skip


def texts(chart: dict[str, Any]) -> list[str]:
    """Every text of a chart as it is drawn."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", vl_convert.vegalite_to_svg(chart))


def test_a_hidden_interval_of_a_lifecycle_says_so() -> None:
    shown = [LifecycleInterval(MONTHS[0], 7, 0, 0, 0), LifecycleInterval(MONTHS[1], None, None, None, None)]
    assert texts(draw_lifecycle(Lifecycle(**NAMED, intervals=tuple(shown)))).count("hidden") == 1
    assert "hidden" not in texts(draw_lifecycle(Lifecycle(**NAMED, intervals=tuple(shown[:1]))))


def test_a_hidden_number_of_a_power_curve_says_so_and_none_is_0() -> None:
    drawn = texts(draw_power_curve(PowerCurve(**NAMED, counts=(9, None, 0, None))))
    assert (drawn.count("hidden"), drawn.count("9")) == (2, 1)


def test_a_share_that_is_not_known_is_a_dash() -> None:
    intervals = [
        ActivationInterval(start, 10, 10, 5, rate, None) for start, rate in zip(MONTHS, (0.5, None, 0.0), strict=True)
    ]
    assert texts(draw_activation(Activation(**NAMED, window_days=7, intervals=tuple(intervals)))).count("–") == 1


@pytest.mark.parametrize("last", [2, 3, 40])
def test_intervals_after_the_first_are_whole_numbers_each_once(last: int) -> None:
    points = [CurvePoint(offset, 0.5, 0.4, 0.6, 5, 10, is_late=offset > 1) for offset in range(1, last + 1)]
    curve = draw_curves([RetentionCurve("one", "month", "on", tuple(points))])
    numbers = [text for text in texts(curve) if text.isdigit()]
    assert numbers[0] == "1"
    assert len(numbers) == len(set(numbers)) <= 15
    assert [int(one) for one in numbers] == sorted(int(one) for one in numbers)
    ages = [ValueOfAge(age, 10, 100.0 * age) for age in range(last)]
    value = draw_lifetime_value(LifetimeValue("one", "EUR", "month", "UTC", NAMED["watermark"], tuple(ages)))
    assert next(text for text in texts(value) if text.isdigit()) == "0"
