from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.growth import exponent, fastest_growing, rows_of
from tests.unit.bench.test_days import FIRST

SMALL = replace(FIRST, seconds=100.0, stages={"ingest": 50.0, "graph": 20.0, "retention": 1.0}, peaks={"total": 4})
LARGE = replace(FIRST, seconds=1000.0, stages={"ingest": 500.0, "graph": 400.0, "retention": 40.0}, peaks={"total": 6})


@pytest.mark.parametrize("power", [0.5, 1.0, 1.05, 2.0])
def test_the_exponent_is_that_of_a_power(power: float) -> None:
    assert exponent({n: 3.0 * n**power for n in (1_000, 3_000, 10_000)}) == pytest.approx(power)


def test_growth_is_held_against_its_goal() -> None:
    growth, memory, *of_sizes = rows_of({1_000_000: SMALL, 10_000_000: LARGE})

    assert growth.name == "first run, 1 M to 10 M events"
    assert growth.verdict == "goal ≤ 1.05: 1.00, met"
    assert (memory.value, memory.yardstick) == (1.5, "events 10 ×")
    assert [row.value for row in of_sizes if row.unit == "s"] == [100.0, 1000.0]


def test_growth_of_small_logs_has_no_goal() -> None:
    assert rows_of({20_000: SMALL, 40_000: LARGE})[0].goal is None


def test_stages_that_grow_fastest_are_named_unless_they_take_no_time() -> None:
    assert fastest_growing({1: SMALL, 10: LARGE}) == "graph 1.30, ingest 1.00"
