from __future__ import annotations

from pyspark.sql import SparkSession

from oneuser.graph.surrogate_ids import assign_identifier_ids, count_ranges, sort_into_ranges


def test_numbers_are_dense_and_the_same_wherever_the_rows_are_read(spark: SparkSession) -> None:
    keys = [("email" if n % 2 else "user_id", bytearray([n]), f"value {n}") for n in range(50)]
    new = spark.createDataFrame(keys, "id_type string, id_key binary, id_value string").repartition(3)
    ranges = sort_into_ranges(new).persist()

    assigned = assign_identifier_ids(ranges, count_ranges(ranges), after=7)
    alone = {(row["id_type"], bytes(row["id_key"])): row["identifier_id"] for row in assigned.collect()}
    # beside other rows a partition has another place among those of its task
    others = spark.range(4, numPartitions=2).selectExpr("id", "'x'", "binary('x')", "'x'")
    beside = {(row[1], bytes(row[2])): row[0] for row in others.union(assigned).collect() if row[1] != "x"}
    ranges.unpersist()

    in_order = sorted((kind, bytes(key)) for kind, key, _ in keys)
    assert alone == {key: 8 + place for place, key in enumerate(in_order)}
    assert beside == alone
