"""Which days are kept back, and how their runs are shown."""

from __future__ import annotations

from pathlib import Path

from tests.bench.days import Run, count_lines, describe, last_days

DAYS = [Path(f"day={n}") for n in range(1, 6)]


def test_the_fewest_last_days_that_hold_the_share_are_kept_back() -> None:
    n_lines = dict(zip(DAYS, (50, 30, 18, 1, 1), strict=True))

    assert last_days(DAYS, n_lines, share=0.01) == DAYS[-1:]
    assert last_days(DAYS, n_lines, share=0.02) == DAYS[-2:]
    assert last_days(DAYS, n_lines, share=0.5) == DAYS[-4:]
    assert last_days(DAYS, n_lines, share=1.0) == DAYS[1:]


def test_lines_of_all_files_of_a_day_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n{}\n")
    (tmp_path / "b.jsonl").write_text("{}\n")

    assert count_lines(tmp_path) == 3


def test_a_day_is_shown_as_a_share_of_the_first_run() -> None:
    first = Run("first run", 990, 200.0, {"ingest": 60.0, "graph": 40.0}, {}, 10, 1024**3)
    day = Run("the day", 10, 20.0, {"ingest": 4.0, "graph": 1.0}, {}, 12, 1024**3)

    lines = describe(1000, [first, day]).splitlines()

    assert lines[-1].split() == ["the", "day", "10", "20.0", "10.0%", "5.0%", "4.00", "1.00", "-", "-", "12", "1.00"]
