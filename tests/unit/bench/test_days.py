"""Which lines are kept back for the day, and how the runs are shown."""

from __future__ import annotations

from pathlib import Path

from tests.bench.days import Run, count_lines, describe, first_lines


def test_the_day_is_the_first_lines_of_what_is_kept_back(tmp_path: Path) -> None:
    (tmp_path / "part-1.jsonl").write_bytes(b"c\nd\n")
    (tmp_path / "part-0.jsonl").write_bytes(b"a\nb\n")

    assert first_lines(tmp_path, most=3) == [b"a\n", b"b\n", b"c\n"]
    assert len(first_lines(tmp_path, most=9)) == 4


def test_lines_of_all_files_of_a_day_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n{}\n")
    (tmp_path / "b.jsonl").write_text("{}\n")

    assert count_lines(tmp_path) == 3


def test_a_day_is_shown_as_a_share_of_the_first_run() -> None:
    first = Run("first run", 990, 200.0, {"ingest": 60.0, "graph": 40.0}, {}, 10, 1024**3)
    day = Run("the day", 10, 20.0, {"ingest": 4.0, "graph": 1.0}, {}, 12, 1024**3)

    lines = describe(1000, [first, day]).splitlines()

    assert lines[-1].split() == ["the", "day", "10", "20.0", "10.0%", "5.0%", "4.00", "1.00", "-", "-", "12", "1.00"]
