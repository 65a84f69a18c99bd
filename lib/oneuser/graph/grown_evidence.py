"""Evidence that only grows: what messages have said of identifiers and pairs so far, and what new ones add to it.

Reads   edges, components and refused_edges of the last run; rows of the same shapes made of new messages alone
Yields  rows of these shapes that say what all messages together say

Counts are added, the earliest and the latest are kept: no message that was counted before is looked at again. It holds
as long as none of them has gone, or says something else than it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import EDGES

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# kinds of evidence that messages give
_OF_MESSAGES = ("event", "alias")


def grow_edges(edges: DataFrame, news: DataFrame) -> DataFrame:
    """Rows of `edges` by messages before and now: each pair and kind of evidence once.

    Args:
        edges: Rows of `edges` of the last run; those that no message asserts are left out.
        news: Rows of `edges` made of new messages.
    """
    both = edges.where(F.col("source").isin(*_OF_MESSAGES)).unionByName(news)
    grown = both.groupBy("src", "dst", "source").agg(
        F.sum("n_events").alias("n_events"),
        F.min(_moment("first_event_time", "first_event_order")).alias("first"),
        F.max(_moment("last_event_time", "last_event_order")).alias("last"),
        F.min("priority").alias("priority"),
        F.min("first_run").alias("first_run"),
        F.max("last_run").alias("last_run"),
    )
    ends = [
        F.col(f"{end}.{part}").alias(f"{end}_event_{part}") for end in ("first", "last") for part in ("time", "order")
    ]
    return EDGES.conform(grown.select("*", *ends))


def _moment(at: str, order: str) -> Column:
    return F.struct(F.col(at).alias("time"), F.col(order).alias("order"))


def grow_sightings(components: DataFrame, news: DataFrame) -> DataFrame:
    """When each identifier was seen, and in how many messages: before and now, in the shape of `edges.find_sightings`.

    Args:
        components: Rows of `components` of the last run; those that no message carried are left out.
        news: Sightings by new messages.
    """
    before = components.where(F.col("n_events") > 0).select(
        "identifier_id",
        F.struct(F.col("first_seen_at").alias("event_time"), F.col("first_event_order").alias("event_order")).alias(
            "first"
        ),
        "last_seen_at",
        "n_events",
    )
    return (
        before.unionByName(news)
        .groupBy("identifier_id")
        .agg(
            F.min("first").alias("first"),
            F.max("last_seen_at").alias("last_seen_at"),
            F.sum("n_events").alias("n_events"),
        )
    )


def kept_refusals(refused: DataFrame, rule: str) -> DataFrame:
    """`src`, `dst`, `first_event_time`, `last_event_time` of the pairs that a rule refused in the last run.

    Args:
        refused: Rows of `refused_edges`.
        rule: The rule.
    """
    is_open = (F.col("rule") == rule) & F.col("closed_run").isNull()
    return refused.where(is_open).select("src", "dst", "first_event_time", "last_event_time")


def find_uncertain(persons: DataFrame, components: DataFrame, *, least: Column, more: int) -> DataFrame:
    """`identifier_id` of the values that new messages may have brought near their bound of people.

    Everybody whom messages name beside a value is in its candidate component: so many people it has at most, and those
    of its new messages. `more` are what may be missing there: values that are in no component, pairs kept apart.

    Args:
        persons: `identifier_id`, `priority`, `person_priority`, `person_id` of new messages, as
            `over_shared.find_persons` gives them.
        components: Rows of `components` of the last run, at least the candidate components of these values.
        least: The number of people from which a value is near its bound, of `priority`.
        more: How many more people there may be, whatever the value.
    """
    new = persons.groupBy("identifier_id", "priority", "person_priority").agg(
        F.count_distinct("person_id").alias("n_new")
    )
    before = components.groupBy("candidate_id", F.col("priority").alias("person_priority")).agg(
        F.count(F.lit(1)).alias("n_before")
    )
    held = components.select("identifier_id", "candidate_id")
    bounded = new.join(held, on="identifier_id", how="left").join(
        before, on=["candidate_id", "person_priority"], how="left"
    )
    at_most = F.col("n_new") + F.coalesce("n_before", F.lit(0)) + F.lit(more)
    return bounded.where(at_most >= least).select("identifier_id").distinct()


def only_beyond(pairs: DataFrame, identifiers: DataFrame) -> DataFrame:
    """The pairs neither of whose ends is among some identifiers."""
    for end in ("src", "dst"):
        pairs = pairs.join(identifiers.select(F.col("identifier_id").alias(end)), on=end, how="left_anti")
    return pairs
