"""Groups reach Python whole, also where Spark has a reason of its own to leave rows where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.spark.clustering import cluster

pytestmark = pytest.mark.usefixtures("planned_for_many_rows")
# a join that is planned as a shuffle of both sides, and turns into a broadcast when the small side is known
LATE_BROADCAST = {
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.adaptive.autoBroadcastJoinThreshold": "10m",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
}


@pytest.fixture
def joined(spark: SparkSession) -> Iterator[DataFrame]:
    """Rows of ten groups, spread over four partitions, after such a join by the group."""
    before = {key: spark.conf.get(key, None) for key in LATE_BROADCAST}
    for key, value in LATE_BROADCAST.items():
        spark.conf.set(key, value)
    rows = spark.range(0, 4000, 1, 4).select((F.col("id") % 20).alias("group_id"), "id")
    few = spark.range(0, 20, 1, 2).groupBy((F.col("id") % 20).alias("group_id")).count().where("group_id < 10")
    yield rows.join(few.select("group_id"), on="group_id", how="left_semi")
    for key, value in before.items():
        if value is None:
            spark.conf.unset(key)
        else:
            spark.conf.set(key, value)


def pieces(clustered: DataFrame) -> Counter[int]:
    """How many partitions each group is in."""

    def groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = sorted({group for batch in batches for group in batch.column("group_id").to_pylist()})
        yield pa.RecordBatch.from_pydict({"group_id": pa.array(found, pa.int64())})

    return Counter(row["group_id"] for row in clustered.mapInArrow(groups, "group_id bigint").collect())


def test_a_group_is_whole(joined: DataFrame) -> None:
    assert pieces(cluster(joined, "group_id", "group_id", "id")) == dict.fromkeys(range(10), 1)
    assert pieces(cluster(joined, "group_id")) == dict.fromkeys(range(10), 1)


def test_repartition_alone_would_tear_it(joined: DataFrame) -> None:
    """Where this fails, Spark has mended it, and `cluster` has lost its reason."""
    assert max(pieces(joined.repartition("group_id").sortWithinPartitions("group_id")).values()) > 1
