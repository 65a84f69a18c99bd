"""The archive that set-up made is one that this Java takes for this Spark: it would not say so if it did not."""

from __future__ import annotations

import subprocess

import pytest
from pyspark.sql import SparkSession

from oneuser.spark.class_archive import find_archive
from oneuser.spark.jars import find_jars


def test_the_archive_holds_for_the_class_path_of_a_session(spark: SparkSession) -> None:
    archive = find_archive(find_jars())
    if archive is None:
        pytest.skip("no archive of classes beside the JARs: `make setup` makes one")
    properties = spark.sparkContext._jvm.java.lang.System  # type: ignore[union-attr]
    java, class_path = properties.getProperty("java.home"), properties.getProperty("java.class.path")

    # shared or not at all
    command = [f"{java}/bin/java", "-Xshare:on", f"-XX:SharedArchiveFile={archive}", "-XX:+UseParallelGC"]
    done = subprocess.run([*command, "-cp", class_path, "-version"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
