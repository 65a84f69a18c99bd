"""A name of Java is asked for once, however often it is used."""

from __future__ import annotations

from typing import Any

import pytest
from py4j.java_gateway import JavaClass, JavaPackage
from py4j.protocol import REFLECTION_COMMAND_NAME
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.spark.java_names import keep_java_names


def test_the_second_use_of_a_function_asks_for_no_name(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_java_names(spark)
    jvm: Any = spark._jvm
    client = type(jvm._gateway_client)
    asked: list[str] = []
    send = client.send_command

    def heard(self: Any, command: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(command)
        return send(self, command, *args, **kwargs)

    def use() -> None:
        spark.range(3).where(F.coalesce(F.col("id"), F.lit(1)) > 1).agg(F.count("id").alias("n")).schema  # noqa: B018

    use()
    monkeypatch.setattr(client, "send_command", heard)
    use()
    assert asked
    assert not [command for command in asked if command.startswith(REFLECTION_COMMAND_NAME)]


def test_what_is_not_there_yet_is_asked_for_again(spark: SparkSession) -> None:
    keep_java_names(spark)
    package: Any = spark._jvm.org.apache.spark  # type: ignore[union-attr]
    assert isinstance(package.NoSuchClass, JavaPackage)
    assert "NoSuchClass" not in vars(package)
    assert isinstance(package.SparkConf, JavaClass)
    assert vars(package)["SparkConf"] is package.SparkConf
