"""Who is who: from components to User IDs, and from these to the owners of identifiers. Writes nothing.

Reads   components, event_identifiers, user_ids and identifier_map of the last run
Yields  identifier_map, ownership, user_ids: of everything, or of what a scope says
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.identity import IDENTIFIER_MAP, USER_IDS
from oneuser.identity.carry_over import carry_over_user_ids, decided_owners, decided_user_ids, end_user_ids
from oneuser.identity.claims_rows import divide_batches
from oneuser.identity.ownership import build_claims, build_ownership, divide_claims, find_owners_over_time
from oneuser.identity.resolution import build_identifier_map
from oneuser.stages.engines import connect_pairs
from oneuser.stages.found_rows import find
from oneuser.stages.graph.eligibility import eligible, find_linking_messages
from oneuser.stages.identity.ended import find_ended_here
from oneuser.stages.identity_rules import identity_values

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext
    from oneuser.stages.identity.scope import Scope


@dataclass(frozen=True)
class ResolvedPeople:
    """What components amount to: all of them, or those of a scope with the User IDs that belong to it.

    Attributes:
        decided: The ledger's decisions, as `carry_over_user_ids` gives them.
        previous_map: Rows of `identifier_map` of the last run.
        identifier_map: Rows of `identifier_map`.
        ownership: Rows of `identifier_ownership` but for what recorded them.
        is_contested: Whether any of the identifiers is.
        user_ids: Rows of `user_ids`.
    """

    decided: DataFrame
    previous_map: DataFrame
    identifier_map: DataFrame
    ownership: DataFrame
    is_contested: bool
    user_ids: DataFrame


def resolve_people(ctx: RunContext, components: DataFrame, scope: Scope | None = None) -> ResolvedPeople:
    """Carry User IDs over to components and find the owner of every identifier. Keeps what several tables are made of.

    Args:
        ctx: The stage's context: its ledger and its map of identifiers are those of the last run.
        components: Rows of `components`, all of them or those within the scope.
        scope: Whole carry-over groups, outside of which nothing has changed; null for everything.
    """
    identifiers, user_ids = (None, None) if scope is None else (scope.identifiers.rows, scope.user_ids.rows)
    previous_map, ledger = ctx.read_among(IDENTIFIER_MAP, identifiers), ctx.read_among(USER_IDS, user_ids)
    ended = find_ended_here(ctx)
    if ended is not None:
        ledger = end_user_ids(ledger, ended, run_seq=ctx.run_seq)
    if scope is not None:
        components, previous_map, ledger = (ctx.checkpoint(rows) for rows in (components, previous_map, ledger))
    intervals = _divide_contested(ctx, components)

    def connect_links(links: DataFrame) -> DataFrame:
        n_links = _at_most_links(ctx) if scope is None else scope.n_links
        return connect_pairs(ctx, links, name="carry_over", at_most=_with_owners(n_links, intervals))

    decided = ctx.checkpoint(
        carry_over_user_ids(
            components,
            ledger,
            previous_map,
            rules=identity_values(ctx.config).carry_over_rules(ctx.keys.deployment, ctx.keys.minting, ctx.run_seq),
            connect=connect_links,
            owners_over_time=None if intervals is None else find_owners_over_time(intervals),
            is_first_run=USER_IDS.name not in ctx.tables,
        )
    )
    owners = decided_owners(decided)
    identifier_map = ctx.checkpoint(build_identifier_map(components, owners))
    return ResolvedPeople(
        decided=decided,
        previous_map=previous_map,
        identifier_map=identifier_map,
        ownership=build_ownership(identifier_map, intervals, owners),
        is_contested=intervals is not None,
        user_ids=decided_user_ids(decided, ledger),
    )


def _divide_contested(ctx: RunContext, components: DataFrame) -> DataFrame | None:
    """Intervals of contested identifiers by component; null where nothing is contested."""
    contested = find(ctx, components.where("is_contested").select("identifier_id"))
    if not contested.n_rows:
        return None
    carrying = find(ctx, eligible(ctx, contested.rows).select("message_key").distinct())
    messages = find_linking_messages(ctx, eligible(ctx, carrying.rows))
    claims = build_claims(components, messages)
    return ctx.checkpoint(
        divide_claims(claims, policy=identity_values(ctx.config).shared_device, divide=divide_batches)
    )


def _at_most_links(ctx: RunContext) -> int | None:
    """More links than the carry-over of everything can have, without computing them; null where that is not known.

    A link is an identifier of the last map, or an anchor or a redirect of the ledger.
    """
    n_mapped, n_anchored = ctx.at_most_rows(IDENTIFIER_MAP), ctx.at_most_rows(USER_IDS)
    return None if n_mapped is None or n_anchored is None else n_mapped + n_anchored


def _with_owners(n_links: int | None, intervals: DataFrame | None) -> int | None:
    """The same with the owners of what is contested, which are links too."""
    if n_links is None or intervals is None:
        return n_links
    n_owners = find_owners_over_time(intervals).agg(F.coalesce(F.sum(F.size("owners")), F.lit(0)).alias("n")).collect()
    return n_links + int(n_owners[0]["n"])
