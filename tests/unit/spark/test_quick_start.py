"""Making the archive of classes fails quietly: nothing needs it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from oneuser.core.errors import EnvironmentProblem
from oneuser.spark import quick_start


def test_a_folder_that_cannot_be_written_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    monkeypatch.setattr(quick_start, "find_jars", lambda: [no_folder / "delta.jar"])

    with caplog.at_level(logging.WARNING):
        assert quick_start.main() == 0

    assert "cannot be written" in caplog.text


def test_what_java_wrote_takes_the_place_of_the_old_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "classes-3.jsa").write_text("old")
    monkeypatch.setattr(quick_start, "_exercise", lambda _, archive: archive.write_text("newer"))

    quick_start.make_archive(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["classes-5.jsa"]


def test_a_java_that_writes_none_leaves_the_old_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "classes-3.jsa").write_text("old")
    monkeypatch.setattr(quick_start, "_exercise", lambda *_: None)

    with pytest.raises(EnvironmentProblem, match="wrote none"):
        quick_start.make_archive(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["classes-3.jsa"]
