"""Edges: which identifiers the same message, or an alias, says belong to one person.

Reads   event_identifiers   one row per message and identifier
Yields  edges               one row per pair (src < dst) and kind of evidence
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from oneuser.contracts.graph import EDGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column, DataFrame

# how an identifier hangs on a message
CARRIED = ("event", "alias")


def carried_identifiers(
    event_identifiers: DataFrame, blocked: DataFrame | None, *, priorities: Mapping[str, int]
) -> DataFrame:
    """What messages carry and may own them: of a configured type and not blocked; previousIds apart.

    Args:
        event_identifiers: Rows of `event_identifiers`.
        blocked: One row per blocked identifier (`identifier_id`); null where nothing is blocked.
        priorities: Priority by id type; 1 is strongest. Types that are not in it no longer link.

    Returns:
        Rows of `event_identifiers` with `priority`.
    """
    return _allowed(event_identifiers, blocked, priorities).where(F.col("link").isin(*CARRIED))


def usable_identifiers(
    event_identifiers: DataFrame, blocked: DataFrame | None, *, priorities: Mapping[str, int]
) -> DataFrame:
    """The rows that may link: `carried_identifiers`, and of each previousId the one reading that holds.

    A previousId is an anonymous id if any stored message carries that value as one, else a user id. The look-up of
    carried identifiers grows with the alias messages.
    """
    allowed = _allowed(event_identifiers, blocked, priorities)
    carried = allowed.where(F.col("link").isin(*CARRIED))
    previous = allowed.where(~F.col("link").isin(*CARRIED))
    is_anonymous = F.col("link") == "previous_anonymous"
    seen = (
        carried.select("identifier_id")
        .join(
            F.broadcast(previous.where(is_anonymous).select("identifier_id").distinct()),
            on="identifier_id",
            how="left_semi",
        )
        .distinct()
        .withColumn("is_seen", F.lit(True))
    )
    readings = previous.join(F.broadcast(seen), on="identifier_id", how="left")
    whole_message = Window.partitionBy("message_key").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    reads_as_anonymous = F.coalesce(F.bool_or(is_anonymous & F.col("is_seen")).over(whole_message), F.lit(False))
    holds = (F.col("link") == "previous") | (is_anonymous == F.col("reads_as_anonymous"))
    chosen = readings.withColumn("reads_as_anonymous", reads_as_anonymous).where(holds)
    return carried.unionByName(chosen.drop("is_seen", "reads_as_anonymous"))


def _allowed(event_identifiers: DataFrame, blocked: DataFrame | None, priorities: Mapping[str, int]) -> DataFrame:
    ranked = F.create_map(*[F.lit(item) for pair in sorted(priorities.items()) for item in pair])
    typed = event_identifiers.where(F.col("id_type").isin(*priorities)).withColumn("priority", ranked[F.col("id_type")])
    if blocked is None:
        return typed
    return typed.join(F.broadcast(blocked.select("identifier_id")), on="identifier_id", how="left_anti")


def build_edges(usable: DataFrame) -> DataFrame:
    """Link each message's identifiers to its best one, and both ends of each alias.

    A star has k - 1 edges instead of k * (k - 1) / 2, with the same components. The centre is the identifier of the
    strongest type, then of the smallest key: nothing that a later message could change.

    Args:
        usable: Rows of `usable_identifiers`.

    Returns:
        Rows of `edges`. A message with one identifier yields none; a pair of equal ends yields none.
    """
    member = F.struct("priority", "type_rank", "identifier_id", "link")
    stars = (
        usable.groupBy("message_key")
        .agg(
            F.array_sort(F.collect_list(member)).alias("members"),
            F.first("event_time").alias("event_time"),
            F.first("run_seq").alias("run_seq"),
        )
        .where(F.size("members") > 1)
    )
    carried = F.filter("members", lambda m: m["link"].isin(*CARRIED))
    new_ids = F.filter("members", lambda m: m["link"] == "alias")
    old_ids = F.filter("members", lambda m: ~m["link"].isin(*CARRIED))
    others = F.slice(carried, F.lit(2), F.size(carried))
    event_pairs = _pairs(stars, carried[0], others, source="event", where=F.size(carried) > 1)
    alias_pairs = _pairs(
        stars, new_ids[0], old_ids, source="alias", where=(F.size(new_ids) > 0) & (F.size(old_ids) > 0)
    )
    return EDGES.conform(_counted(event_pairs.unionByName(alias_pairs)))


def _pairs(stars: DataFrame, centre: Column, others: Column, *, source: str, where: Column) -> DataFrame:
    """One row per message and pair that it asserts."""
    ends = (
        stars.where(where)
        .select(
            "message_key",
            "event_time",
            "run_seq",
            centre["identifier_id"].alias("centre"),
            F.explode(others["identifier_id"]).alias("other"),
        )
        .where(F.col("centre") != F.col("other"))
    )
    return ends.select(
        F.least("centre", "other").alias("src"),
        F.greatest("centre", "other").alias("dst"),
        F.lit(source).alias("source"),
        F.struct("event_time", "message_key").alias("at"),
        "run_seq",
    )


def _counted(pairs: DataFrame) -> DataFrame:
    """One row per pair and source, with the messages that assert it counted and dated."""
    counted = pairs.groupBy("src", "dst", "source").agg(
        F.count(F.lit(1)).alias("n_events"),
        F.min("at").alias("first"),
        F.max("at").alias("last"),
        F.min("run_seq").alias("first_run"),
        F.max("run_seq").alias("last_run"),
    )
    return counted.select(
        "*",
        F.col("first.event_time").alias("first_event_time"),
        F.col("first.message_key").alias("first_message_key"),
        F.col("last.event_time").alias("last_event_time"),
        F.col("last.message_key").alias("last_message_key"),
    )


def describe_vertices(usable: DataFrame, identifiers: DataFrame) -> DataFrame:
    """One row per identifier that is in the graph: when it was seen, in how many messages, with type and key.

    Reads `usable_identifiers` and `identifiers`; yields the columns of `components` but for the label.
    """
    seen = usable.groupBy("identifier_id").agg(
        F.min(F.struct("event_time", "message_key")).alias("first"),
        F.max("event_time").alias("last_seen_at"),
        F.count(F.lit(1)).alias("n_events"),
    )
    return seen.join(identifiers.select("identifier_id", "id_type", "id_key"), on="identifier_id", how="inner").select(
        "identifier_id",
        "id_type",
        "id_key",
        F.col("first.event_time").alias("first_seen_at"),
        F.col("first.message_key").alias("first_message_key"),
        "last_seen_at",
        "n_events",
    )
