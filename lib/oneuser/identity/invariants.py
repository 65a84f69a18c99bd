"""What must always hold of people, as rows that break it: every run checks some of it, `verify` all of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Invariant:
    """One of them.

    Attributes:
        name: A sentence without blanks.
        violations: `broken`: what breaks it, a User ID or the number of an identifier as text. Without rows it holds.
        expected: What should be, in words.
    """

    name: str
    violations: DataFrame
    expected: str


def ledger_invariants(ledger: DataFrame, identifier_map: DataFrame) -> list[Invariant]:
    """What holds between the ledger and the map of identifiers.

    Args:
        ledger: Rows of `user_ids`.
        identifier_map: Rows of `identifier_map`.
    """
    live = ledger.where(F.col("status") == "live").select("user_id")
    owners = identifier_map.select("user_id").distinct()
    dangling = ledger.where(F.col("status") == "retired").join(
        live.withColumnRenamed("user_id", "redirect_to"), on="redirect_to", how="left_anti"
    )
    rows = {
        "every_person_is_live": (owners.join(live, on="user_id", how="left_anti"), "every owner a live User ID"),
        "every_live_id_is_a_person": (live.join(owners, on="user_id", how="left_anti"), "every live User ID an owner"),
        "redirects_end_in_one_hop": (dangling, "every retired User ID pointing at a live one"),
    }
    return [
        Invariant(name, found.select(F.col("user_id").alias("broken")), text) for name, (found, text) in rows.items()
    ]


def ownership_invariants(
    ledger: DataFrame, identifier_map: DataFrame, ownership: DataFrame, named_ids: DataFrame
) -> list[Invariant]:
    """What else holds of what is published: who owns what when, and that no ID is ever lost.

    Args:
        ledger: Rows of `user_ids`.
        identifier_map: Rows of `identifier_map`.
        ownership: Rows of `identifier_ownership` that hold.
        named_ids: `user_id`: every ID that any table of the past names.
    """
    number = F.col("identifier_id").cast("string").alias("broken")
    twice = identifier_map.groupBy("identifier_id").agg(F.count(F.lit(1)).alias("n")).where(F.col("n") > 1)
    live = ledger.where(F.col("status") == "live").select("user_id")
    dead_owners = ownership.where(F.col("user_id").isNotNull()).join(live, on="user_id", how="left_anti")
    anchored = ledger.where(F.col("anchor_identifier_id").isNotNull())
    shared_anchors = anchored.groupBy("anchor_identifier_id").agg(F.count(F.lit(1)).alias("n")).where(F.col("n") > 1)
    lost = named_ids.distinct().join(ledger.select("user_id"), on="user_id", how="left_anti")
    user = F.col("user_id").alias("broken")
    anchor = F.col("anchor_identifier_id").cast("string").alias("broken")
    return [
        Invariant("no_identifier_on_two_people", twice.select(number), "one row per identifier"),
        Invariant("every_owner_is_live", dead_owners.select(user).distinct(), "live User IDs for owners, or nobody"),
        Invariant(
            "intervals_cover_all_time",
            _uncovered(identifier_map, ownership).select(number),
            "intervals of each identifier from the beginning to the end of time, without gap or overlap",
        ),
        Invariant("no_two_ids_on_one_anchor", shared_anchors.select(anchor), "at most one User ID on an anchor"),
        Invariant("every_id_resolves", lost.select(user), "every User ID ever published in the ledger"),
    ]


def _uncovered(identifier_map: DataFrame, ownership: DataFrame) -> DataFrame:
    """`identifier_id` of the identifiers whose intervals do not cover all time, each moment once."""
    in_order = Window.partitionBy("identifier_id").orderBy("interval")
    previous_end = F.lag(F.struct("valid_to", "valid_to_event_order")).over(in_order)
    numbered = ownership.select(
        "identifier_id",
        "interval",
        "valid_to",
        (F.row_number().over(in_order) - 1).alias("index"),
        F.struct(
            F.col("valid_from").alias("valid_to"), F.col("valid_from_event_order").alias("valid_to_event_order")
        ).alias("start"),
        previous_end.alias("previous_end"),
        F.lead("interval").over(in_order).alias("next"),
    )
    is_first, is_last = F.col("index") == 0, F.col("next").isNull()
    begins = F.when(is_first, F.col("start.valid_to").isNull()).otherwise(
        F.col("start").eqNullSafe(F.col("previous_end")) & F.col("start.valid_to").isNotNull()
    )
    holds = (F.col("interval") == F.col("index")) & begins & (is_last == F.col("valid_to").isNull())
    broken = numbered.where(~holds).select("identifier_id").distinct()
    without = identifier_map.select("identifier_id").join(
        ownership.select("identifier_id"), on="identifier_id", how="left_anti"
    )
    return broken.unionByName(without).distinct()


def count_violations(invariants: Sequence[Invariant]) -> DataFrame:
    """One row per invariant that is broken: its `name`, and in `n` how many rows break it."""
    tagged = [one.violations.select(F.lit(one.name).alias("name")) for one in invariants]
    return reduce(DataFrame.unionByName, tagged).groupBy("name").agg(F.count(F.lit(1)).alias("n"))
