"""Erasures that wait for their receipt are told with the day until which they have to be completed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oneuser.api.surroundings import examine
from oneuser.cli.main import main
from oneuser.config import make_config
from oneuser.storage.layout import MARKER, Layout, marker_text
from oneuser.storage.local_files import LocalFiles
from oneuser.storage.request_files import RequestFiles

NOW = datetime.now(UTC)
LATE, RECENT = NOW - timedelta(days=40), NOW - timedelta(days=3)


@pytest.fixture
def files(tmp_path: Path) -> RequestFiles:
    (tmp_path / MARKER).write_text(marker_text("shop"))
    files = RequestFiles(LocalFiles(), Layout.of(str(tmp_path), None))  # type: ignore[arg-type]
    # of what is completed, withdrawn or asks for something else, nobody waits
    for name, told in {
        "done": {"action": "erase", "state": "in_progress"},
        "cancelled": {"action": "erase", "state": "cancelled"},
        "other": {"action": "suppress", "state": "pending"},
    }.items():
        files.write_status(name, told | {"submitted_at": LATE.isoformat()})
    files.write_receipt("done", {"outcome": "done"})
    return files


def status(root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["status", "--warehouse", str(root)]) == 0
    return " ".join(capsys.readouterr().out.split())


def erasures_of_doctor(root: Path) -> list[tuple[str, str]]:
    settings: dict[str, Any] = {
        "deployment": "shop", "warehouse": str(root), "keys": {"identifiers": "env:KEY"},
        "sources": {"web": {"path": "/data/web.jsonl", "format": "jsonl", "preset": "segment"}},
    }  # fmt: skip
    return [(one.state, one.found) for one in examine(make_config(settings)) if one.name == "Erasures"]


def test_whoever_waits_is_told_and_who_waits_too_long_is_no_problem_of_the_surroundings(
    files: RequestFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "not completed" not in status(tmp_path, capsys)
    assert erasures_of_doctor(tmp_path) == []

    files.write_status("new", {"action": "erase", "state": "pending", "submitted_at": RECENT.isoformat()})

    due = f"1 not completed, the first since {RECENT:%Y-%m-%d}, due by {RECENT + timedelta(days=30):%Y-%m-%d} (30 days)"
    assert f"{due}; `oneuser run` erases" in status(tmp_path, capsys)
    assert erasures_of_doctor(tmp_path) == [("note", due)]

    # time counts from when somebody says that they asked
    asked = {"submitted_time": LATE.isoformat(), "submitted_at": RECENT.isoformat()}
    files.write_status("old", {"action": "erase", "state": "in_progress"} | asked)

    due = f"2 not completed, the first since {LATE:%Y-%m-%d}, due by {LATE + timedelta(days=30):%Y-%m-%d} (30 days)"
    assert f"{due}; that is over" in status(tmp_path, capsys)
    assert erasures_of_doctor(tmp_path) == [("note", due)]

    # and not from a day to come
    asked = {"submitted_time": "2962-01-01T00:00:00+00:00", "submitted_at": LATE.isoformat()}
    files.write_status("old", {"action": "erase", "state": "in_progress"} | asked)
    assert erasures_of_doctor(tmp_path) == [("note", due)]
