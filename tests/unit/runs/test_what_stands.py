"""Commands of several steps that are cut short in a later one, with steps that do nothing."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from oneuser.api import answers
from oneuser.core.standing import what_stands
from oneuser.runs import run as run_module
from oneuser.runs.result import RunResult
from oneuser.runs.run import RunOptions, run_pipeline

MONDAY, TUESDAY = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
PUBLISHED = RunResult(4, MONDAY, 2, True, {}, {}, {}, {}, 1.0)
ANYTHING: Any = SimpleNamespace(warehouse="./warehouse", raw_root=None)


def interrupt(*_: object, **__: object) -> Any:
    raise KeyboardInterrupt


def nothing(*_: object, **__: object) -> Any:
    return None


def test_the_run_that_was_finished_first_stands_when_the_second_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = iter([lambda: PUBLISHED, interrupt])
    monkeypatch.setattr(run_module, "_attempt", lambda *_: next(attempts)())
    monkeypatch.setattr(run_module, "open_for_writing", nothing)
    monkeypatch.setattr(run_module, "check_manual_rules", nothing)

    with pytest.raises(KeyboardInterrupt) as interrupted:
        run_pipeline(ANYTHING, ANYTHING, RunOptions(as_of=TUESDAY, finishes_open=True))

    assert what_stands(interrupted.value) == ["run 4 is published: readers see it"]


def test_the_run_of_an_erasure_stands_when_its_purge_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = SimpleNamespace(request_id="4711")
    replaced: dict[str, Any] = {
        "read_config": lambda _config: ANYTHING,
        "load_requests": lambda *_, **__: [asked],
        "session_for": nothing,
        "working_in": lambda _session: nullcontext(),
        "Warehouse": lambda *_, **__: SimpleNamespace(files=None, layout=None),
        "RequestFiles": lambda *_: SimpleNamespace(status=nothing),
        "_is_open": lambda _status: True,
        "_is_pending": lambda *_: True,
        "begin_run": lambda *_, **__: RunResult(5, TUESDAY, 1, True, {}, {}, {}, {}, 1.0),
        "maintain_warehouse": interrupt,
    } | dict.fromkeys(("require_warehouse", "_refuse_taken_ids", "submit", "settle"), nothing)
    for name, stand_in in replaced.items():
        monkeypatch.setattr(answers, name, stand_in)

    with pytest.raises(KeyboardInterrupt) as interrupted:
        answers.answer_requests(ANYTHING, [], purge_now=True)

    assert what_stands(interrupted.value) == [
        "run 5 is published: readers see it", "the requests are kept: the same command goes on",
    ]  # fmt: skip
