"""Which message carries which identifier, from the identifiers kept with each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def explode_identifiers(events: DataFrame) -> DataFrame:
    """One row per message, identifier and kind of link. Messages without identifiers have none.

    Returns:
        `message_key`, `event_time`, `received_at`, `id_type`, `id_key`, `id_value`, `link`, `type_rank` (index of the
        key among the message's identifiers of that type, from 0), `n_links` (rows of the message).
    """
    observed = events.select(
        "message_key", "event_time", "received_at", "identifiers", F.explode("identifiers").alias("observed")
    )
    smaller = F.filter(
        "identifiers",
        lambda other: (other["id_type"] == F.col("observed.id_type")) & (other["id_key"] < F.col("observed.id_key")),
    )
    # the same identifier may hang on a message by two kinds of link
    type_rank = F.size(F.array_distinct(F.transform(smaller, lambda other: other["id_key"])))
    # nearly always: the rank takes interpreted code to find
    is_only = F.size(F.array_distinct("identifiers.id_type")) == F.size("identifiers")
    return observed.select(
        "message_key",
        "event_time",
        "received_at",
        F.col("observed.id_type").alias("id_type"),
        F.col("observed.id_key").alias("id_key"),
        F.col("observed.id_value").alias("id_value"),
        F.col("observed.link").alias("link"),
        F.when(is_only, 0).otherwise(type_rank).alias("type_rank"),
        F.size("identifiers").alias("n_links"),
    )


def carried_identifiers(events: DataFrame) -> DataFrame:
    """`message_key`, `id_type`, `id_key`, `id_value`: one row per message, identifier and kind of link."""
    return events.select("message_key", F.explode("identifiers").alias("observed")).select(
        "message_key", *[F.col("observed")[name].alias(name) for name in ("id_type", "id_key", "id_value")]
    )


def build_event_identifiers(observed: DataFrame, identifiers: DataFrame, *, run_seq: int) -> DataFrame:
    """Rows of `event_identifiers`: the observed identifiers by their surrogate ids.

    Args:
        observed: As `explode_identifiers` gives it.
        identifiers: Rows of `identifiers`; every one of `observed` is there.
        run_seq: Run that ingests the messages.
    """
    ids = identifiers.select("id_type", "id_key", "identifier_id")
    rows = observed.drop("id_value").join(ids, on=["id_type", "id_key"], how="left")
    return EVENT_IDENTIFIERS.conform(rows.withColumn("run_seq", F.lit(run_seq).cast("bigint")))
