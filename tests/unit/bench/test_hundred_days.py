from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.daily_log import DailyLog
from tests.bench.daily_warehouse import ANEW, ANY, SAME, DailyWarehouse
from tests.bench.delta_files import Stored
from tests.bench.hundred_days import Day, days_before, describe, keep, rows_of
from tests.unit.bench.test_days import FIRST


def day(number: int, seconds: float, *, is_continued: bool = False, files: int = 100) -> Day:
    run = replace(FIRST, name=f"day {number}", seconds=seconds, is_continued=is_continued)
    return Day(number, run, 5.0 if number % 10 == 0 else None, Stored(files, files * 1000))


def warehouse(folder: Path, commit: str | None) -> DailyWarehouse:
    return DailyWarehouse(folder, DailyLog(200), commit)


def test_the_last_day_is_held_against_the_second_by_medians_of_neighbours() -> None:
    early = [10.0, 20.0, 20.0, 99.0, 20.0, 20.0]
    late = [30.0, 30.0, 30.0, 1.0, 99.0]
    days = [day(number, seconds) for number, seconds in enumerate([*early, 5.0, 5.0, 5.0, *late], 1)]

    assert rows_of(50_000, days)[0].verdict == "goal ≤ 1.30 ×: 1.50 ×, missed"


def test_a_run_that_went_on_from_an_attempt_does_not_count() -> None:
    early, late = [day(n, 20.0) for n in range(1, 7)], [day(7, 60.0), day(8, 60.0)]
    continued = [day(n, 1.0, is_continued=True) for n in (9, 10, 11)]

    assert rows_of(50_000, [*early, *late, *continued])[0].value == 3.0


def test_storage_may_grow_as_the_events_do() -> None:
    days = [day(number, 10.0, files=100 + 10 * number) for number in range(1, 13)]

    rows = {row.name: row for row in rows_of(50_000, days)}

    files = rows["day 12 of 50 k events, all files"]
    assert (files.value, files.goal, files.yardstick) == (220 / 160, 2.0, "after day 6; events 2.00 ×")
    assert rows["day 12 of 50 k events, all bytes"].is_met


def test_a_few_days_have_no_goal() -> None:
    assert [row.goal for row in rows_of(50_000, [day(1, 10.0), day(2, 10.0)])] == [None] * 4


@pytest.mark.parametrize(
    ("before", "now", "reuse", "n_days"),
    [("a", "a", SAME, 2), ("a", "b", SAME, 0), ("a", "b", ANY, 2), ("a", "a", ANEW, 0), (None, None, SAME, 0)],
)
def test_days_that_are_over_count_for_the_same_commit(
    tmp_path: Path, before: str | None, now: str | None, reuse: str, n_days: int
) -> None:
    days = [day(1, 10.0), day(2, 20.0)]
    for one in days:
        keep(warehouse(tmp_path, before), one)

    assert days_before(warehouse(tmp_path, now), reuse=reuse) == days[:n_days]


def test_the_first_days_and_every_tenth_are_shown() -> None:
    lines = describe([day(number, 10.0) for number in range(1, 14)]).splitlines()

    assert [line.split()[1] for line in lines[2:]] == ["1", "2", "10", "13"]
    assert lines[4].split()[2:] == ["10.0", "100.0", "60.0", "5.00", "160", "1.00", "100", "0.00"]
