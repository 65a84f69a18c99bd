"""Which conversions are credited again where the stage is incremental, and whose they are."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import CONSENTS, JOURNEYS
from oneuser.contracts.marts import CONVERSIONS
from oneuser.stages.attribution.valuing import revalued
from oneuser.stages.found_rows import find, only, since_then
from oneuser.stages.touched_people import open_ends_of

if TYPE_CHECKING:
    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext

# before every time that there is
_ALWAYS = datetime(1, 1, 2, tzinfo=UTC)


class TouchedConversions(NamedTuple):
    """What is credited again: `conversion_id` of the conversions; `user_id` of the people who have or had them."""

    people: DataFrame
    conversion_ids: DataFrame


def find_touched_conversions(ctx: RunContext, provenance: Provenance) -> TouchedConversions | None:
    """The conversions that are credited again, and the people of whom that has to be known; null stands for all.

    Conversions from a person's open end on, if touches or conversions of theirs changed, since a touch is credited for
    later conversions alone; all of whoever's consent changed; those whose value in the reporting currency is another
    by now; and those of nobody that changed.
    """
    open_ends = open_ends_of(ctx)
    if open_ends is None:
        return None
    told = ctx.changes(JOURNEYS)
    since = _since(ctx, told, open_ends)
    worth_else = [find(ctx, ids).rows for ids in revalued(ctx, provenance)]
    owners = [only(ctx.read(CONVERSIONS), ids).select("user_id") for ids in worth_else]
    named = reduce(DataFrame.union, [since.select("user_id"), *owners])
    people = find(ctx, named.where(F.col("user_id").isNotNull()).distinct()).rows
    messages = find(ctx, told.where(F.col("message_key").isNotNull()).select("message_key")).rows
    ids = [
        rows.select("conversion_id")
        for conversions in (ctx.read(CONVERSIONS), ctx.read_before(CONVERSIONS))
        for rows in (since_then(conversions, since, time="converted_at"), only(conversions, messages))
    ]
    return TouchedConversions(people, find(ctx, reduce(DataFrame.union, [*ids, *worth_else]).distinct()).rows)


def _since(ctx: RunContext, told: DataFrame, open_ends: DataFrame) -> DataFrame:
    """`user_id` and `since` of people whose journeys or consent changed: from always on, if the latter."""
    whose = told.where(F.col("user_id").isNotNull()).select("user_id").distinct()
    since = whose.join(open_ends, on="user_id", how="left")
    if ctx.config.consent.required_for_attribution:
        others = ctx.changes(CONSENTS).select("user_id", F.lit(None).cast("timestamp").alias("since"))
        since = since.unionByName(others)
    # whoever has no open end is credited again as a whole
    of_all = F.coalesce("since", F.lit(_ALWAYS))
    found, counted = ctx.checkpoint_counted(
        since.groupBy("user_id").agg(F.min(of_all).alias("since")), n_people=F.count(F.lit(1))
    )
    return ctx.broadcast_if_few(found, counted["n_people"])
