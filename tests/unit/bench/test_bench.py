from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.bench import Measured, Result, SingleThread, compare, count_components, describe, run_measured
from tests.bench.memory import DRIVER_JVM, WORKERS
from tests.bench.parsing import Parsing, measure_parsing, read_batches

OURS = Measured(
    "oneuser", 20.0, {"ingest": 4.0, "graph": 2.0, "identity": 6.0, "retention": 3.0, "start and stop": 5.0},
    {DRIVER_JVM: 1024**3, WORKERS: 0, "total": 2 * 1024**3},
)  # fmt: skip
PLAIN = Measured("plain", 10.0, {"start and stop": 4.0, "events": 6.0}, {DRIVER_JVM: 1024**3, "total": 1024**3})


def test_only_steps_that_both_do_are_compared_step_by_step() -> None:
    assert compare(OURS, PLAIN) == pytest.approx({"whole job": 2.0, "shared steps": 2.0})


def test_the_single_thread_counts_components_of_the_ends_of_edges() -> None:
    assert count_components(np.array([1, 2, 50]), np.array([2, 9, 70])) == (5, 2)
    assert count_components(np.array([], np.int64), np.array([], np.int64)) == (0, 0)


def test_every_step_and_both_jobs_are_in_the_description() -> None:
    alone, parsing = SingleThread(7, 9, 2, 0.1, 0.002), Parsing(9_000, 21.04, 22.26)
    result = Result(10_000, 3_000_000, OURS, PLAIN, alone, parsing, compare(OURS, PLAIN))

    lines = describe(result).splitlines()

    assert lines[0] == "== 10,000 events, 3.0 MB =="
    assert "oneuser: ingest             4.00   2,500       20%" in lines
    assert "plain: events               6.00   1,667       60%" in lines
    assert [line.split() for line in lines if line.startswith(("oneuser  ", "plain  "))] == [
        ["oneuser", "20.0", "500", "1.00", "-", "2.00"],
        ["plain", "10.0", "1,000", "1.00", "-", "1.00"],
    ]
    assert any(line.startswith("single thread: 2 components of 7 edges in 0.002 s") for line in lines)
    assert "parsing: 22.3 µs of one processor a line, 21.0 at the least, of 9,000 lines" in lines


def test_lines_are_parsed_as_often_as_asked_and_no_more_of_them(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    line = '{"messageId":"m","type":"track","userId":"u1","timestamp":"2026-02-01T10:00:00Z"}\n'
    first.write_text(line * 3, encoding="utf-8")
    second.write_text(line * 2, encoding="utf-8")

    batches = read_batches([first, second], most=4)
    parsing = measure_parsing(batches, repeats=2)

    assert [batch.to_pylist() for batch in batches] == [[line.rstrip().encode()] * 4]
    assert parsing.lines == 4
    assert 0 < parsing.least_us <= parsing.median_us


def test_a_job_is_measured_by_what_it_prints_last_and_what_it_takes(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("import time; time.sleep(0.5); print('a word ahead'); print('{\"total\": 3}')", encoding="utf-8")

    answer, wall, peaks = run_measured([str(script)], tmp_path / "log", timeout=60)

    assert answer == {"total": 3}
    assert wall >= 0.5
    assert peaks["total"] > 0


def test_a_job_that_fails_or_hangs_ends_the_benchmark(tmp_path: Path) -> None:
    fails, hangs = tmp_path / "fails.py", tmp_path / "hangs.py"
    fails.write_text("raise SystemExit(3)", encoding="utf-8")
    hangs.write_text("import time; time.sleep(60)", encoding="utf-8")

    with pytest.raises(SystemExit, match="exit code 3"):
        run_measured([str(fails)], tmp_path / "log", timeout=60)
    with pytest.raises(SystemExit, match="more than 1 s"):
        run_measured([str(hangs)], tmp_path / "log", timeout=1)
