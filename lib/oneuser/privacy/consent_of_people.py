"""Consent of people: for which purposes their data may be used, and who may be used for some.

Reads   events (their consent alone), event_identifiers, events_resolved
Yields  consent   one row per person and purpose that a message of theirs says something about
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.privacy import CONSENT, GRANTED, REFUSED
from oneuser.core.message_identifiers import BEST_FIRST, OBSERVED
from oneuser.privacy.consent_replay import STANDINGS, STEPS, replay_people
from oneuser.spark.clustering import cluster
from oneuser.spark.event_order import event_order

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import Column, DataFrame


def build_consent(
    resolved: DataFrame,
    carried: DataFrame,
    said: DataFrame,
    *,
    priorities: Mapping[str, int],
    known_types: Collection[str],
    opt_out_refuses: Collection[str],
    stating_events: Collection[str],
) -> DataFrame:
    """Decide what stands for each person, from all their messages (see `consent_replay`).

    A message speaks for its device, its best anonymous identifier, or for its best known one where it has none. One
    that belongs to nobody speaks for nobody. Grows with the messages that say something or carry several identifiers;
    one shuffle by message and one by person.

    Args:
        resolved: Rows of `events_resolved`, all of each person.
        carried: Rows of `event_identifiers` of these messages.
        said: `message_key` and `consent` of the messages that say something.
        priorities: Priority by id type; types that are not declared are left out.
        known_types: Types that name a person.
        opt_out_refuses: Purposes that a signal against sale and sharing refuses.
        stating_events: Names of events that state preferences, so that what they say is new even where it is the same.

    Returns:
        Rows of `consent`.
    """
    best_first = _best_first(priorities, known_types)
    members = carried.where(F.col("id_type").isin(*sorted(priorities))).select(
        "message_key", "n_links", F.struct(*best_first, "identifier_id").alias("member")
    )
    alone = members.where(F.col("n_links") == 1).select("message_key", F.array("member").alias("members"))
    together = (
        members.where(F.col("n_links") > 1)
        .groupBy("message_key")
        .agg(F.array_sort(F.collect_list("member")).alias("members"))
    )
    speaking = alone.join(said, on="message_key", how="inner").unionByName(
        together.join(said, on="message_key", how="left")
    )
    owned = resolved.where(F.col("user_id").isNotNull()).select(
        "message_key", "user_id", "event_time", "received_at", "event", "source"
    )
    steps = speaking.join(owned, on="message_key", how="inner").select(
        "user_id",
        F.unix_micros("event_time").alias("at"),
        event_order().alias("event_order"),
        F.col("members.identifier_id").alias("identifiers"),
        "consent",
        F.coalesce(F.col("event").isin(*sorted(stating_events)), F.lit(False)).alias("is_stated"),
        "source",
    )
    replay = partial(replay_people, opt_out_refuses=frozenset(opt_out_refuses))
    clustered = cluster(STEPS.select(steps), "user_id", "user_id", "at", "event_order")
    return CONSENT.conform(
        clustered.mapInArrow(replay, STANDINGS.ddl).select(
            "*",
            F.when(F.col("is_granted"), GRANTED).otherwise(REFUSED).alias("state"),
            F.timestamp_micros("since_us").alias("since"),
        )
    )


def _best_first(priorities: Mapping[str, int], known_types: Collection[str]) -> list[Column]:
    """Columns that put the device that speaks first: what the message itself names, anonymous before known."""
    priority = F.element_at(
        F.create_map(*[F.lit(one) for pair in sorted(priorities.items()) for one in pair]), F.col("id_type")
    )
    by_name = {"priority": priority.alias("priority"), "type_rank": F.col("type_rank")}
    return [
        (~F.col("link").isin(*OBSERVED)).alias("is_previous"),
        F.col("id_type").isin(*sorted(known_types)).alias("is_known"),
        *[by_name[name] for name in BEST_FIRST],
    ]


def find_consenting_people(consent: DataFrame, purposes: Collection[str]) -> DataFrame:
    """`user_id` of the people who may be used for something: they grant every purpose that it needs.

    A purpose that somebody has said nothing about is not granted. This is what attribution, exports and whatever else
    publishes people ask.

    Args:
        consent: Rows of `consent`.
        purposes: Purposes, at least one: what needs none has nobody to ask.
    """
    granted = consent.where((F.col("state") == GRANTED) & F.col("purpose").isin(*sorted(purposes)))
    n_granted = granted.groupBy("user_id").agg(F.count(F.lit(1)).alias("n"))
    return n_granted.where(F.col("n") == len(set(purposes))).select("user_id")
