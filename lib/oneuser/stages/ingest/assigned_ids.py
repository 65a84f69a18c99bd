"""Surrogate ids of new identifiers, and which message carries which, ready to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS, IDENTIFIERS
from oneuser.contracts.privacy import ERASURES
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.events.earlier_keys import observed_under_stored_keys
from oneuser.events.event_identifiers import build_event_identifiers, explode_identifiers
from oneuser.graph.surrogate_ids import assign_identifier_ids, count_ranges, find_new_identifiers, sort_into_ranges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import Mode, RunContext


class AssignedIds(NamedTuple):
    """How new identifiers are written, and the ids of all there are: `id_type`, `id_key`, `identifier_id`."""

    writes: list[tuple[TableContract, DataFrame, Mode]]
    of_all: DataFrame


def identifier_writes(
    ctx: RunContext, events: DataFrame, known: DataFrame | None
) -> list[tuple[TableContract, DataFrame, Mode]]:
    """What to append to `identifiers`, `identifier_values` and `event_identifiers` for new events.

    `known` are the stored keys of identifiers that were first seen under an earlier version; null where there are none.
    """
    observed = explode_identifiers(events)
    if known is not None:
        observed = observed_under_stored_keys(observed, known)
    assigned = assign_surrogate_ids(ctx, observed)
    links = build_event_identifiers(observed, assigned.of_all, run_seq=ctx.run_seq)
    return [*assigned.writes, (EVENT_IDENTIFIERS, links, "append")]


def assign_surrogate_ids(ctx: RunContext, observed: DataFrame) -> AssignedIds:
    """Give a surrogate id to identifiers that have none yet. Runs two jobs.

    Args:
        ctx: The stage's context.
        observed: Identifiers, however often each: `id_type`, `id_key` as stored or by the newest version, `id_value`.
    """
    stored = ctx.read(IDENTIFIERS)
    given = [ctx.read(one).select("identifier_id") for one in (IDENTIFIERS, ERASURES) if one.name in ctx.tables]
    # the number of an erased identifier is given to no other
    last = max((rows.agg(F.max("identifier_id")).collect()[0][0] or 0 for rows in given), default=0)
    # cutting ranges looks at everything once more before it moves it
    ranges = ctx.persist(sort_into_ranges(ctx.persist(find_new_identifiers(observed, stored))))
    sizes = count_ranges(ranges)
    new = assign_identifier_ids(ranges, sizes, after=last)
    stamped = new.withColumns({"key_id": F.lit(ctx.keys.key_id), "run_seq": F.lit(ctx.run_seq).cast("bigint")})
    of_all = stored.select("id_type", "id_key", "identifier_id").unionByName(
        new.select("id_type", "id_key", "identifier_id")
    )
    # a table that there is gets no commit without rows
    writes: list[tuple[TableContract, DataFrame, Mode]] = [
        (contract, contract.conform(stamped), "append")
        for contract in (IDENTIFIERS, IDENTIFIER_VALUES)
        if sizes or contract.name not in ctx.tables
    ]
    return AssignedIds(writes, of_all)
