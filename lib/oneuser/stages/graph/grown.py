"""Evidence of what a run judges again, without reading again what messages have said before, where they still say it.

Of most of what is touched, new messages only say more: its edges and sightings of the last run grow by theirs. Messages
are read again of candidate components in which one has gone, says something else or is read otherwise, or in which a
value is over-shared that was not, or was and is not; and of values that new messages may have brought near their bound.

Reads   event_identifiers; edges, components, shared_values and refused_edges as the last run left them
Yields  sightings, edges, over-shared values
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES, REFUSED_EDGES, SHARED_VALUES
from oneuser.graph.edges import build_edges, find_pairs, find_sightings, touching
from oneuser.graph.grown_evidence import find_uncertain, grow_edges, grow_sightings, kept_refusals, only_beyond
from oneuser.graph.linking_messages import without_members
from oneuser.graph.over_shared import find_persons, nearly
from oneuser.stages.found_rows import find
from oneuser.stages.graph.eligibility import eligible
from oneuser.stages.graph.evidence import (
    IS_OVER_SHARED,
    Gathered,
    count_shared,
    find_declared_pairs,
    find_over_shared,
    linking,
)
from oneuser.stages.graph.touched import (
    Touched,
    all_of,
    find_asserted,
    messages_with,
    whole_candidates,
    with_kept_apart,
)

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext
    from oneuser.stages.graph.evidence import Declared
    from oneuser.stages.graph.touched import Asserted

_DATED = ("src", "dst", "first_event_time", "last_event_time")


@dataclass(frozen=True)
class _Read:
    """Messages of some candidate components: `identifiers` of these, each once; all `rows` and linking `messages`.

    Where they were read for other values too, messages of those are among them.
    """

    identifiers: DataFrame
    rows: DataFrame
    messages: DataFrame


def gather_touched(ctx: RunContext, declared: Declared) -> Gathered | None:
    """The evidence of what is judged again; null where that is linked with something else.

    Grows with the new messages, with candidate components that have some, and with the messages that are read again,
    but for a look at what all messages carry where any are.
    """
    values = declared.values
    asserted = find_asserted(ctx, declared.manual, declared.classes)
    told = whole_candidates(ctx, asserted.identifiers)
    if declared.excluded is not None:
        told = with_kept_apart(ctx, told, declared.excluded)
    again = whole_candidates(ctx, asserted.again.rows) if asserted.again.n_rows else None
    news = ctx.checkpoint(eligible(ctx).where(F.col("run_seq") == ctx.run_seq))
    messages = linking(ctx, news, values)
    shared, read = _count_again(ctx, declared, asserted, told.rows, None if again is None else again.rows, messages)
    over_shared = find_over_shared(ctx, shared)
    beside = _find_beside_turned(ctx, shared)
    if beside is not None:
        again = whole_candidates(ctx, beside if again is None else all_of([beside, again.rows]))
        told = find(ctx, all_of([told.rows, again.rows]))
        if declared.excluded is not None:
            told = with_kept_apart(ctx, told, declared.excluded)
        read = _read(ctx, declared, again.rows)
    ctx.details["judged_again"] = {"identifiers": told.n_rows, "read_again": 0 if again is None else again.n_rows}
    touched = Touched.of(ctx, told.rows, over_shared)
    over_shared_pairs = None
    if over_shared is not None:
        over_shared_pairs = _over_shared_pairs(ctx, messages, read, over_shared, touched.told)
        messages = without_members(messages, over_shared)
        news = news.join(over_shared, on="identifier_id", how="left_anti")
        if read is not None:
            left = read.rows.join(over_shared, on="identifier_id", how="left_anti")
            read = _Read(read.identifiers, left, without_members(read.messages, over_shared))
    declared_pairs = find_declared_pairs(ctx, declared, over_shared, touched)
    edges, counted = ctx.checkpoint_counted(
        _find_edges(ctx, touched.told, messages, read, declared_pairs), n_edges=F.count(F.lit(1))
    )
    if not _is_closed(edges, touched):
        return None
    return Gathered(
        declared=declared,
        touched=touched,
        seen=ctx.checkpoint(_find_sightings(ctx, touched.told, news, read)),
        edges=edges,
        n_edges=counted["n_edges"],
        has_other_ends=bool(declared_pairs),
        shared=shared,
        over_shared_pairs=over_shared_pairs,
    )


def _read(ctx: RunContext, declared: Declared, again: DataFrame, *more: DataFrame) -> _Read:
    """Messages of candidate components, and of more values."""
    identifiers = find(ctx, all_of([again, *more])).rows if more else again
    rows = messages_with(ctx, identifiers)
    return _Read(again, rows, linking(ctx, rows, declared.values))


def _count_again(
    ctx: RunContext,
    declared: Declared,
    asserted: Asserted,
    told: DataFrame,
    again: DataFrame | None,
    messages: DataFrame,
) -> tuple[DataFrame | None, _Read | None]:
    """Rows of `shared_values`, counted anew where that may differ; and what is read again, null where nothing is."""
    if not declared.values.person_bounds:
        return None, None if again is None else _read(ctx, declared, again)
    before = ctx.read(SHARED_VALUES)
    uncertain = _find_uncertain(ctx, declared, asserted, told, messages)
    if again is None and uncertain is None:
        return ctx.checkpoint(before), None
    nobody = told.limit(0) if again is None else again
    read = _read(ctx, declared, nobody, *([] if uncertain is None else [uncertain]))
    counted = find(ctx, all_of([one for one in (again, uncertain) if one is not None])).rows
    shared = (
        count_shared(read.messages, declared)
        .join(counted, on="identifier_id", how="left_semi")
        .unionByName(before.join(counted, on="identifier_id", how="left_anti"))
    )
    return ctx.checkpoint(SHARED_VALUES.conform(shared)), None if again is None else read


def _find_uncertain(
    ctx: RunContext, declared: Declared, asserted: Asserted, told: DataFrame, messages: DataFrame
) -> DataFrame | None:
    """`identifier_id` of the values whose people have to be counted; null where there is none."""
    values, before = declared.values, ctx.read(SHARED_VALUES)
    persons = find_persons(
        messages,
        bounds=values.person_bounds,
        unique_priorities=values.unique_priorities,
        known_priorities=values.known_priorities,
    )
    components = ctx.read_among(COMPONENTS, told)
    n_apart = before.where(IS_OVER_SHARED).count() + (0 if declared.excluded is None else declared.excluded.count())
    near = find_uncertain(persons, components, least=nearly(values.person_bounds), more=n_apart)
    known = before.select("identifier_id")
    if not asserted.has_classes:
        known = known.join(asserted.identifiers, on="identifier_id", how="left_semi")
    parts = [near, known]
    if declared.excluded is not None:
        # kept apart from the best of its messages, a value is in no candidate component with whom they name
        ends = declared.excluded.select(F.explode(F.array("src", "dst")).alias("identifier_id"))
        parts.append(ends.join(asserted.identifiers, on="identifier_id", how="left_semi"))
    found = find(ctx, all_of(parts))
    return found.rows if found.n_rows else None


def _find_beside_turned(ctx: RunContext, shared: DataFrame | None) -> DataFrame | None:
    """`identifier_id` of values that are over-shared and were not, or were and are not, and of all beside them.

    Null where there are none.
    """
    if shared is None:
        return None
    now, was = (rows.where(IS_OVER_SHARED).select("identifier_id") for rows in (shared, ctx.read(SHARED_VALUES)))
    either = now.withColumn("n", F.lit(1)).unionByName(was.withColumn("n", F.lit(1)))
    once = either.groupBy("identifier_id").agg(F.sum("n").alias("n")).where("n = 1").select("identifier_id")
    turned = find(ctx, once)
    if not turned.n_rows:
        return None
    beside = messages_with(ctx, turned.rows).select("identifier_id")
    return find(ctx, beside.unionByName(turned.rows).distinct()).rows


def _over_shared_pairs(
    ctx: RunContext, messages: DataFrame, read: _Read | None, over_shared: DataFrame, told: DataFrame
) -> DataFrame:
    """Edges that over-shared values would have had, those of the last run among them."""
    new = touching(find_pairs(messages), over_shared)
    kept = kept_refusals(ctx.read(REFUSED_EDGES), "over_shared") if REFUSED_EDGES.name in ctx.tables else None
    parts = []
    if read is not None:
        new = only_beyond(new, read.identifiers)
        kept = None if kept is None else only_beyond(kept, read.identifiers)
        pairs = touching(touching(find_pairs(read.messages), over_shared), read.identifiers)
        parts.append(build_edges(pairs).select(*_DATED))
    parts.append(build_edges(new).select(*_DATED))
    if kept is not None:
        parts.append(kept.select(*_DATED))
    return ctx.checkpoint(touching(reduce(DataFrame.unionByName, parts), told))


def _find_edges(
    ctx: RunContext, told: DataFrame, messages: DataFrame, read: _Read | None, declared_pairs: list[DataFrame]
) -> DataFrame:
    """Rows of `edges`: grown by new messages, made anew of those that are read again and of what is declared."""
    # by either end, so that one which leads elsewhere is seen to
    stored = touching(ctx.read(EDGES), told)
    new = find_pairs(messages)
    anew = list(declared_pairs)
    if read is not None:
        stored, new = only_beyond(stored, read.identifiers), only_beyond(new, read.identifiers)
        anew.append(touching(find_pairs(read.messages), read.identifiers))
    grown = grow_edges(stored, build_edges(new))
    return grown.unionByName(build_edges(*anew)) if anew else grown


def _find_sightings(ctx: RunContext, told: DataFrame, news: DataFrame, read: _Read | None) -> DataFrame:
    """Sightings: grown by new messages, made anew of those that are read again."""
    stored = ctx.read_among(COMPONENTS, told)
    if read is None:
        return grow_sightings(stored, find_sightings(news))
    stored, news = (rows.join(read.identifiers, on="identifier_id", how="left_anti") for rows in (stored, news))
    again = read.rows.join(read.identifiers, on="identifier_id", how="left_semi")
    return grow_sightings(stored, find_sightings(news)).unionByName(find_sightings(again))


def _is_closed(edges: DataFrame, touched: Touched) -> bool:
    """Whether all edges that touch something run between what is touched."""
    ends = edges.select(F.explode(F.array("src", "dst")).alias("identifier_id"))
    return ends.join(touched.identifiers, on="identifier_id", how="left_anti").isEmpty()
