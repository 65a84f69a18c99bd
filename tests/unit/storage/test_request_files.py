"""Requests lie in the raw zone until they are completed, and nothing else stays there."""

from __future__ import annotations

from pathlib import Path

import pytest

from oneuser.storage.layout import Layout
from oneuser.storage.request_files import RequestFiles, Sealed
from tests.unit.storage.disk_files import DiskFiles


@pytest.fixture
def files(tmp_path: Path) -> RequestFiles:
    return RequestFiles(DiskFiles(), Layout.of(str(tmp_path), None))  # type: ignore[arg-type]


def test_a_search_leaves_out_the_files_of_open_requests_and_no_other(files: RequestFiles) -> None:
    files.put("4711", "{}")
    files.seal("4711", Sealed(["ann@example.com"], 0, 0))
    folder = Path(files.folder)
    for name in ("4712.request.json.part", "4710.values.json", "notes.txt", ".4713.request.json"):
        (folder / name).write_text("ann@example.com")

    assert files.places() == [f"{folder}/4711.request.json", f"{folder}/4711.values.json"]
    assert files.open_requests() == {"4711": "{}"}


def test_what_a_killed_writer_left_is_removed(files: RequestFiles) -> None:
    files.put("4711", "{}")
    (Path(files.folder) / "4712.request.json.part").write_text("ann@example.com")

    assert (files.remove_leftovers(), files.remove_leftovers()) == (1, 0)

    assert [path.name for path in Path(files.folder).iterdir()] == ["4711.request.json"]
    files.unseal("4711")
    assert not Path(files.folder).exists()
    assert files.remove_leftovers() == 0


def test_what_is_removed_meanwhile_is_not_there(files: RequestFiles) -> None:
    assert (files.kept("4711"), files.sealed("4711"), files.receipt("4711")) == (None, None, None)


def test_a_request_with_a_receipt_is_completed_whatever_else_is_said(files: RequestFiles) -> None:
    files.write_status("4711", {"state": "in_progress", "run": 3})
    assert files.status("4711") == {"state": "in_progress", "run": 3}

    files.write_receipt("4711", {"outcome": "done"})

    assert files.status("4711") == {"state": "completed", "run": 3}
    assert files.known() == ["4711"]
