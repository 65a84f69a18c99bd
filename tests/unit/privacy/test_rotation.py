"""A new version of the secret, in its file or told."""

from __future__ import annotations

import fcntl
import os
from datetime import date
from pathlib import Path

import pytest

from oneuser.core.errors import EnvironmentProblem, LockedError
from oneuser.privacy.key_versions import parse_versions
from oneuser.privacy.rotation import rotate

MONDAY = date(2026, 3, 2)
OLD = f"k1 {'01' * 32}"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / ".secrets" / "identifiers"
    path.parent.mkdir(mode=0o700)
    path.write_text(OLD)
    path.chmod(0o644)
    return path


def test_a_key_file_gets_a_line_more_and_is_its_owners_alone(key_file: Path) -> None:
    before = parse_versions(key_file.read_text())

    done = rotate(f"file:{key_file}", today=MONDAY, is_dry_run=False)
    again = rotate(f"file:{key_file}", today=MONDAY, is_dry_run=False)

    after = parse_versions(key_file.read_text())
    assert after[:1] == before
    assert [(one.key_id, one.created) for one in after[1:]] == [("k2", MONDAY), ("k3", MONDAY)]
    assert (done.key_id, done.key_ids, done.is_written, done.line) == ("k2", ("k1", "k2"), True, None)
    assert again.key_ids == ("k1", "k2", "k3")
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key_file.parent.iterdir()] == ["identifiers"]


def test_a_look_changes_nothing_and_tells_no_secret(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_A_TEST", OLD)

    for reference in (f"file:{key_file}", "env:KEY_OF_A_TEST"):
        done = rotate(reference, today=MONDAY, is_dry_run=True)
        assert (done.key_ids, done.is_written, done.line) == (("k1", "k2"), False, None)

    assert key_file.read_text() == OLD


@pytest.mark.parametrize("reference", ["env:KEY_OF_A_TEST", "command:printenv KEY_OF_A_TEST"])
def test_where_it_cannot_be_written_the_line_to_add_is_told(reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_A_TEST", OLD)

    done = rotate(reference, today=MONDAY, is_dry_run=False)

    assert not done.is_written
    assert done.line is not None
    assert [one.key_id for one in parse_versions(f"{OLD}\n{done.line}")] == ["k1", "k2"]
    # whoever logs the answer logs no secret
    assert done.line.split()[1] not in repr(done)


def test_what_a_crash_has_left_is_no_key_and_no_hindrance(key_file: Path) -> None:
    # killed before its step: the old file is whole, and beside it lies the new one, or half of it
    beside = key_file.with_name("identifiers.new")
    beside.write_text(f"{OLD}\nk2 beg")

    assert rotate(f"file:{key_file}", today=MONDAY, is_dry_run=False).key_ids == ("k1", "k2")
    assert not beside.exists()


def test_a_link_to_a_key_file_stays_a_link(key_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "key"
    link.symlink_to(key_file)

    rotate(f"file:{link}", today=MONDAY, is_dry_run=False)

    assert link.is_symlink()
    assert len(parse_versions(key_file.read_text())) == 2


def test_two_rotations_at_once_are_one(key_file: Path) -> None:
    other = os.open(key_file.parent, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        with pytest.raises(LockedError, match="another process that rotates the key"):
            rotate(f"file:{key_file}", today=MONDAY, is_dry_run=False)
    finally:
        os.close(other)

    assert key_file.read_text() == OLD


def test_without_a_key_there_is_nothing_to_rotate(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="no key file"):
        rotate(f"file:{tmp_path}/.secrets/identifiers", today=MONDAY, is_dry_run=False)

    assert not list(tmp_path.iterdir())


def test_a_key_file_of_another_user_is_left_alone(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # as somebody who may write in the folder, and give nothing away
    monkeypatch.setattr(os, "geteuid", lambda: key_file.stat().st_uid + 1)

    def refuse(*_arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)

    with pytest.raises(EnvironmentProblem, match="belongs to another user"):
        rotate(f"file:{key_file}", today=MONDAY, is_dry_run=False)

    assert [(path.name, path.read_text()) for path in key_file.parent.iterdir()] == [("identifiers", OLD)]
