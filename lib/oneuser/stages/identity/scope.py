"""What a run has to decide again about people: identifiers and User IDs, whole carry-over groups of them.

Reads   change sets of ingest and graph; components, refused_edges, event_identifiers; user_ids and identifier_map of
        the last run
Yields  numbers of identifiers and User IDs
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import JUDGED_IDENTIFIERS, LINKED_IDENTIFIERS
from oneuser.contracts.graph import COMPONENTS, REFUSED_EDGES
from oneuser.contracts.identity import IDENTIFIER_MAP, USER_IDS
from oneuser.identity.group_search import (
    find_beside,
    find_carrying,
    find_identifiers,
    find_kept_apart,
    find_redirected,
    find_targets,
    find_user_ids,
)
from oneuser.stages.alias_messages import find_alias_messages
from oneuser.stages.found_rows import find
from oneuser.stages.identity.ended import find_ended_here

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext
    from oneuser.stages.found_rows import Found


@dataclass(frozen=True)
class Scope:
    """What is decided again. Everything else stays as the last run left it.

    Attributes:
        identifiers: `identifier_id`: what was touched and whatever that leads to, in the graph or not.
        user_ids: `user_id` of the ledger's IDs that may change.
        n_links: At most so many links join identifiers and User IDs to carry-over groups.
        readings: `message_key` of alias messages whose previousId may have another reading now; null where there are no
            aliases.
    """

    identifiers: Found
    user_ids: Found
    n_links: int
    readings: Found | None

    def of_identifiers(self, rows: DataFrame) -> DataFrame:
        """Those of the rows that are about one of the identifiers."""
        return rows.join(self.identifiers.rows, on="identifier_id", how="left_semi")

    def of_user_ids(self, rows: DataFrame) -> DataFrame:
        """Those of the rows that are about one of the User IDs."""
        return rows.join(self.user_ids.rows, on="user_id", how="left_semi")


def find_scope(ctx: RunContext) -> Scope:
    """Follow what graph and ingest tell to whole carry-over groups.

    Round by round, until nothing is added: to the whole candidate components, to what may claim or be claimed without
    being in one, to the User IDs of all that, to what these ever stood on or owned. Mostly that is one round. Grows
    with what was touched, but for look-ups in columns of tables of the size of identifiers and User IDs.
    """
    previous_map, ledger = ctx.read(IDENTIFIER_MAP), ctx.read(USER_IDS)
    refused = ctx.read(REFUSED_EDGES) if REFUSED_EDGES.name in ctx.tables else None
    told = [ctx.changes(name).select("identifier_id") for name in (JUDGED_IDENTIFIERS, LINKED_IDENTIFIERS)]
    touched = find(ctx, told[0].unionByName(told[1]).distinct())
    aliases = _read_aliases(ctx)
    readings = None
    frontier = touched
    ended = find_ended_here(ctx)
    if aliases is not None:
        readings = find(ctx, find_carrying(touched.rows, aliases.readings))
        frontier = find(ctx, touched.rows.unionByName(find_beside(touched.rows, aliases.readings)).distinct())
    identifiers: list[DataFrame] = []
    user_ids: list[DataFrame] = []
    if ended is not None:
        # whatever was theirs is somebody else's now, or nobody's
        theirs = find_identifiers(ended, previous_map, ledger)
        frontier = find(ctx, frontier.rows.unionByName(theirs).distinct())
        user_ids.append(ended)
    n_identifiers = n_user_ids = n_rounds = 0
    while frontier.n_rows:
        n_rounds += 1
        candidates = find(ctx, ctx.read_among(COMPONENTS, frontier.rows).select("candidate_id").distinct())
        members = frontier.rows.unionByName(
            ctx.read_among(COMPONENTS, candidates.rows).select("identifier_id")
        ).distinct()
        reached = find(ctx, _without(members, identifiers, "identifier_id"))
        identifiers.append(reached.rows)
        n_identifiers += reached.n_rows
        met = find(ctx, _without(find_user_ids(reached.rows, previous_map, ledger), user_ids, "user_id"))
        if met.n_rows:
            targets = find(ctx, find_targets(met.rows, ledger))
            met = find(ctx, _without(find_redirected(targets.rows, ledger), user_ids, "user_id"))
            user_ids.append(met.rows)
            n_user_ids += met.n_rows
        following = [find_identifiers(met.rows, previous_map, ledger)] if met.n_rows else []
        if refused is not None:
            following.append(find_kept_apart(reached.rows, refused))
        if aliases is not None:
            following.append(find_beside(reached.rows, aliases.links))
        if not following:
            break
        led_to = reduce(DataFrame.unionByName, following).distinct()
        frontier = find(ctx, _without(led_to, identifiers, "identifier_id"))
    ctx.details["scope"] = {"identifiers": n_identifiers, "user_ids": n_user_ids, "rounds": n_rounds}
    return _scope(ctx, identifiers, user_ids, readings)


def _without(rows: DataFrame, known: list[DataFrame], on: str) -> DataFrame:
    for some in known:
        rows = rows.join(some, on=on, how="left_anti")
    return rows


def _all(parts: list[DataFrame], column: str, dtype: str, ctx: RunContext) -> DataFrame:
    return reduce(DataFrame.unionByName, parts) if parts else ctx.spark.createDataFrame([], f"{column} {dtype}")


def _scope(ctx: RunContext, identifiers: list[DataFrame], user_ids: list[DataFrame], readings: Found | None) -> Scope:
    all_identifiers = find(ctx, _all(identifiers, "identifier_id", "bigint", ctx))
    all_user_ids = find(ctx, _all(user_ids, "user_id", "string", ctx))
    # a link is an identifier of the last map, an anchor or a redirect of the ledger
    ledger = ctx.read(USER_IDS).join(all_user_ids.rows, on="user_id", how="left_semi")
    n_anchors = ledger.agg(F.coalesce(F.sum(F.size("anchors") + 1), F.lit(0)).alias("n")).collect()[0]["n"]
    return Scope(all_identifiers, all_user_ids, all_identifiers.n_rows + int(n_anchors), readings)


class _Aliases(NamedTuple):
    """What alias messages carry: `message_key`, `identifier_id`.

    `readings` are the readings of their previousIds, `links` all that they carry and that is in the graph: of these,
    one may claim another without being in a candidate component with it, where the new id is over-shared.
    """

    readings: DataFrame
    links: DataFrame


def _read_aliases(ctx: RunContext) -> _Aliases | None:
    """Null where there are no aliases. Grows with the alias messages."""
    aliases = find_alias_messages(ctx)
    if aliases is None:
        return None
    carried = aliases.rows.select("message_key", "identifier_id").distinct()
    named = find(ctx, carried.select("identifier_id").distinct())
    in_graph = ctx.read(COMPONENTS).select("identifier_id").join(named.rows, on="identifier_id", how="left_semi")
    links = ctx.checkpoint(carried.join(find(ctx, in_graph).rows, on="identifier_id", how="left_semi"))
    return _Aliases(aliases.previous.select("message_key", "identifier_id"), links)
