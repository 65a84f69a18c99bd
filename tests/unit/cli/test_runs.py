from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oneuser.api import jobs
from oneuser.cli.main import main
from oneuser.cli.runs import run_document
from oneuser.runs import nothing_new
from oneuser.runs.records import StageRecord
from oneuser.runs.result import LookedAt, RunResult
from tests.unit.runs.completed_warehouse import CompletedWarehouse

BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
NEXT = "next: `oneuser report`, `oneuser lookup --type email --value ...`, `oneuser export table ...`"
WENT_ON = "run 3 went on where attempt 1 stopped, as of 2026-03-01 00:00:00 UTC"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and its file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONEUSER_CONFIG", raising=False)
    (tmp_path / "day.jsonl").touch()
    source = "sources: {web: {path: day.jsonl, format: jsonl, preset: segment}}\n"
    (tmp_path / "oneuser.yaml").write_text(f"deployment: acme\nwarehouse: ./warehouse\n{source}", encoding="utf-8")
    return tmp_path


def ends_with(
    monkeypatch: pytest.MonkeyPatch, *, attempt: int, read: dict[str, float], finished: RunResult | None = None
) -> list[dict[str, Any]]:
    """Let a run end so, without Spark. Returns what runs are asked for, one entry for each."""
    asked: list[dict[str, Any]] = []
    stages = {"ingest": StageRecord("ingest", attempt, "done", "", {}, read, {}, 1.0)}
    result = RunResult(3, BEGUN, attempt, True, {}, {}, read, stages, 12.5, finished=finished)
    spark = SimpleNamespace(sparkContext=SimpleNamespace(statusTracker=lambda: None))
    monkeypatch.setattr(jobs, "start_session_for_one_job", lambda _config: spark)
    monkeypatch.setattr(jobs, "begin_run", lambda _config, **options: asked.append(options) or result)
    return asked


READ = {"lines_in|web": 3.0, "lines|accepted": 2.0, "lines_quarantined|json.syntax": 1.0}


