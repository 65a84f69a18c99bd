"""Identifiers that were first seen under an earlier version of the key. Python, on executors, over distinct values.

Reads   identifiers as they are read now, keyed with the newest version; stored keys of all versions
Yields  for each of them that is stored under another key, that one

An identifier keeps the key that it had when it was first seen, since keys break ties: whoever reads it again gives it
the stored one. Grows with the distinct identifiers that are read and with the number of versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.window import Window as W

from oneuser.core.keyed import identifier_hasher
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from oneuser.core.keyed import Keys

ON = ["id_type", "id_key"]
_AGED_KEYS = RowShape({"id_type": "string", "id_key": "binary", "stored_key": "binary", "age": "int"})


def find_stored_keys(observed: DataFrame, stored: DataFrame, *, keys: Keys) -> DataFrame:
    """One row per identifier that is stored under an earlier version: `id_type`, `id_key`, `stored_key`.

    One that is stored under several, as no run leaves it, has the key of the newest of them.

    Args:
        observed: Identifiers, however often each: `id_type`, `id_key` by the newest version, `id_value`. Rows without a
            key are none.
        stored: `id_type`, `id_key` of identifiers by the version that they were first seen under.
        keys: Secrets, which travel inside the pickled function only.
    """
    distinct = observed.select(*ON, "id_value").where(F.col("id_key").isNotNull()).distinct()
    aged = distinct.mapInArrow(_hasher(keys), _AGED_KEYS.ddl)
    known = stored.select("id_type", F.col("id_key").alias("stored_key")).distinct()
    found = aged.join(known, on=["id_type", "stored_key"], how="inner")
    newest = found.groupBy(*ON).agg(F.min_by("stored_key", "age").alias("stored_key"))
    return newest.where(F.col("stored_key") != F.col("id_key"))


def with_stored_keys(rows: DataFrame, stored_keys: DataFrame, *, end: str = "") -> DataFrame:
    """Rows with the stored key of each identifier that has one; all other columns as they are.

    Args:
        rows: Rows with `id_type`, `id_key`, or, where there is an end, `type_a`, `key_a` and the like.
        stored_keys: As `find_stored_keys` gives them.
        end: Which end of a pair, `a` or `b`; empty for rows of one identifier.
    """
    id_type, id_key = (f"type_{end}", f"key_{end}") if end else ON
    renamed = stored_keys.select(
        F.col("id_type").alias(id_type), F.col("id_key").alias(id_key), F.col("stored_key").alias("_stored_key")
    )
    columns = [F.coalesce("_stored_key", id_key).alias(id_key) if name == id_key else name for name in rows.columns]
    return rows.join(renamed, on=[id_type, id_key], how="left").select(*columns)


def observed_under_stored_keys(observed: DataFrame, stored_keys: DataFrame) -> DataFrame:
    """What messages carry (`explode_identifiers`), by stored keys, and ranked by these among those of the message."""
    of_type = W.partitionBy("message_key", "id_type").orderBy("id_key")
    rank = F.dense_rank().over(of_type.rowsBetween(W.unboundedPreceding, W.currentRow)) - 1
    return with_stored_keys(observed, stored_keys).withColumn("type_rank", rank).select(*observed.columns)


def as_observed(stored: DataFrame, stored_keys: DataFrame) -> DataFrame:
    """`id_type`, `id_key` of some stored identifiers: under their own keys, and under those by which they are read."""
    under_own = stored.select("id_type", F.col("id_key").alias("stored_key"))
    again = stored_keys.join(under_own, on=["id_type", "stored_key"], how="left_semi")
    return stored.select(*ON).unionByName(again.select(*ON))


def _hasher(keys: Keys) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def hash_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        _, *earlier = keys.of_each_version()
        hashers: dict[str, list[Callable[[str], bytes]]] = {}
        for batch in batches:
            rows: list[tuple[Any, ...]] = []
            columns: list[list[Any]] = [column.to_pylist() for column in batch.columns]
            for id_type, id_key, value in zip(*columns, strict=True):
                if id_type not in hashers:
                    hashers[id_type] = [identifier_hasher(version, id_type) for version in earlier]
                rows.append((id_type, id_key, id_key, 0))
                rows += [
                    (id_type, id_key, hash_value(value), age)
                    for age, hash_value in enumerate(hashers[id_type], start=1)
                ]
            yield _AGED_KEYS.batch_of(rows)

    return hash_batches
