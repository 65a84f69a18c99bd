"""Which identifiers the input of a run says something new about, told to the stages that follow.

Reads   event_identifiers and links, now and as the last completed run left them
Yields  change set linked_identifiers
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import GONE, LINKED_IDENTIFIERS, REPLACED, TOUCHED
from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.contracts.reference import LINKS

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext


def tell_linked_identifiers(ctx: RunContext, gave_way: DataFrame | None, gone: DataFrame | None) -> None:
    """Tell what new messages carry, what messages carried that gave way or went, and what links name otherwise now.

    Grows with the new messages and the changed links. Tells nothing where nothing has changed, nor where the stages
    that follow do everything: in a first run, in one that was asked to, and of a short history.

    Args:
        ctx: The stage's context, when all is written.
        gave_way: `message_key` of stored messages that new ones took the place of; null where there are none.
        gone: `identifier_id` of what erased messages carried; null where none was erased.
    """
    if ctx.is_incremental and not _is_long(ctx):
        ctx.is_incremental = False
    if not ctx.is_incremental:
        return
    parts: list[tuple[DataFrame, str]] = []
    if ctx.tables.get(EVENT_IDENTIFIERS.name) != ctx.base.get(EVENT_IDENTIFIERS.name):
        new = ctx.read(EVENT_IDENTIFIERS).where(F.col("run_seq") == ctx.run_seq)
        parts.append((new.select("identifier_id"), TOUCHED))
    if gave_way is not None:
        before = ctx.read_before(EVENT_IDENTIFIERS).join(gave_way, on="message_key", how="left_semi")
        parts.append((before.select("identifier_id"), REPLACED))
    if ctx.tables.get(LINKS.name) != ctx.base.get(LINKS.name):
        changed = LINKS.differences(ctx.read_before(LINKS), ctx.read(LINKS))
        ends = F.array(*[F.col(side)[end] for side in ("before", "after") for end in ("src", "dst")])
        named = changed.select(F.explode(ends).alias("identifier_id")).where(F.col("identifier_id").isNotNull())
        parts.append((named, TOUCHED))
    if gone is not None:
        parts.append((gone, GONE))
    if parts:
        reasons = [part.withColumn("reason", F.lit(reason)) for part, reason in parts]
        # each identifier once; that messages of it are gone, or no longer what they were, says more, and sorts first
        told = reduce(DataFrame.unionByName, reasons).groupBy("identifier_id").agg(F.min("reason").alias("reason"))
        ctx.tell(LINKED_IDENTIFIERS, told)


def _is_long(ctx: RunContext) -> bool:
    """Whether the history is so long that it is worth finding out what to leave as it is."""
    n_bytes = ctx.warehouse.n_bytes(EVENT_IDENTIFIERS, ctx.tables.get(EVENT_IDENTIFIERS.name))
    return n_bytes is None or n_bytes > ctx.config.incremental.above_mb * 1_000_000
