"""Which stages are planned for small data, and what becomes of the session."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.config import Config, SparkRules, make_config
from oneuser.contracts.graph import EDGES
from oneuser.runs.small_stages import is_small
from oneuser.spark.small_data import SHUFFLE_PARTITIONS, planned_for_small_data
from oneuser.stages.registry import STAGES
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.input_listing import InputFile
from oneuser.storage.warehouse import Warehouse

MEGABYTE = 1024 * 1024
INGEST, GRAPH, IDENTITY = (next(s for s in STAGES if s.name == name) for name in ("ingest", "graph", "identity"))


def config(warehouse: Path, small_mb: int) -> Config:
    sources = {"web": {"path": "events/*.jsonl", "format": "jsonl", "preset": "segment"}}
    made = make_config({"deployment": "test", "warehouse": str(warehouse), "sources": sources})
    return made.model_copy(update={"spark": SparkRules(small_mb=small_mb)})


def file(path: str, n_bytes: int) -> InputFile:
    return InputFile("web", path, n_bytes, 0)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], True),
        ([file("a.jsonl", MEGABYTE), file("b.jsonl", MEGABYTE - 1)], True),
        ([file("a.jsonl", MEGABYTE), file("b.jsonl", MEGABYTE)], False),
        # it holds some eight times as many bytes of lines
        ([file("a.jsonl.gz", MEGABYTE // 2)], False),
        # and columns four times
        ([file("a.snappy.parquet", MEGABYTE // 2 - 1)], True),
        ([file("a.snappy.parquet", MEGABYTE // 2)], False),
    ],
)
def test_new_input_counts_by_the_bytes_of_its_lines(
    spark: SparkSession, warehouse_path: Path, files: list[InputFile], *, expected: bool
) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))

    assert is_small(warehouse, config(warehouse_path, 2), INGEST, {}, files) is expected


def test_nothing_is_small_below_no_bound(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))

    assert not is_small(warehouse, config(warehouse_path, 0), INGEST, {}, [])


def test_tables_count_for_the_stages_that_read_them(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    absent = {f.name: F.lit(None).cast(f.dtype) for f in EDGES.fields}
    key = F.unhex(F.sha2(F.col("id").cast("string"), 256))
    there = {"src": F.col("id"), "dst": F.col("id") + 1, "n_events": F.lit(1).cast("bigint"), "source": F.lit("event")}
    there |= {"first_event_order": key, "last_event_order": key, "first_run": F.lit(1).cast("bigint")}
    there |= {f"{end}_event_time": F.timestamp_seconds("id") for end in ("first", "last")}
    there |= {"last_run": F.col("id")}
    rows = spark.range(40_000).select("id").withColumns(absent | there)
    version, _ = warehouse.replace(EDGES, rows, CommitTag(1, 1, 1))
    n_bytes = warehouse.n_bytes(EDGES, version)
    assert n_bytes is not None
    assert MEGABYTE < n_bytes < 8 * MEGABYTE

    found = {
        bound: [
            is_small(warehouse, config(warehouse_path, bound), stage, {EDGES.name: version}, ())
            for stage in (INGEST, GRAPH, IDENTITY)
        ]
        for bound in (1, 4, 32)
    }

    # in memory they are some four times as many
    assert found == {1: [True, False, False], 4: [True, False, False], 32: [True, True, True]}


def test_a_table_of_unknown_size_is_not_small(spark: SparkSession, warehouse_path: Path) -> None:
    warehouse = Warehouse(spark, str(warehouse_path))
    version, _ = warehouse.replace(EDGES, EDGES.empty(spark), CommitTag(1, 1, 1))
    for checksum in Path(warehouse.path(EDGES)).glob("_delta_log/*.crc"):
        checksum.unlink()

    assert not is_small(warehouse, config(warehouse_path, 8), GRAPH, {EDGES.name: version}, ())


@pytest.mark.usefixtures("planned_for_many_rows")
def test_settings_are_given_back_and_those_of_the_user_stand(spark: SparkSession) -> None:
    names = (SHUFFLE_PARTITIONS, "spark.sql.adaptive.enabled", "spark.sql.codegen.wholeStage")
    before = [spark.conf.get(name, None) for name in names]

    with planned_for_small_data(spark, given={SHUFFLE_PARTITIONS}):
        within = [spark.conf.get(name) for name in names]

    assert within == [before[0], "false", "false"]
    assert [spark.conf.get(name, None) for name in names] == before


@pytest.mark.usefixtures("planned_for_many_rows")
def test_plans_for_small_data_need_neither_shuffles_nor_compiled_code(spark: SparkSession) -> None:
    rows = spark.range(10).selectExpr("id", "id % 3 AS place").coalesce(1).localCheckpoint()

    with planned_for_small_data(spark):
        counted = rows.groupBy("place").count().join(rows, "place").sort("id")
        plan = counted._jdf.queryExecution().executedPlan().toString()
        found = [row["count"] for row in counted.collect()]

    assert not [word for word in ("Exchange hash", "AdaptiveSparkPlan", "*(") if word in plan]
    assert found == [4, 3, 3, 4, 3, 3, 4, 3, 3, 4]
