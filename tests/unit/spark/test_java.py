"""Java is found as Spark finds it, and one that is too old is told from none."""

from __future__ import annotations

from pathlib import Path

import pytest

from oneuser.core.errors import EnvironmentProblem
from oneuser.spark.java import find_java, require_java


def install(home: Path, version_line: str) -> None:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{version_line}' >&2\n", encoding="utf-8")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("version_line", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_402"', 8),
    ],
)
def test_the_major_version_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version_line: str, major: int
) -> None:
    install(tmp_path, version_line)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    java = find_java()

    assert java is not None
    assert java.major == major


def test_no_java_is_an_environment_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert find_java() is None
    with pytest.raises(EnvironmentProblem, match="no Java that runs"):
        require_java()


def test_an_old_java_is_an_environment_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, 'java version "1.8.0_402"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(EnvironmentProblem, match="Java 8"):
        require_java()
