"""What is said of a day after a history."""

from __future__ import annotations

from dataclasses import asdict, replace

from tests.bench.days import describe_runs, growth_rows, rows_of
from tests.bench.delta_files import Stored, Written
from tests.bench.oneuser_runs import Run, run_of

FIRST = Run(
    "first run", 990, 200.0, 180.0, {"ingest": 100.0, "graph": 60.0}, {}, is_published=True, is_continued=False,
    n_people=50, n_identifiers=100, written=Written(40, 30, 80, 5_000, 1024**3), stored=Stored(160, 1024**3),
)  # fmt: skip
DAY = replace(
    FIRST, name="a day", n_lines=10, seconds=20.0, run_seconds=5.0, stages={"ingest": 3.0, "graph": 1.0},
    written=Written(30, 20, 40, 50, 1024**2), stored=Stored(200, 1024**3),
)  # fmt: skip
NOTHING = replace(DAY, name="nothing new", run_seconds=2.0, is_published=False, written=Written(1, 0, 1, 1, 100))
FULL = replace(FIRST, name="everything again")


def test_a_day_is_a_share_of_the_run_that_does_everything() -> None:
    rows = {(row.name, row.yardstick): row for row in rows_of((10_000_000, 100_000), [FIRST, DAY, NOTHING, FULL])}

    whole = rows["a day of 100 k after 10 M events", "the full run"]
    assert (whole.value, whole.goal, whole.is_met) == (0.1, 0.05, False)
    assert whole.limit == "start and stop 75%, ingest 15%"
    assert rows["a day of 100 k after 10 M events, in stages", "the full run, in stages"].value == 4 / 160
    assert rows["nothing new after 10 M events", "the whole process"].value == NOTHING.seconds
    assert rows["nothing new after 10 M events, commits outside control/", ""].is_met


def test_a_day_after_a_short_history_has_no_goal() -> None:
    rows = rows_of((1_000_000, 10_000), [FIRST, DAY, NOTHING, FULL])

    assert [row.goal for row in rows if row.yardstick == "the full run"] == [None]


def test_the_same_day_may_grow_as_identifiers_do() -> None:
    later = replace(DAY, seconds=30.0, n_identifiers=200)
    measured = {(3_000, 10): [FIRST, DAY], (9_000, 10): [FIRST, later], (9_000, 90): [FIRST, FULL]}

    times, part = growth_rows(measured)

    assert (times.value, times.goal, times.is_met) == (1.5, 2.0, True)
    assert (part.value, part.is_met) == (10 * 9_000 / 6_000 / 30, False)


def test_runs_are_shown_with_what_they_wrote() -> None:
    lines = describe_runs(1000, [FIRST, DAY]).splitlines()

    assert lines[-1].split() == [
        "a", "day", "10", "20.0", "5.00", "3.00", "1.00", "-", "-", "30", "40", "50", "200", "1.00",
    ]  # fmt: skip


def test_a_kept_run_is_the_run_that_was_measured() -> None:
    assert run_of(asdict(DAY)) == DAY
