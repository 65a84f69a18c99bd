"""One event for each message, whatever number of duplicates arrived, in whatever order.

Of the duplicates of a message the one received first counts (without a receipt, last), then the smallest content hash,
then the first source by name, since a source may say more of its events than they do, such as that they are touches.
The comparison looks at keys alone; whole lines are moved only where a message has duplicates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.window import Window as W

from oneuser.events.event_identifiers import carried_identifiers

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def find_equal_rows(events: DataFrame) -> DataFrame:
    """One row per file and content that several rows without a message id share: `file`, `message_key`."""
    return (
        events.where("is_keyless")
        .groupBy("file", "message_key")
        .agg(F.count(F.lit(1)).alias("n_rows"))
        .where(F.col("n_rows") > 1)
        .select("file", "message_key", F.lit(True).alias("is_keyless"))
    )


def separate_equal_rows(events: DataFrame, equal: DataFrame) -> DataFrame:
    """Give equal rows without a message id, in one file, a key each: by their number among their equals.

    The first keeps the key of its content, so that the same row in another file is the same message; the n-th meets
    the n-th. Rows with a message id pass unchanged. `equal` is the answer of `find_equal_rows` for the same events.
    """
    on = ["file", "message_key", "is_keyless"]
    # equal rows are alike in all that matters; the rest of the order makes the choice the same every time
    numbers = W.partitionBy("file", "message_key").orderBy("line_hash", "raw")
    number = F.row_number().over(numbers.rowsBetween(W.unboundedPreceding, W.currentRow)) - 1
    later_key = F.substring(
        F.unhex(F.sha2(F.concat("message_key", F.encode(number.cast("string"), "UTF-8")), 256)), 1, 16
    )
    equals = events.join(equal, on=on, how="left_semi").withColumn(
        "message_key", F.when(number == 0, F.col("message_key")).otherwise(later_key)
    )
    others = events.join(equal, on=on, how="left_anti")
    return others.unionByName(equals.select(*others.columns))


def without_suppressed(events: DataFrame, suppressions: DataFrame) -> DataFrame:
    """Rows of messages none of whose duplicates among them carries a suppressed identifier.

    Args:
        events: Parsed events.
        suppressions: One row per suppressed identifier: `id_type`, `id_key`.
    """
    return events.join(_suppressed_messages(events, suppressions), on="message_key", how="left_anti")


def suppressed_only(events: DataFrame, suppressions: DataFrame) -> DataFrame:
    """The rows that `without_suppressed` leaves out."""
    return events.join(_suppressed_messages(events, suppressions), on="message_key", how="left_semi")


def find_duplicated(events: DataFrame) -> DataFrame:
    """One row per message with several rows among `events`: `message_key`, `n_rows`, `is_conflict`."""
    return (
        events.groupBy("message_key")
        .agg(
            F.count(F.lit(1)).alias("n_rows"),
            F.min("content_hash").alias("low"),
            F.max("content_hash").alias("high"),
        )
        .where(F.col("n_rows") > 1)
        .select("message_key", "n_rows", (F.col("low") != F.col("high")).alias("is_conflict"))
    )


def rank_duplicates(events: DataFrame, duplicated: DataFrame) -> DataFrame:
    """The rows of messages with duplicates, with `rank`: 1 for the one that counts. To be persisted.

    Args:
        events: Parsed events.
        duplicated: The answer of `find_duplicated` for the same events.
    """
    order = W.partitionBy("message_key").orderBy(
        F.col("received_at").asc_nulls_last(), "content_hash", "source", "file", "line_hash", "raw"
    )
    rank = F.row_number().over(order.rowsBetween(W.unboundedPreceding, W.currentRow))
    duplicates = events.join(duplicated.select("message_key"), on="message_key", how="left_semi")
    return duplicates.withColumn("rank", rank)


def keep_first(events: DataFrame, ranked: DataFrame) -> DataFrame:
    """One row per message: the one that counts. `ranked` is the answer of `rank_duplicates` for the same events."""
    firsts = ranked.where(F.col("rank") == 1)
    single = events.join(firsts.select("message_key"), on="message_key", how="left_anti")
    return single.unionByName(firsts.select(*single.columns))


def compare_with_stored(
    events: DataFrame, stored: DataFrame, *, are_few: bool = False, by_source: bool = False
) -> DataFrame:
    """One row per message that is stored already: `message_key`, `source`, `is_newer_first`, `is_conflict`.

    Args:
        events: One row per message, new.
        stored: Rows of `events`, the table.
        are_few: Whether the new ones can be sent to every task, so that no stored one is moved to meet them.
        by_source: Whether copies may be of several sources: of equal ones the first of these counts. Of one source,
            equal copies differ in nothing that is read but where they lie, and the stored one stays.

    Returns:
        `is_newer_first` says that the new one counts, and the stored one goes.
    """
    new = events.select("message_key", "source", "received_at", "content_hash")
    new = F.broadcast(new) if are_few else new
    compared = ["received_at", "content_hash", *(["source"] if by_source else [])]
    old = stored.select("message_key", *(F.col(name).alias(f"old_{name}") for name in compared))
    is_earlier = F.col("received_at").isNotNull() & (
        F.col("old_received_at").isNull() | (F.col("received_at") < F.col("old_received_at"))
    )
    is_same_time = F.col("received_at").eqNullSafe(F.col("old_received_at"))
    is_smaller = F.col("content_hash") < F.col("old_content_hash")
    if by_source:
        is_equal = F.col("content_hash") == F.col("old_content_hash")
        is_smaller |= is_equal & (F.col("source") < F.col("old_source"))
    return new.join(old, on="message_key", how="inner").select(
        "message_key",
        "source",
        (is_earlier | (is_same_time & is_smaller)).alias("is_newer_first"),
        (F.col("content_hash") != F.col("old_content_hash")).alias("is_conflict"),
    )


def _suppressed_messages(events: DataFrame, suppressions: DataFrame) -> DataFrame:
    observed = carried_identifiers(events)
    keys = suppressions.select("id_type", "id_key")
    return observed.join(keys, on=["id_type", "id_key"], how="left_semi").select("message_key").distinct()
