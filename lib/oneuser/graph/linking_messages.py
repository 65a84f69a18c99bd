"""Linking messages: which messages may say that identifiers belong together, and what each of them carries.

Reads   event_identifiers   one row per message, identifier and kind of link
Yields  linking messages    one row per message that may link, with its identifiers, the best one first
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from oneuser.core.message_identifiers import BEST_FIRST, EVENT, OBSERVED, PREVIOUS_ANONYMOUS, reading_holds
from oneuser.graph.id_types import priority_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import Column, DataFrame


def observed_identifiers(
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
    return _without_blocked(_typed(event_identifiers, priorities).where(F.col("link").isin(*OBSERVED)), blocked)


def eligible_identifiers(
    event_identifiers: DataFrame,
    blocked: DataFrame | None,
    *,
    priorities: Mapping[str, int],
    readings: DataFrame | None = None,
) -> DataFrame:
    """The rows that may link: `observed_identifiers`, and of each previousId the one reading that holds.

    Args:
        event_identifiers: Rows of `event_identifiers`.
        blocked: As `observed_identifiers` takes it.
        priorities: As `observed_identifiers` takes them.
        readings: What `previous_readings` yields of these rows, where it is at hand.
    """
    observed = observed_identifiers(event_identifiers, blocked, priorities=priorities)
    if readings is None:
        readings = previous_readings(event_identifiers, event_identifiers, blocked, priorities=priorities)
    return observed.unionByName(readings)


def previous_readings(
    aliases: DataFrame,
    event_identifiers: DataFrame,
    blocked: DataFrame | None,
    *,
    priorities: Mapping[str, int],
    has_few: bool = False,
) -> DataFrame:
    """Of each previousId the one reading that holds.

    A previousId is an anonymous id if any stored message carries that value as one, blocked or not, else a user id.

    Args:
        aliases: Rows of `event_identifiers`, all of the messages that have a previousId; others are passed over.
        event_identifiers: Rows of `event_identifiers`, at least all that are stored of the values of previousIds.
        blocked: As `observed_identifiers` takes it.
        priorities: As `observed_identifiers` takes them.
        has_few: Whether the previousIds are few enough to travel to every task; the look-up of observed identifiers
            then moves nothing else.

    Returns:
        Rows of `event_identifiers` with `priority`.
    """
    previous = _typed(aliases, priorities).where(~F.col("link").isin(*OBSERVED))
    observed = _typed(event_identifiers, priorities).where(F.col("link").isin(*OBSERVED))
    is_anonymous = F.col("link") == PREVIOUS_ANONYMOUS
    in_question = previous.where(is_anonymous).select("identifier_id").distinct()
    seen = (
        observed.select("identifier_id")
        .join(F.broadcast(in_question) if has_few else in_question, on="identifier_id", how="left_semi")
        .distinct()
        .withColumn("is_seen", F.lit(True))
    )
    readings = previous.join(F.broadcast(seen) if has_few else seen, on="identifier_id", how="left")
    whole_message = Window.partitionBy("message_key").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    reads_as_anonymous = F.coalesce(F.bool_or(is_anonymous & F.col("is_seen")).over(whole_message), F.lit(False))
    chosen = readings.withColumn("reads_as_anonymous", reads_as_anonymous).where(
        reading_holds(F.col("link"), F.col("reads_as_anonymous"))
    )
    return _without_blocked(chosen.drop("is_seen", "reads_as_anonymous"), blocked)


def _typed(event_identifiers: DataFrame, priorities: Mapping[str, int]) -> DataFrame:
    declared = event_identifiers.where(F.col("id_type").isin(*priorities))
    return declared.withColumn("priority", priority_of(F.col("id_type"), priorities))


def _without_blocked(rows: DataFrame, blocked: DataFrame | None) -> DataFrame:
    if blocked is None:
        return rows
    return rows.join(blocked.select("identifier_id"), on="identifier_id", how="left_anti")


def linking_messages(
    eligible: DataFrame, *, unique_priorities: Collection[int], may_link: DataFrame | None = None
) -> DataFrame:
    """One row per message that may link its identifiers.

    A message, alias messages aside, with two values of a unique type links nothing, and so does one without consent.

    Args:
        eligible: Rows of `eligible_identifiers`.
        unique_priorities: Priorities of the unique types; no two types share one.
        may_link: `message_key` of the messages that have consent; null where none is required.

    Returns:
        `message_key`, `event_time`, `received_at`, `run_seq`, `members`: structs of `priority`, `type_rank`,
        `identifier_id`, `link`, sorted, so that the best comes first. Messages with a single identifier have no row.
    """
    # sort_array compares in compiled code, array_sort element by element in interpreted code
    members = F.sort_array(F.collect_list(F.struct(*BEST_FIRST, "identifier_id", "link")))
    messages = (
        # most messages carry one identifier, and need not be moved to find that out
        eligible.where("n_links > 1")
        .groupBy("message_key")
        .agg(
            members.alias("members"),
            F.first("event_time").alias("event_time"),
            F.first("received_at").alias("received_at"),
            F.first("run_seq").alias("run_seq"),
            _names_one_person(unique_priorities).alias("names_one"),
        )
        .where((F.size("members") > 1) & F.col("names_one"))
        .drop("names_one")
    )
    if may_link is not None:
        messages = messages.join(may_link.select("message_key"), on="message_key", how="left_semi")
    return messages


def _names_one_person(unique_priorities: Collection[int]) -> Column:
    """Whether a message carries at most one value of each unique type, or is an alias message; an aggregate.

    A link that is none of an event is one of an alias, also where the new id itself is blocked.
    """

    def has_two(priority: int) -> Column:
        is_one = (F.col("priority") == priority) & F.col("link").isin(*OBSERVED)
        value = F.when(is_one, F.col("identifier_id"))
        return F.coalesce(F.min(value) < F.max(value), F.lit(False))

    has_two_of_any = reduce(lambda one, other: one | other, map(has_two, sorted(unique_priorities)), F.lit(False))
    return F.bool_or(F.col("link") != EVENT) | ~has_two_of_any


def without_members(messages: DataFrame, left_out: DataFrame) -> DataFrame:
    """The messages without some identifiers. What is left may be a single one, or none.

    Args:
        messages: Rows of `linking_messages`.
        left_out: `identifier_id` of the identifiers that go.
    """
    observed = messages.select("message_key", F.explode("members.identifier_id").alias("identifier_id"))
    gone = (
        observed.join(left_out.select("identifier_id"), on="identifier_id", how="left_semi")
        .groupBy("message_key")
        .agg(F.collect_set("identifier_id").alias("gone"))
    )
    stays = F.filter("members", lambda m: F.col("gone").isNull() | ~F.array_contains("gone", m["identifier_id"]))
    return messages.join(gone, on="message_key", how="left").withColumn("members", stays).drop("gone")
