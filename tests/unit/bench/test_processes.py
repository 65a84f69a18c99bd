from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.processes import measure_script


def test_a_script_is_measured_by_what_it_prints_last_and_what_it_takes(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("import time; time.sleep(0.5); print('a word ahead'); print('{\"total\": 3}')", encoding="utf-8")

    measured = measure_script([str(script)], tmp_path / "logs" / "job.log", timeout=60)

    assert measured.answer == {"total": 3}
    assert measured.seconds >= 0.5
    assert measured.peaks["total"] > 0


def test_a_script_that_fails_or_hangs_ends_the_benchmark(tmp_path: Path) -> None:
    fails, hangs = tmp_path / "fails.py", tmp_path / "hangs.py"
    fails.write_text("raise SystemExit(3)", encoding="utf-8")
    hangs.write_text("import time; time.sleep(60)", encoding="utf-8")

    with pytest.raises(SystemExit, match="exit code 3"):
        measure_script([str(fails)], tmp_path / "log", timeout=60)
    with pytest.raises(SystemExit, match="more than 1 s"):
        measure_script([str(hangs)], tmp_path / "log", timeout=1)
