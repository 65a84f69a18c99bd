"""The yardstick: the same steps as a plain PySpark script somebody would write in an afternoon.

Parse, de-duplicate, identifiers, edges, components, map, resolved events, all as Parquet. No history, no persistent
IDs, no quarantine, no checks, nothing resumable. It shares no code with oneuser.

    python tests/bench/plain_job.py EVENTS_GLOB OUT_FOLDER
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

EVENT = (
    "messageId string, type string, event string, userId string, anonymousId string, previousId string, "
    "groupId string, timestamp string, receivedAt string, traits map<string,string>, properties map<string,string>, "
    "context struct<traits:struct<email:string>,campaign:map<string,string>,page:map<string,string>>"
)


def label(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Components of all pairs, in one task."""
    pairs = pa.Table.from_batches(list(batches))
    if pairs.num_rows == 0:
        return
    src, dst = pairs.column("src").to_numpy(), pairs.column("dst").to_numpy()
    ids, numbers = np.unique(np.concatenate([src, dst]), return_inverse=True)
    graph = coo_array(
        (np.ones(len(src), np.int8), (numbers[: len(src)], numbers[len(src) :])), shape=(len(ids), len(ids))
    )
    _, component = connected_components(graph, directed=False)
    yield pa.record_batch({"id": pa.array(ids), "component": pa.array(component.astype(np.int64))})


def run(spark: SparkSession, events_glob: str, out: str) -> dict[str, float]:
    """Do all steps; returns seconds by step."""
    seconds: dict[str, float] = {}

    def save(name: str, rows: DataFrame) -> DataFrame:
        started = time.monotonic()
        rows.write.mode("overwrite").parquet(f"{out}/{name}")
        seconds[name] = round(time.monotonic() - started, 2)
        return spark.read.parquet(f"{out}/{name}")

    lines = spark.read.text(events_glob)
    parsed = lines.select("value", F.from_json("value", EVENT).alias("e")).where("e.messageId is not null")
    events = save("events", parsed.select("e.*", "value").dropDuplicates(["messageId"]))
    email = F.lower(F.trim(F.coalesce(F.col("traits")["email"], F.col("context.traits.email"))))
    found = F.array(
        F.struct(F.lit("user_id").alias("id_type"), F.trim("userId").alias("value")),
        F.struct(F.lit("email").alias("id_type"), email.alias("value")),
        F.struct(F.lit("anonymous_id").alias("id_type"), F.trim("anonymousId").alias("value")),
    )
    identified = events.select("messageId", F.explode(F.filter(found, lambda x: x["value"].isNotNull())).alias("i"))
    identifiers = save(
        "event_identifiers",
        identified.select("messageId", "i.id_type", "i.value", F.xxhash64("i.id_type", "i.value").alias("id")),
    )
    stars = identifiers.groupBy("messageId").agg(F.array_sort(F.collect_set("id")).alias("ids")).where("size(ids) > 1")
    edges = save(
        "edges",
        stars.select(F.col("ids")[0].alias("src"), F.explode(F.slice("ids", 2, 99)).alias("dst"))
        .groupBy("src", "dst")
        .agg(F.count(F.lit(1)).alias("n_events")),
    )
    components = save(
        "components", edges.select("src", "dst").repartition(1).mapInArrow(label, "id bigint, component bigint")
    )
    everyone = identifiers.groupBy("id", "id_type", "value").agg(F.count(F.lit(1)).alias("n_events"))
    mapped = everyone.join(components, on="id", how="left").withColumn("person", F.coalesce("component", "id"))
    identifier_map = save("identifier_map", mapped.drop("component"))
    person = identifiers.join(identifier_map.select("id", "person"), on="id", how="inner")
    owners = person.groupBy("messageId").agg(F.max("person").alias("person"))
    slim = events.select("messageId", "type", "event", "timestamp", "groupId")
    save("events_resolved", slim.join(owners, on="messageId", how="left"))
    return seconds


def main() -> None:
    """Time the job in a session of its own, and print one JSON line."""
    started = time.monotonic()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "3g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    seconds = {"session": round(time.monotonic() - started, 2)} | run(spark, sys.argv[1], sys.argv[2])
    spark.stop()
    sys.stdout.write(json.dumps(seconds | {"total": round(time.monotonic() - started, 2)}) + "\n")


if __name__ == "__main__":
    main()
