"""Consent for linking: which messages may say that identifiers belong together.

Linking looks at the identifiers of each message, never at the component: a refusal by one identifier says nothing about
others of the same person.

Reads   events              their consent alone
        eligible rows of event_identifiers
Yields  what messages say about the purposes, and which messages may link
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from oneuser.spark.event_order import event_order

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import Column, DataFrame

# of what a message says, as it is stored
SAID = "categoryPreferences map<string,boolean>, optOut boolean"


def read_preferences(
    events: DataFrame, purposes: Collection[str], *, opt_out_refuses: Collection[str] = ()
) -> DataFrame:
    """What messages say about the purposes.

    Args:
        events: Rows of `events`; only those with consent are looked at.
        purposes: Purposes without which no message links; at least one.
        opt_out_refuses: Purposes that a signal against sale and sharing refuses.

    Returns:
        One row per message with preferences: `message_key`, `agrees`, whether it carries every purpose; `signals`,
        structs of `purpose`, `granted`, one per purpose that it names, empty where it names none; `refuses`, whether
        one of them is a refusal.
    """
    named = [
        F.struct(F.lit(p).alias("purpose"), _granted(p, may_be_refused=p in opt_out_refuses).alias("granted"))
        for p in sorted(purposes)
    ]
    return (
        events.where(F.col("consent").isNotNull())
        .select("message_key", F.from_json("consent", SAID).alias("said"))
        .where(F.col("said.categoryPreferences").isNotNull() | F.col("said.optOut").isNotNull())
        .select("message_key", F.filter(F.array(*named), lambda s: s["granted"].isNotNull()).alias("signals"))
        .select(
            "message_key",
            "signals",
            ((F.size("signals") == len(named)) & F.forall("signals", lambda s: s["granted"])).alias("agrees"),
            F.exists("signals", lambda s: ~s["granted"]).alias("refuses"),
        )
    )


def _granted(purpose: str, *, may_be_refused: bool) -> Column:
    """What a message says about a purpose; null where that is nothing."""
    stated = F.col("said.categoryPreferences")[purpose]
    return F.when(F.col("said.optOut"), F.lit(False)).otherwise(stated) if may_be_refused else stated


def find_consenting(told: DataFrame, eligible: DataFrame, refusing: DataFrame | None) -> DataFrame:
    """`message_key` of the messages that may link.

    A message may if it carries every purpose, and no identifier of it is under a refusal. A message without a category,
    or without preferences at all, does not carry the purpose.

    Args:
        told: Rows of `read_preferences`.
        eligible: Rows of `eligible_identifiers` of the messages in question; others are no part of the answer, or not a
            true one.
        refusing: What `find_refusing` answers; null where nothing refuses.
    """
    agreeing = told.where("agrees").select("message_key")
    if refusing is None:
        return agreeing
    under_refusal = eligible.select("message_key", "identifier_id").join(refusing, on="identifier_id", how="left_semi")
    return agreeing.join(under_refusal.select("message_key"), on="message_key", how="left_anti")


def find_refusing(told: DataFrame, eligible: DataFrame, *, known_types: Collection[str]) -> DataFrame:
    """`identifier_id` of the identifiers whose latest signal about one of the purposes is a refusal.

    The latest in the order of events holds for the messages before and after it.

    Args:
        told: Rows of `read_preferences`.
        eligible: Rows of `eligible_identifiers`, of all messages.
        known_types: Id types that name a person: a signal belongs to the known identifiers of its message, or to the
            anonymous ones where it has no known one.
    """
    is_known = F.col("id_type").isin(*sorted(known_types))
    signals = told.where(F.size("signals") > 0).select("message_key", "signals")
    whole_message = Window.partitionBy("message_key").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    # what carries no signal goes before anything is grouped
    belongs = (
        eligible.select("message_key", "identifier_id", "event_time", "received_at", is_known.alias("is_known"))
        .join(signals, on="message_key", how="inner")
        .withColumn("has_known", F.bool_or("is_known").over(whole_message))
        .where(F.col("is_known") == F.col("has_known"))
        .select("identifier_id", "event_time", event_order().alias("event_order"), F.explode("signals").alias("signal"))
    )
    latest = belongs.groupBy("identifier_id", F.col("signal.purpose").alias("purpose")).agg(
        F.max(F.struct("event_time", "event_order", F.col("signal.granted").alias("granted"))).alias("latest")
    )
    return latest.where(~F.col("latest.granted")).select("identifier_id").distinct()
