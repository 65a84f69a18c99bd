from __future__ import annotations

import io
import time
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from oneuser.cli import progress
from oneuser.cli.output import Output
from oneuser.cli.progress import StageProgress
from oneuser.runs.records import StageRecord


def tracker() -> Any:
    """One active job of one stage with 3 of 8 tasks done; a stage and a job that Spark has forgotten already."""
    stages = {10: SimpleNamespace(numTasks=8, numCompletedTasks=3)}
    return SimpleNamespace(
        getActiveJobsIds=lambda: [1, 2],
        getJobInfo={1: SimpleNamespace(stageIds=[10, 11])}.get,
        getStageInfo=stages.get,
    )


def spark() -> Any:
    return SimpleNamespace(sparkContext=SimpleNamespace(statusTracker=tracker))


def done(stage: str, state: str = "done") -> StageRecord:
    return StageRecord(stage, 1, state, "", {}, {}, {}, 1.25)


def shown(*, terminal: bool, monkeypatch: pytest.MonkeyPatch, **options: Any) -> str:
    """What a run of two stages leaves on standard error."""
    monkeypatch.setattr(progress, "_POLL_SECONDS", 0.01)
    output = Output(**options)
    stream = io.StringIO()
    output.err = Console(file=stream, force_terminal=terminal, width=120, no_color=True)
    with StageProgress(spark(), output) as listener:
        listener.stage_begins("ingest", 1, 2)
        if terminal and not options:
            deadline = time.monotonic() + 20
            while "3/8 tasks" not in stream.getvalue() and time.monotonic() < deadline:
                time.sleep(0.01)
        listener.stage_ends(done("ingest"))
        listener.stage_begins("graph", 2, 2)
        listener.stage_ends(done("graph", "unchanged"))
    return stream.getvalue()


def test_on_a_terminal_each_stage_has_a_bar_of_its_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(terminal=True, monkeypatch=monkeypatch)

    assert "3/8 tasks" in text
    assert "1/2 ingest" in text
    assert "unchanged" in text


def test_off_a_terminal_each_stage_is_a_plain_line_when_it_begins_and_one_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = shown(terminal=False, monkeypatch=monkeypatch).splitlines()

    assert [line.split() for line in lines] == [
        ["1/2", "ingest"],
        ["1/2", "ingest", "done", "1.2", "s"],
        ["2/2", "graph"],
        ["2/2", "graph", "unchanged", "1.2", "s"],
    ]


@pytest.mark.parametrize("options", [{"quiet": True}, {"as_json": True}])
@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_is_shown_where_nothing_is_wanted(
    *, terminal: bool, options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(terminal=terminal, monkeypatch=monkeypatch, **options) == ""
