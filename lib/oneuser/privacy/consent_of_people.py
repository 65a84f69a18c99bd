"""Consent of people: for which purposes their data may be used, and who may be used for some.

Reads   events (their consent alone), event_identifiers, events_resolved
Yields  consent          one row per person and purpose that they have said something about
        consent_replays  one row per person: what later messages go on from
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.privacy import CONSENT, CONSENT_REPLAYS, GRANTED, REFUSED
from oneuser.core.message_identifiers import BEST_FIRST, OBSERVED
from oneuser.privacy.consent_replay import OUTCOMES, STEPS, replay_people
from oneuser.spark.clustering import cluster
from oneuser.spark.event_order import event_order, message_key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True)
class ConsentRules:
    """How messages are understood.

    Attributes:
        priorities: Priority by id type; types that are not declared are left out.
        known_types: Types that name a person.
        opt_out_refuses: Purposes that a signal against sale and sharing refuses.
        stating_events: Names of events that state preferences, so that what they say is new even where it is the same.
    """

    priorities: Mapping[str, int]
    known_types: Collection[str]
    opt_out_refuses: Collection[str]
    stating_events: Collection[str]


def find_steps(resolved: DataFrame, carried: DataFrame, said: DataFrame, rules: ConsentRules) -> DataFrame:
    """Messages of people that say something or join identifiers, as `consent_replay` takes them.

    A message speaks for its device, its best anonymous identifier, or for its best known one where it has none. One
    that belongs to nobody speaks for nobody. Grows with the messages; one shuffle by message.

    Args:
        resolved: Rows of `events_resolved`.
        carried: Rows of `event_identifiers` of these messages.
        said: `message_key` and `consent` of the messages that say something.
        rules: How they are understood.

    Returns:
        Rows of the shape `STEPS`.
    """
    best_first = _best_first(rules.priorities, rules.known_types)
    members = carried.where(F.col("id_type").isin(*sorted(rules.priorities))).select(
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
        F.coalesce(F.col("event").isin(*sorted(rules.stating_events)), F.lit(False)).alias("is_stated"),
        "source",
    )
    return STEPS.select(steps)


def replay_steps(steps: DataFrame, rules: ConsentRules) -> DataFrame:
    """What the steps of people come to, as `consent_replay` says it; one shuffle by person.

    Args:
        steps: Rows of the shape `STEPS`: all of each person, or what was kept and all that came after (`kept_steps`).
        rules: How they are understood.

    Returns:
        Rows of the shape `OUTCOMES`.
    """
    replay = partial(replay_people, opt_out_refuses=frozenset(rules.opt_out_refuses))
    clustered = cluster(steps, "user_id", "user_id", F.col("replayed").isNull(), F.col("at"), F.col("event_order"))
    return clustered.mapInArrow(replay, OUTCOMES.ddl)


def kept_steps(replays: DataFrame) -> DataFrame:
    """Rows of `consent_replays` as the steps with which each of these replays goes on."""
    last = F.unix_micros("last_at").alias("at"), F.col("last_order").alias("event_order")
    return STEPS.select(replays.select("user_id", *last, "replayed"))


def find_late(steps: DataFrame, replays: DataFrame) -> DataFrame:
    """`user_id` of people of whom a step comes before the last that was replayed: theirs are to be replayed anew."""
    first = steps.groupBy("user_id").agg(F.min(F.struct("at", "event_order")).alias("first"))
    last = F.struct(F.unix_micros("last_at").alias("at"), F.col("last_order").alias("event_order"))
    kept = replays.select("user_id", last.alias("last"))
    return first.join(kept, on="user_id", how="inner").where("first < last").select("user_id")


def consent_of(outcomes: DataFrame) -> DataFrame:
    """Rows of `consent`, of what a replay came to."""
    stands = outcomes.where(F.col("purpose").isNotNull())
    return CONSENT.conform(
        stands.select(
            "user_id",
            "purpose",
            F.when(F.col("is_granted"), GRANTED).otherwise(REFUSED).alias("state"),
            F.timestamp_micros("at").alias("since"),
            "source",
            message_key_of("event_order").alias("message_key"),
        )
    )


def replays_of(outcomes: DataFrame) -> DataFrame:
    """Rows of `consent_replays`, of what a replay came to."""
    whole = outcomes.where(F.col("purpose").isNull())
    last = F.timestamp_micros("at").alias("last_at"), F.col("event_order").alias("last_order")
    return CONSENT_REPLAYS.conform(whole.select("user_id", *last, "replayed"))


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