@pytest.mark.usefixtures("home")
def test_a_run_ends_with_its_counts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ends_with(monkeypatch, attempt=1, read=READ)

    assert main(["run", "--config", "oneuser.yaml"]) == 0

    shown = capsys.readouterr()
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert "events accepted 2" in lines
    assert "lines refused: json.syntax 1 not one valid JSON object (damage)" in lines
    assert lines[-1] == "run 3 published in 12.5 s"
    assert "went on" not in shown.err
    # for the configuration that was named
    assert NEXT.replace("`,", " --config oneuser.yaml`,").removesuffix("`") in shown.err
    assert "export table ... --config oneuser.yaml`" in shown.err


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], WENT_ON),
        (["--as-of", "2026-03-01"], WENT_ON),
        (
            ["--as-of", "2026-03-02"],
            f"{WENT_ON}; --as-of 2026-03-02 00:00:00 UTC counts for a new run only",
        ),
    ],
    ids=["no time", "its time", "another time"],
)
def test_an_open_run_that_went_on_says_whose_time_counts(
    asked: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(monkeypatch, attempt=2, read=READ)

    assert main(["run", *asked]) == 0
    assert said in capsys.readouterr().err.splitlines()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("attempt", [1, 2])
def test_programs_are_told_the_same(
    attempt: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(monkeypatch, attempt=attempt, read=READ)

    assert main(["run", "--json", "--as-of", "2026-03-02"]) == 0

    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["as_of"], found["is_continued"], found["published"]) == ("2026-03-01T00:00:00Z", attempt > 1, True)
    assert (found["deployment"], found["finished"]) == ("acme", None)
    assert (found["counts"]["lines"], found["counts"]["events"]) == (3, 2)
    # whose time counts is no part of the answer, and told all the same
    told = [json.loads(line) for line in said.err.splitlines()]
    assert [(one["level"], one["event"].partition("; ")[2]) for one in told] == (
        [("warning", "--as-of 2026-03-02 00:00:00 UTC counts for a new run only")] if attempt > 1 else []
    )


@pytest.mark.usefixtures("home")
def test_a_run_that_had_to_be_finished_first_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = RunResult(2, BEGUN - timedelta(days=1), 2, True, {}, {}, {}, {}, 9.0)
    asked = ends_with(monkeypatch, attempt=1, read=READ, finished=finished)

    assert main(["run", "--finish-open", "--as-of", "2026-03-01"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == ["run 2, which was open, was finished first, as of 2026-02-28 00:00:00 UTC", NEXT]

    assert main(["run", "--finish-open", "--as-of", "2026-03-01", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["run"], found["finished"]["run"], found["finished"]["is_continued"]) == (3, 2, True)
    assert [call["finish_open"] for call in asked] == [True, True]


@pytest.mark.usefixtures("home")
def test_a_run_that_accepted_nothing_new_ends_with_saying_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(monkeypatch, attempt=1, read={"lines_in|web": 0.0, "lines|accepted": 0.0})

    assert main(["run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("nothing new: ")


# nothing new ----------------------------------------------------------------------------------------------------------

NOTHING_NEW = "nothing new since run 3 of 2026-03-01 00:00:00 UTC, nothing done: looked at 1,200 files of 1 input"


@pytest.fixture
def has_nothing_new(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is new, and no session may be started."""
    stages = {"ingest": StageRecord("ingest", 2, "unchanged", "", {}, {}, {}, 0.0)}
    result = RunResult(3, BEGUN, 2, False, {}, {}, {}, stages, 0.1, is_nothing_new=True, looked_at=LookedAt(1200, 1))
    monkeypatch.setattr(nothing_new, "find_nothing_new", lambda _config: result)
    monkeypatch.setattr(jobs, "start_session_for_one_job", lambda _config: pytest.fail("a session was started"))


@pytest.mark.usefixtures("has_nothing_new")
@pytest.mark.parametrize(
    ("asked", "noted"),
    [
        ([], []),
        (["--as-of", "2026-03-01"], []),
        (
            ["--as-of", "2026-03-02"],
            ["--as-of 2026-03-02 00:00:00 UTC counts for a new run only, and none was begun"],
        ),
    ],
)
def test_nothing_new_is_said_in_one_line_and_no_session_is_started(
    asked: list[str], noted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *asked]) == 0

    said = capsys.readouterr()
    assert said.out.splitlines() == [NOTHING_NEW]
    assert said.err.splitlines() == noted


@pytest.mark.usefixtures("has_nothing_new")
def test_programs_are_told_that_nothing_is_new_in_the_shape_of_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["run"], found["published"], found["nothing_new"], found["is_continued"]) == (3, False, True, False)
    assert (found["counts"]["lines"], [stage["state"] for stage in found["stages"]]) == (0, ["unchanged"])
    other = RunResult(4, BEGUN, 1, True, {}, {}, {}, {}, 1.0)
    assert found.keys() == {"deployment", *run_document(other)}


@pytest.mark.usefixtures("has_nothing_new")
@pytest.mark.parametrize("forced", [["--full"], ["--stages", "retention"]])
def test_what_is_asked_for_by_name_is_done(
    forced: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(monkeypatch, attempt=1, read=READ)

    assert main(["run", *forced]) == 0
    assert "run 3 published in 12.5 s" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("minutes", "said"), [(5, "until {}"), (-5, "(ended at {}: the next run takes over)")])
def test_status_says_until_when_a_holder_elsewhere_counts(
    minutes: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = CompletedWarehouse(tmp_path)
    expires_at = datetime.now(UTC) + timedelta(minutes=minutes)
    done.claim(2, state="leased", run_seq=0, holder="elsewhere/1/1.00", expires_at=expires_at)

    assert main(["status", "--warehouse", str(done.root)]) == 0

    said = said.format(f"{expires_at:%Y-%m-%d %H:%M:%S} UTC")
    assert f"elsewhere/1/1.00 {said}" in " ".join(capsys.readouterr().out.split())
