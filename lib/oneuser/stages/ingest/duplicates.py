"""De-duplication over all history, as the ingest stage does it: what is kept, what goes, and the account of both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Observation
from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.contracts.raw import EVENTS
from oneuser.events.deduplicate import (
    compare_with_stored,
    find_duplicated,
    keep_first,
    rank_duplicates,
    suppressed_only,
    without_suppressed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column, DataFrame

    from oneuser.events.accounting import SourceTally
    from oneuser.stages.context import RunContext
    from oneuser.stages.ingest.kept_back import KeptBack


@dataclass
class Kept:
    """The events that are new, and what became of the other lines, by source.

    `gave_way` is `message_key` of the stored events that new ones take the place of; null where there are none.
    """

    events: DataFrame
    counted: DataFrame
    observation: Observation
    suppressed: Mapping[str, int]
    duplicates: Mapping[str, int]
    replaced: Mapping[str, int]
    gave_way: DataFrame | None = None

    def is_nothing(self, ctx: RunContext, read: Mapping[str, SourceTally]) -> bool:
        """Whether no event is to be written to tables that are there: stages that read these alone are not done again.

        Where all lines are told of otherwise, it is looked whether there is an event after all, for the account.
        """
        n_left = sum(tally.n_lines - tally.n_quarantined for tally in read.values())
        n_left -= sum(self.suppressed.values()) + sum(self.duplicates.values())
        return EVENTS.name in ctx.tables and n_left <= 0 and self.counted.count() == 0

    def account(self, ctx: RunContext, read: Mapping[str, SourceTally], lines_kept_back: Mapping[str, int]) -> None:
        """Metrics by disposition, and the check that no line is lost. To be called after the events are written.

        `lines_kept_back` are refused lines that are not kept, since they are of somebody suppressed, by source.
        """
        written = self.observation.get
        totals = dict.fromkeys(("accepted", "quarantined", "suppressed", "duplicate"), 0)
        for index, (name, tally) in enumerate(sorted(read.items())):
            # a stored event that gives way to a new one turns into the duplicate
            n_replaced = self.replaced.get(name, 0)
            accepted = int(written[f"accepted_{index}"] or 0) - n_replaced
            found = {
                "accepted": accepted,
                "quarantined": tally.n_quarantined - lines_kept_back.get(name, 0),
                "suppressed": self.suppressed.get(name, 0) + lines_kept_back.get(name, 0),
                "duplicate": self.duplicates.get(name, 0) + n_replaced,
            }
            for disposition, n in found.items():
                totals[disposition] += n
            ctx.check(
                f"lines_accounted.{name}",
                ok=sum(found.values()) == tally.n_lines,
                found=" + ".join(f"{n} {disposition}" for disposition, n in found.items()),
                expected=f"{tally.n_lines} lines in",
            )
        for disposition, n in totals.items():
            ctx.metric("lines", n, disposition)


def drop_duplicates(
    ctx: RunContext, events: DataFrame, sources: Mapping[str, SourceTally], kept_back: KeptBack
) -> Kept:
    """Choose which of a message's duplicates counts, among new lines and stored events.

    Stored events that give way are deleted here, before the new ones are appended.

    Args:
        ctx: The stage's context.
        events: Parsed events, persisted underneath.
        sources: What was counted of their sources, by name.
        kept_back: What is dropped: messages with suppressed identifiers, and, as duplicates, erased ones.
    """
    suppressed: dict[str, int] = {}
    duplicates: Counter[str] = Counter()
    if kept_back.suppressions is not None:
        suppressed = _by_source(suppressed_only(events, kept_back.suppressions))
        events = without_suppressed(events, kept_back.suppressions)
    if kept_back.messages is not None:
        duplicates.update(_by_source(events.join(kept_back.messages, on="message_key", how="left_semi")))
        events = events.join(kept_back.messages, on="message_key", how="left_anti")
    duplicated = ctx.persist(find_duplicated(events))
    found = duplicated.agg(F.count(F.lit(1)).alias("n"), F.count_if("is_conflict").alias("n_conflicts")).collect()[0]
    n_conflicts = found["n_conflicts"]
    if found["n"]:
        ranked = ctx.persist(rank_duplicates(events, duplicated))
        duplicates.update(_by_source(ranked.where(F.col("rank") > 1)))
        events = keep_first(events, ranked)
    replaced: Counter[str] = Counter()
    gave_way: DataFrame | None = None
    if EVENTS.name in ctx.tables:
        are_few = ctx.is_few(sum(tally.n_lines for tally in sources.values()))
        by_source = any(source.id_space is not None for source in ctx.config.sources.values())
        met = ctx.persist(compare_with_stored(events, ctx.read(EVENTS), are_few=are_few, by_source=by_source))
        counts = met.groupBy("source", "is_newer_first").agg(
            F.count(F.lit(1)).alias("n"), F.count_if("is_conflict").alias("n_conflicts")
        )
        for row in counts.collect():
            target = replaced if row["is_newer_first"] else duplicates
            target[row["source"]] += row["n"]
            n_conflicts += row["n_conflicts"]
        events = events.join(met.where(~F.col("is_newer_first")), on="message_key", how="left_anti")
        if replaced:
            gave_way = met.where("is_newer_first").select("message_key")
            for contract in (EVENTS, EVENT_IDENTIFIERS):
                ctx.delete(contract, gave_way, ["message_key"])
    ctx.metric("message_conflicts", n_conflicts)
    rows = EVENTS.conform(events.withColumn("run_seq", F.lit(ctx.run_seq).cast("bigint")))
    observation = Observation("accepted")
    counted = rows.observe(observation, *_accepted(sorted(sources)))
    return Kept(rows, counted, observation, suppressed, duplicates, replaced, gave_way)


def _accepted(sources: list[str]) -> list[Column]:
    return [F.count_if(F.col("source") == name).alias(f"accepted_{index}") for index, name in enumerate(sources)]


def _by_source(events: DataFrame) -> dict[str, int]:
    counted = events.groupBy("source").agg(F.count(F.lit(1)).alias("n")).collect()
    return {row["source"]: row["n"] for row in counted}
