"""A session starts from the archive beside its JARs; without a whole one it starts as ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oneuser.spark.class_archive import find_archive, place_archive, use_archive


def written(folder: Path, content: bytes) -> Path:
    path = folder / "written"
    path.write_bytes(content)
    return path


def test_an_archive_is_found_beside_the_jars(tmp_path: Path) -> None:
    jar = tmp_path / "delta.jar"

    assert find_archive([jar]) is None
    archive = place_archive(written(tmp_path, b"classes"), tmp_path)

    assert find_archive([jar, tmp_path / "other.jar"]) == archive
    assert find_archive([]) is None


def test_a_new_archive_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    place_archive(written(tmp_path, b"old"), tmp_path)

    archive = place_archive(written(tmp_path, b"newer"), tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [archive.name]
    assert archive.read_bytes() == b"newer"


def test_half_an_archive_is_none(tmp_path: Path) -> None:
    # Java starts from it, and dies
    archive = place_archive(written(tmp_path, b"classes"), tmp_path)
    archive.write_bytes(b"cla")

    assert find_archive([tmp_path / "delta.jar"]) is None


def test_an_archive_that_is_gone_by_the_time_it_is_looked_at_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = place_archive(written(tmp_path, b"classes"), tmp_path)
    stat = Path.stat

    def after_another_took_its_place(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path == archive:
            archive.unlink()
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", after_another_took_its_place)

    assert find_archive([tmp_path / "delta.jar"]) is None


def test_a_session_without_an_archive_gets_no_option_for_it(tmp_path: Path) -> None:
    assert use_archive(None) == ""
    assert f"-XX:SharedArchiveFile={tmp_path}" in use_archive(tmp_path)
