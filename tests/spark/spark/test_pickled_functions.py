"""Functions hold secrets and values of people on their way to executors: on no disk, however large they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession


def test_a_large_function_goes_through_no_file(spark: SparkSession) -> None:
    secret = os.urandom(2 * 1024 * 1024)
    context = spark.sparkContext
    places = [Path(str(context._temp_dir)), Path(spark.conf.get("spark.local.dir") or "")]

    def use(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_pydict({"n": pa.array([len(secret)] * batch.num_rows, pa.int64())})

    assert spark.range(1).mapInArrow(use, "n bigint").collect() == [(len(secret),)]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert not [path for path in files if secret[:64] in path.read_bytes()]
