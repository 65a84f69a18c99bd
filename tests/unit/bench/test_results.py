from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bench.results import (
    BYTES,
    COUNT,
    EXPONENT,
    SECONDS,
    SHARE,
    TIMES,
    Row,
    Unfinished,
    commit_of,
    publish,
    read_document,
)


@dataclass(frozen=True)
class Seconds:
    seconds: float


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("day", 2.1, TIMES, "the plain script", 1.3), "goal ≤ 1.30 ×: 2.10 ×, missed"),
        (Row("day", 1.3, TIMES, "the plain script", 1.3), "goal ≤ 1.30 ×: 1.30 ×, met"),
        (Row("day", 0.071, SHARE, "the full run"), "7.1 %"),
        (Row("day", 0, COUNT, "", 0), "goal ≤ 0: 0, met"),
        (Row("day", 2.5, SECONDS, "", 3), "goal ≤ 3.00 s: 2.50 s, met"),
        (Row("day", 3 * 1024**3, BYTES), "3.00 GiB"),
        (Row("growth", 1.07, EXPONENT, "", 1.05), "goal ≤ 1.05: 1.07, missed"),
    ],
)
def test_a_row_says_its_goal_beside_the_measurement(row: Row, verdict: str) -> None:
    assert row.verdict == verdict


def test_a_document_is_read_as_it_was_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row("day", 0.07, SHARE, "the full run", 0.05, "graph 40%"), Row("day", 3.0, SECONDS)]

    publish("days", rows, {"runs": [1, 2]}, tmp_path / "bench" / "days.json")

    document = read_document(tmp_path / "bench" / "days.json")
    assert (document.benchmark, document.rows, document.details) == ("days", rows, {"runs": [1, 2]})
    assert document.machine["cpus"]
    written = json.loads((tmp_path / "bench" / "days.json").read_text(encoding="utf-8"))
    assert [row["met"] for row in written["rows"]] == [False, None]
    assert "goal ≤ 5.0 %: 7.0 %, missed  the full run  graph 40%" in capsys.readouterr().out


def test_an_interrupted_benchmark_goes_on_by_the_same_commit_alone(tmp_path: Path) -> None:
    asked = []

    def measure() -> Seconds:
        asked.append(1)
        return Seconds(len(asked))

    assert Unfinished(tmp_path, "a").once("10000", measure) == {"seconds": 1}
    assert Unfinished(tmp_path, "a").once("10000", measure) == {"seconds": 1}
    assert Unfinished(tmp_path, "b").once("10000", measure) == {"seconds": 2}
    Unfinished(tmp_path, "b").finish()
    assert Unfinished(tmp_path, "b").once("10000", measure) == {"seconds": 3}


def test_without_a_commit_everything_is_measured_again(tmp_path: Path) -> None:
    Unfinished(tmp_path, None).once("10000", lambda: Seconds(1))

    assert Unfinished(tmp_path, None).once("10000", lambda: Seconds(2)) == {"seconds": 2}


def test_a_commit_is_named_with_what_differs_from_it(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert commit_of(tmp_path) is None
    git("init")
    (tmp_path / "a").write_text("1", encoding="utf-8")
    git("add", "a")
    git("commit", "-m", "a")
    clean = commit_of(tmp_path)
    (tmp_path / "a").write_text("2", encoding="utf-8")
    changed = commit_of(tmp_path)

    assert clean
    assert len(clean) == 10
    assert changed
    assert changed.startswith(f"{clean}+")
