from __future__ import annotations

from pathlib import Path

import pytest

from oneuser.core.errors import EnvironmentProblem
from oneuser.spark import session as session_module
from oneuser.spark.session import DELTA_EXTENSION, SparkSettings, build_session


class Builder:
    """Notes what a session is asked to be, and starts none."""

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}

    def appName(self, _name: str) -> Builder:  # noqa: N802 - Spark's name
        return self

    def master(self, _master: str) -> Builder:
        return self

    def config(self, key: str, value: str) -> Builder:
        self.asked[key] = value
        return self

    def getOrCreate(self) -> None:  # noqa: N802 - Spark's name
        raise RuntimeError("Java ended before it had said its port")


def asked(monkeypatch: pytest.MonkeyPatch, conf: dict[str, str], *, uses_s3a: bool = False) -> dict[str, str]:
    """What a session with this configuration is asked to be, where Delta is found in a folder."""
    builder = Builder()
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.setattr(session_module, "running_session", lambda: None)
    monkeypatch.setattr(session_module, "start_gateway", lambda _conf: None)
    monkeypatch.setattr(session_module.SparkSession, "builder", builder)
    monkeypatch.setattr(session_module.jars, "find_jars", lambda _folder: [Path("/j/delta.jar"), Path("/j/store.jar")])
    monkeypatch.setattr(session_module.jars, "look_for_s3a_jars", lambda _folder: [Path("/j/s3/hadoop-aws.jar")])
    with pytest.raises(EnvironmentProblem):
        build_session(SparkSettings(conf=conf, uses_s3a=uses_s3a))
    return builder.asked


@pytest.mark.parametrize(
    ("own", "jars"),
    [
        ({}, "/j/delta.jar,/j/store.jar"),
        ({"spark.jars": "mine.jar, other.jar"}, "/j/delta.jar,/j/store.jar,mine.jar,other.jar"),
        ({"spark.jars": "/j/delta.jar,"}, "/j/delta.jar,/j/store.jar"),
        # Spark adds what it resolves to the list itself
        ({"spark.jars.packages": "org.example:one:1"}, "/j/delta.jar,/j/store.jar"),
    ],
    ids=["none", "two", "one of ours", "packages"],
)
def test_jars_of_ones_own_come_beside_those_of_delta(
    own: dict[str, str], jars: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = asked(monkeypatch, own)

    assert found["spark.jars"] == jars
    assert found.get("spark.jars.packages") == own.get("spark.jars.packages")


def test_options_of_java_of_ones_own_come_after_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "spark.driver.extraJavaOptions"
    ours, found = asked(monkeypatch, {})[key], asked(monkeypatch, {key: "-Dmine=1"})[key]

    assert found == f"{ours} -Dmine=1"


def test_extensions_of_ones_own_come_beside_that_of_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch, {"spark.sql.extensions": "org.example.Extensions"})

    assert found["spark.sql.extensions"] == f"{DELTA_EXTENSION},org.example.Extensions"


def test_jars_for_s3a_are_there_where_a_path_needs_them_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"spark.jars": "mine.jar"}

    assert asked(monkeypatch, own)["spark.jars"] == "/j/delta.jar,/j/store.jar,mine.jar"
    assert asked(monkeypatch, own, uses_s3a=True)["spark.jars"] == (
        "/j/delta.jar,/j/store.jar,/j/s3/hadoop-aws.jar,mine.jar"
    )


def test_a_storage_that_does_not_answer_is_given_up_soon_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = asked(monkeypatch, {"spark.hadoop.fs.s3a.retry.limit": "9"})

    assert {key: value for key, value in found.items() if "fs.s3a" in key} == {
        "spark.hadoop.fs.s3a.attempts.maximum": "5",
        "spark.hadoop.fs.s3a.retry.limit": "9",
        "spark.hadoop.fs.s3a.connection.establish.timeout": "10s",
    }
