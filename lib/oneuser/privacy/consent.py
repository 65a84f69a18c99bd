"""Consent for linking: which messages may say that identifiers belong together.

Linking looks at the identifiers of each message, never at the component: a refusal by one identifier says nothing about
others of the same person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import DataFrame

_SHAPE = "categoryPreferences map<string,boolean>"


def find_consenting(
    events: DataFrame, eligible: DataFrame, *, purposes: Collection[str], known_types: Collection[str]
) -> DataFrame:
    """`message_key` of the messages that may link.

    A message may if it carries every purpose, and no identifier of it is under a refusal. A message without a category,
    or without preferences at all, does not carry the purpose. The latest signal of an identifier, by (event_time,
    message_key), holds for the messages before and after it.

    Args:
        events: Rows of `events`.
        eligible: Rows of `eligible_identifiers`.
        purposes: Purposes without which no message links; at least one.
        known_types: Id types that name a person: a signal belongs to the known identifiers of its message, or to the
            anonymous ones where it has no known one.
    """
    preferences = F.from_json("consent", _SHAPE)["categoryPreferences"]
    told = (
        events.where(F.col("consent").isNotNull())
        .select("message_key", "event_time", preferences.alias("preferences"))
        .where(F.col("preferences").isNotNull())
    )
    agrees = F.forall(
        F.array(*[F.coalesce(F.col("preferences")[name], F.lit(False)) for name in sorted(purposes)]), lambda x: x
    )
    refusing = _refusing(told, eligible, purposes=purposes, known_types=known_types)
    under_refusal = eligible.join(refusing, on="identifier_id", how="left_semi").select("message_key").distinct()
    return told.where(agrees).select("message_key").join(under_refusal, on="message_key", how="left_anti")


def _refusing(
    told: DataFrame, eligible: DataFrame, *, purposes: Collection[str], known_types: Collection[str]
) -> DataFrame:
    """`identifier_id` of the identifiers whose latest signal about one of the purposes is a refusal."""
    named = F.array(*[F.struct(F.lit(p).alias("purpose"), F.col("preferences")[p].alias("granted")) for p in purposes])
    signals = told.select("message_key", F.explode(named).alias("signal")).where(F.col("signal.granted").isNotNull())
    is_known = F.col("id_type").isin(*sorted(known_types))
    carriers = eligible.select("message_key", "identifier_id", "event_time", is_known.alias("is_known"))
    has_known = carriers.groupBy("message_key").agg(F.bool_or("is_known").alias("has_known"))
    belongs = (
        signals.join(has_known, on="message_key", how="inner")
        .join(carriers, on="message_key", how="inner")
        .where(F.col("is_known") == F.col("has_known"))
    )
    latest = belongs.groupBy("identifier_id", F.col("signal.purpose").alias("purpose")).agg(
        F.max(F.struct("event_time", "message_key", F.col("signal.granted").alias("granted"))).alias("latest")
    )
    return latest.where(~F.col("latest.granted")).select("identifier_id").distinct()
