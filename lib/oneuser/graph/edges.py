"""Edges: which identifiers the same message, an alias, a link or a rule says belong to one person.

Reads   linking messages, imported links, manual rules
Yields  edges               one row per pair (src < dst) and kind of evidence
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import EDGES
from oneuser.core.message_identifiers import ALIAS, OBSERVED
from oneuser.graph.id_types import priority_of
from oneuser.spark.event_order import event_order

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import Column

MANUAL = "manual"
_ENDS = ("src", "dst")


def find_pairs(messages: DataFrame) -> DataFrame:
    """Link each message's identifiers to its best one, and both ends of each alias.

    A star has k - 1 edges instead of k * (k - 1) / 2, with the same components. The centre is the identifier of the
    strongest type, then of the smallest key: nothing that a later message could change.

    Args:
        messages: Rows of `linking_messages`.

    Returns:
        One row per message and pair that it asserts: `src`, `dst`, `source`, `event_time`, `event_order`, `priority`
        (null), `run_seq`. A message with one identifier yields none; a pair of equal ends yields none.
    """
    observed = F.filter("members", lambda m: m["link"].isin(*OBSERVED))
    new_ids = F.filter("members", lambda m: m["link"] == ALIAS)
    old_ids = F.filter("members", lambda m: ~m["link"].isin(*OBSERVED))
    others = F.slice(observed, F.lit(2), F.size(observed))
    by_event = _asserted(messages, observed[0], others, source="event", where=F.size(observed) > 1)
    is_rename = (F.size(new_ids) > 0) & (F.size(old_ids) > 0)
    return by_event.unionByName(_asserted(messages, new_ids[0], old_ids, source="alias", where=is_rename))


def _asserted(messages: DataFrame, centre: Column, others: Column, *, source: str, where: Column) -> DataFrame:
    """One row per message and pair of one kind."""
    ends = (
        messages.where(where)
        .select(
            "event_time",
            event_order().alias("event_order"),
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
        "event_time",
        "event_order",
        F.lit(None).cast("int").alias("priority"),
        "run_seq",
    )


def link_pairs(links: DataFrame, eligible_ends: DataFrame) -> DataFrame:
    """Pairs of imported links, in the shape of `find_pairs`; those with an end that may not link are left out.

    Args:
        links: Rows of `links`.
        eligible_ends: `identifier_id` of the identifiers that may link in this run.
    """
    pairs = links.select(
        *_ENDS,
        "source",
        F.col("link_time").alias("event_time"),
        F.lit(None).cast("binary").alias("event_order"),
        "priority",
        "run_seq",
    )
    return between(pairs, eligible_ends)


def included_pairs(
    manual_rules: DataFrame, eligible_ends: DataFrame, edges: DataFrame | None = None, *, run_seq: int
) -> DataFrame:
    """Pairs that a manual rule includes, in the shape of `find_pairs`. What another rule excludes is not included.

    Args:
        manual_rules: `action`, `src`, `dst`.
        eligible_ends: `identifier_id` of the identifiers that may link in this run.
        edges: Rows of `edges` of the last run: a pair that a rule included then keeps the run in which it did so first.
        run_seq: This run.
    """
    rules = manual_rules.select(*_ENDS, "action")
    excluded = rules.where(F.col("action") == "exclude").select(*_ENDS)
    included = rules.where(F.col("action") == "include").join(excluded, on=[*_ENDS], how="left_anti")
    pairs = included.select(
        *_ENDS,
        F.lit(MANUAL).alias("source"),
        F.lit(None).cast("timestamp").alias("event_time"),
        F.lit(None).cast("binary").alias("event_order"),
        F.lit(None).cast("int").alias("priority"),
        F.lit(run_seq).cast("bigint").alias("run_seq"),
    )
    pairs = pairs.distinct()
    if edges is not None:
        known = edges.where(F.col("source") == MANUAL).select(*_ENDS, "first_run")
        pairs = pairs.join(known, on=[*_ENDS], how="left").withColumn("run_seq", F.coalesce("first_run", "run_seq"))
        pairs = pairs.drop("first_run")
    return between(pairs, eligible_ends)


def between(pairs: DataFrame, ends: DataFrame) -> DataFrame:
    """The pairs both of whose ends are among some identifiers."""
    kept = pairs
    for end in _ENDS:
        kept = kept.join(ends.select(F.col("identifier_id").alias(end)), on=end, how="left_semi")
    return kept


def touching(pairs: DataFrame, identifiers: DataFrame) -> DataFrame:
    """The pairs one of whose ends is among some identifiers."""
    marked = identifiers.select("identifier_id", F.lit(True).alias("is_marked"))
    for end in _ENDS:
        ends = marked.withColumnsRenamed({"identifier_id": end, "is_marked": f"is_{end}_marked"})
        pairs = pairs.join(ends, on=end, how="left")
    is_touched = F.col("is_src_marked").isNotNull() | F.col("is_dst_marked").isNotNull()
    return pairs.where(is_touched).drop("is_src_marked", "is_dst_marked")


def build_edges(*pairs: DataFrame) -> DataFrame:
    """One row per pair and source, with the messages or records that assert it counted and dated.

    Args:
        pairs: Frames in the shape of `find_pairs`.

    Returns:
        Rows of `edges`.
    """
    at = F.when(F.col("event_time").isNotNull(), F.struct("event_time", "event_order"))
    counted = (
        reduce(DataFrame.unionByName, pairs)
        .groupBy("src", "dst", "source")
        .agg(
            F.count(F.lit(1)).alias("n_events"),
            F.min(at).alias("first"),
            F.max(at).alias("last"),
            F.min("priority").alias("priority"),
            F.min("run_seq").alias("first_run"),
            F.max("run_seq").alias("last_run"),
        )
    )
    return EDGES.conform(
        counted.select(
            "*",
            F.col("first.event_time").alias("first_event_time"),
            F.col("first.event_order").alias("first_event_order"),
            F.col("last.event_time").alias("last_event_time"),
            F.col("last.event_order").alias("last_event_order"),
        )
    )


def find_sightings(eligible: DataFrame) -> DataFrame:
    """When messages have named each identifier, and how many.

    Args:
        eligible: Rows of `eligible_identifiers`.

    Returns:
        `identifier_id`, `first` (struct of `event_time`, `event_order`), `last_seen_at`, `n_events`.
    """
    return eligible.groupBy("identifier_id").agg(
        F.min(F.struct("event_time", event_order().alias("event_order"))).alias("first"),
        F.max("event_time").alias("last_seen_at"),
        F.count(F.lit(1)).alias("n_events"),
    )


def describe_vertices(
    seen: DataFrame,
    edges: DataFrame | None,
    identifiers: DataFrame,
    *,
    priorities: Mapping[str, int],
    known_types: Collection[str],
) -> DataFrame:
    """One row per identifier that is in the graph: when it was seen, in how many messages, with type and key.

    What is declared of its type is looked up here, once: everything after reads the columns.

    Args:
        seen: What `find_sightings` gives, without identifiers that are over-shared.
        edges: Rows of `edges`, where some of their ends may be in no message: those are in the graph too, never seen.
            Null where every end is in one.
        identifiers: Rows of `identifiers`.
        priorities: Priority by id type.
        known_types: Id types that name a person.

    Returns:
        The columns of `components` but for label and flags.
    """
    if edges is not None:
        ends = edges.select(F.explode(F.array(*_ENDS)).alias("identifier_id")).distinct()
        seen = seen.join(ends, on="identifier_id", how="full").withColumn(
            "n_events", F.coalesce("n_events", F.lit(0).cast("bigint"))
        )
    return seen.join(identifiers.select("identifier_id", "id_type", "id_key"), on="identifier_id", how="inner").select(
        "identifier_id",
        "id_type",
        "id_key",
        priority_of(F.col("id_type"), priorities).alias("priority"),
        F.col("id_type").isin(*sorted(known_types)).alias("is_known"),
        F.col("first.event_time").alias("first_seen_at"),
        F.col("first.event_order").alias("first_event_order"),
        "last_seen_at",
        "n_events",
    )
