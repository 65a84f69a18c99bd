from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from oneuser.runs import holder
from oneuser.runs.holder import holder_name, is_gone

ENDED = 2**22 + 7  # beyond the numbers that Linux gives


def in_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, boot: str | None) -> None:
    """Let this be a machine that was booted so; one that says nothing of it where null."""
    told = tmp_path / "boot_id"
    if boot is not None:
        told.write_text(f"{boot}\n")
    monkeypatch.setattr(holder, "_BOOT", told if boot is not None else tmp_path / "none")
    monkeypatch.setattr(holder, "_NAMESPACE", tmp_path)


def ended(name: str) -> str:
    """The holder of a name, had it another process's number."""
    host, _pid, *rest = name.split("/")
    return "/".join((host, str(ENDED), *rest))


def test_people_read_host_and_process_first() -> None:
    assert holder_name().startswith(f"{socket.gethostname()}/{os.getpid()}/")


@pytest.mark.parametrize("boot", ["958f073e-8dac-4267-afa7-311bd642791d", None], ids=["told", "not told"])
def test_a_process_that_has_ended_in_this_place_is_gone(
    boot: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_place(monkeypatch, tmp_path, boot)

    assert not is_gone(holder_name())
    assert is_gone(ended(holder_name()))


@pytest.mark.parametrize("other", ["11111111-8dac-4267-afa7-311bd642791d", None], ids=["another boot", "not told"])
def test_a_process_of_another_boot_or_namespace_is_never_known_to_be_gone(
    other: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_place(monkeypatch, tmp_path, other)
    elsewhere = ended(holder_name())

    in_place(monkeypatch, tmp_path, "958f073e-8dac-4267-afa7-311bd642791d")
    assert not is_gone(elsewhere)

    here = ended(holder_name())
    (tmp_path / "namespace").mkdir()
    monkeypatch.setattr(holder, "_NAMESPACE", tmp_path / "namespace")
    assert not is_gone(here)


def test_a_name_that_an_earlier_version_wrote_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    in_place(monkeypatch, tmp_path, "958f073e-8dac-4267-afa7-311bd642791d")

    assert not is_gone(f"{socket.gethostname()}/{ENDED}/1790000000.12")
    assert not is_gone("elsewhere/1/1.00")
