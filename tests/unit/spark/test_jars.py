"""JARs are found where they are, fetched once where they are not, and never left half."""

from __future__ import annotations

from pathlib import Path

import pyspark
import pytest

from oneuser.core.errors import EnvironmentProblem
from oneuser.spark import jars

DELTA_NAMES = ["io.delta_delta-spark_4.2_2.13-4.4.0.jar", "io.delta_delta-storage-4.4.0.jar"]


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"jar")
    return folder


@pytest.fixture
def resolver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Spark installation whose `spark-submit` is a script that the test writes; it counts its calls."""
    home = tmp_path / "spark"
    put(home / "jars")
    put(home / "bin")
    monkeypatch.setattr(jars, "_spark_home", lambda: home)
    monkeypatch.delenv(jars.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(jars, "_project_folder", lambda: tmp_path / "no-project")
    return home


def answer_with(home: Path, script: str) -> None:
    program = home / "bin" / "spark-submit"
    preamble = (
        "for word; do case $word in spark.jars.ivy=*) ivy=${word#*=};; io.graphframes:*) exec false;; esac; done\n"
    )
    program.write_text(f"#!/bin/sh\n{preamble}echo called >> {home}/calls\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def calls(home: Path) -> int:
    log = home / "calls"
    return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0


S3A_NAMES = [f"{c.split(':')[1]}-{c.split(':')[2]}.jar" for c in jars.S3A.coordinates]
DOWNLOAD = "mkdir -p $ivy/jars; " + "; ".join(f"echo jar > $ivy/jars/{name}" for name in DELTA_NAMES)


def test_jars_are_recognised_as_ivy_and_as_maven_name_them(tmp_path: Path) -> None:
    ivy = put(tmp_path / "ivy", *DELTA_NAMES)
    maven = put(tmp_path / "maven", "delta-spark_4.2_2.13-4.4.0.jar", "delta-storage-4.4.0.jar")

    assert jars.DELTA.jars_in(ivy) == [ivy / name for name in DELTA_NAMES]
    assert jars.DELTA.jars_in(maven) is not None
    assert jars.DELTA.jars_in(put(tmp_path / "half", DELTA_NAMES[0])) is None


def test_spark_s_own_jars_leave_nothing_to_add(resolver: Path) -> None:
    put(resolver / "jars", *DELTA_NAMES)

    assert jars.find_jars() == []


def test_the_folder_asked_for_comes_before_the_variable(
    resolver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for = put(tmp_path / "asked", *DELTA_NAMES)
    monkeypatch.setenv(jars.FOLDER_VARIABLE, str(put(tmp_path / "variable", *DELTA_NAMES)))

    assert {jar.parent.name for jar in jars.find_jars(str(asked_for))} == {"asked"}
    assert {jar.parent.name for jar in jars.find_jars()} == {"variable"}
    assert calls(resolver) == 0


def test_missing_jars_are_fetched_once_and_leave_no_trace_of_the_fetching(resolver: Path, tmp_path: Path) -> None:
    answer_with(resolver, DOWNLOAD)

    first = jars.resolve_jars(tmp_path / "jars", graphframes=False)
    second = jars.resolve_jars(tmp_path / "jars", graphframes=False)

    assert [jar.name for jar in first.jars] == DELTA_NAMES
    assert first == second
    assert calls(resolver) == 1
    assert sorted(path.name for path in (tmp_path / "jars").iterdir()) == DELTA_NAMES


def test_graphframes_that_cannot_be_had_is_a_reason_and_no_error(resolver: Path, tmp_path: Path) -> None:
    answer_with(resolver, DOWNLOAD)

    resolved = jars.resolve_jars(tmp_path / "jars")

    assert [jar.name for jar in resolved.jars] == DELTA_NAMES
    assert resolved.graphframes_missing is not None
    assert "GraphFrames" in resolved.graphframes_missing


def test_a_repository_that_does_not_answer_is_asked_twice(resolver: Path, tmp_path: Path) -> None:
    answer_with(resolver, 'echo "Read timed out"; exit 1')

    with pytest.raises(EnvironmentProblem, match="did not answer in time"):
        jars.resolve_jars(tmp_path / "jars", graphframes=False)

    assert calls(resolver) == 2
    assert list((tmp_path / "jars").iterdir()) == []


def test_jars_for_s3a_have_a_folder_of_their_own_and_are_no_part_of_the_others(
    resolver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(tmp_path / "jars", *DELTA_NAMES)
    monkeypatch.setenv(jars.FOLDER_VARIABLE, str(folder))
    assert jars.look_for_s3a_jars() is None

    names = [*S3A_NAMES, "reactive-streams-1.0.4.jar"]
    answer_with(resolver, "mkdir -p $ivy/jars; " + "; ".join(f"echo jar > $ivy/jars/{name}" for name in names))
    fetched = jars.resolve_s3a_jars(folder)

    assert {jar.name for jar in fetched} == set(names)
    assert jars.look_for_s3a_jars() == jars.resolve_s3a_jars(folder) == fetched
    assert calls(resolver) == 1
    assert [jar.name for jar in jars.find_jars()] == DELTA_NAMES


def test_jars_for_s3a_are_of_the_hadoop_that_spark_brings(resolver: Path) -> None:
    brought = next((Path(pyspark.__file__).parent / "jars").glob("hadoop-client-api-*.jar"))

    assert jars.S3A.coordinates[0] == f"org.apache.hadoop:hadoop-aws:{brought.stem.removeprefix('hadoop-client-api-')}"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Host repo.example not found. url=https://repo.example/a.jar\n:: a: not found", "no Maven repository"),
        ("https://repo.example/a.jar\n:: a: not found", "do not have them"),
        ("something else https://repo.example/a.jar", "resolver failed"),
    ],
)
def test_the_error_says_why_nothing_came(resolver: Path, tmp_path: Path, output: str, reason: str) -> None:
    answer_with(resolver, f"cat <<'END'\n{output}\nEND\nexit 1")

    with pytest.raises(EnvironmentProblem, match=reason):
        jars.resolve_jars(tmp_path / "jars", graphframes=False)
