"""Numbers for new identifiers, and who carries which, ready to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS, IDENTIFIERS
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.events.links import link_events, spread_identifiers
from oneuser.graph.numbering import find_new_identifiers, number_identifiers, sort_into_ranges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import Mode, RunContext


class Numbered(NamedTuple):
    """New identifiers, how they are written, and the numbers of all there are: `id_type`, `id_key`, `identifier_id`."""

    new: DataFrame
    writes: list[tuple[TableContract, DataFrame, Mode]]
    everyone: DataFrame


def identifier_writes(ctx: RunContext, events: DataFrame) -> list[tuple[TableContract, DataFrame, Mode]]:
    """What to append to `identifiers`, `identifier_values` and `event_identifiers` for new events."""
    spread = spread_identifiers(events)
    numbered = number_carried(ctx, spread)
    links = link_events(spread, numbered.everyone, run_seq=ctx.run_seq)
    return [*numbered.writes, (EVENT_IDENTIFIERS, links, "append")]


def number_carried(ctx: RunContext, carried: DataFrame) -> Numbered:
    """Number the identifiers that have no number yet. Runs two jobs.

    Args:
        ctx: The stage's context.
        carried: Identifiers in any number of copies: `id_type`, `id_key`, `id_value`.
    """
    stored = ctx.read(IDENTIFIERS)
    is_first = IDENTIFIERS.name not in ctx.tables
    last = 0 if is_first else stored.agg(F.max("identifier_id").alias("last")).collect()[0]["last"]
    # cutting ranges looks at everything once more before it moves it
    ranges = ctx.persist(sort_into_ranges(ctx.persist(find_new_identifiers(carried, stored))))
    new = number_identifiers(ranges, after=last or 0)
    stamped = new.withColumns({"key_id": F.lit(ctx.keys.key_id), "run_seq": F.lit(ctx.run_seq).cast("bigint")})
    everyone = stored.select("id_type", "id_key", "identifier_id").unionByName(
        new.select("id_type", "id_key", "identifier_id")
    )
    return Numbered(
        new,
        [
            (IDENTIFIERS, IDENTIFIERS.conform(stamped), "append"),
            (IDENTIFIER_VALUES, IDENTIFIER_VALUES.conform(stamped), "append"),
        ],
        everyone,
    )
