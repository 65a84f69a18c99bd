"""The key file that a first run makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oneuser.core.errors import EnvironmentProblem
from oneuser.privacy import keys
from oneuser.privacy.keys import load_keys, load_reading_keys


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_key_file_is_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / ".secrets" / "identifiers"

    made = load_keys(f"file:{file}", deployment="acme", may_create=True)

    assert (mode(file), mode(file.parent)) == (0o600, 0o700)
    assert load_keys(f"file:{file}", deployment="acme", may_create=False) == made
    assert load_reading_keys(str(tmp_path), "acme", None) == made
    assert load_reading_keys(f"file://{tmp_path}", "acme", None) == made


@pytest.mark.parametrize("left", ["", " \n"])
def test_a_key_file_that_a_first_run_left_empty_is_made_again(tmp_path: Path, left: str) -> None:
    file = tmp_path / "identifiers"
    file.write_text(left)

    made = load_keys(f"file:{file}", deployment="acme", may_create=True)

    assert load_keys(f"file:{file}", deployment="acme", may_create=False) == made
    assert (mode(file), list(tmp_path.iterdir())) == (0o600, [file])


def test_the_key_of_whoever_was_faster_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "identifiers"
    faster = load_keys(f"file:{file}", deployment="acme", may_create=True)
    # both have seen that there is none
    monkeypatch.setattr(keys, "read_reference", lambda _reference: None)

    assert load_keys(f"file:{file}", deployment="acme", may_create=True) == faster
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_is_cut_short_leaves_no_key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        load_keys(f"file:{tmp_path}/identifiers", deployment="acme", may_create=True)

    assert list(tmp_path.iterdir()) == []


def test_no_key_file_is_made_for_a_warehouse_that_is_not_on_this_disk(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"no warehouse .* on this machine's disk") as caught:
        load_keys(f"file:{tmp_path}/elsewhere/.secrets/identifiers", deployment="acme", may_create=True)

    assert "keys: {identifiers: env:NAME}" in caught.value.next_step
    assert not (tmp_path / "elsewhere").exists()


def test_a_later_run_makes_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="no key file"):
        load_keys(f"file:{tmp_path}/.secrets/identifiers", deployment="acme", may_create=False)


@pytest.mark.parametrize("root", ["s3a://bucket/warehouse", "/nowhere"])
def test_reading_without_a_key_says_how_to_give_one(root: str) -> None:
    with pytest.raises(EnvironmentProblem, match="no secret"):
        load_reading_keys(root, "acme", None)


@pytest.mark.parametrize(
    ("stored", "found"),
    [(b"", "is empty"), (b" \n\n", "is empty"), (b"k1 \xff\xfe", "not hexadecimal"), (b"k1 abcd", "has 2 bytes")],
)
def test_a_damaged_key_file_is_told_from_a_key(tmp_path: Path, stored: bytes, found: str) -> None:
    file = tmp_path / "identifiers"
    file.write_bytes(stored)

    with pytest.raises(EnvironmentProblem, match=found):
        load_keys(f"file:{file}", deployment="acme", may_create=False)
