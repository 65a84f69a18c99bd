"""Who is who: from components to User IDs, and from these to the owners of identifiers and events. Writes nothing.

Reads   components, event_identifiers, events, user_ids and identifier_map of the last run
Yields  identifier_map, intervals of ownership, owned events, user_ids
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.identity import IDENTIFIER_MAP, USER_IDS
from oneuser.contracts.raw import EVENTS
from oneuser.identity.carry_over import carry_over_user_ids, decided_owners, decided_user_ids
from oneuser.identity.claims_rows import divide_batches
from oneuser.identity.ownership import build_claims, build_ownership, divide_claims, find_owners_over_time
from oneuser.identity.resolution import build_identifier_map, resolve_events
from oneuser.stages.engines import connect_pairs
from oneuser.stages.graph.evidence import eligible, find_linking_messages
from oneuser.stages.identity_rules import identity_values

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


@dataclass(frozen=True)
class ResolvedPeople:
    """What the components of a run amount to.

    Attributes:
        decided: The ledger's decisions, as `carry_over_user_ids` gives them.
        identifier_map: Rows of `identifier_map`.
        ownership: Rows of `identifier_ownership` but for what recorded them.
        owned: One row per message and whose it is, as `resolve_events` gives it.
        user_ids: Rows of `user_ids`.
    """

    decided: DataFrame
    identifier_map: DataFrame
    ownership: DataFrame
    owned: DataFrame
    user_ids: DataFrame


def resolve_people(ctx: RunContext, components: DataFrame) -> ResolvedPeople:
    """Carry User IDs over to components and find the owner of everything. Keeps what several tables are made of.

    Args:
        ctx: The stage's context: its ledger and its map of identifiers are those of the last run.
        components: Rows of `components`.
    """
    values = identity_values(ctx.config)
    intervals = _divide_contested(ctx, components)
    decided = _decide(ctx, components, intervals)
    owners = decided_owners(decided)
    identifier_map = ctx.checkpoint(build_identifier_map(components, owners))
    ownership = build_ownership(identifier_map, intervals, owners)
    owned = ctx.checkpoint(
        resolve_events(
            ctx.read(EVENTS),
            eligible(ctx),
            ctx.broadcast_if_few(identifier_map),
            None if intervals is None else ownership,
            unique_priorities=values.unique_priorities,
        )
    )
    user_ids = decided_user_ids(decided, ctx.read(USER_IDS))
    return ResolvedPeople(decided, identifier_map, ownership, owned, user_ids)


def _divide_contested(ctx: RunContext, components: DataFrame) -> DataFrame | None:
    """Intervals of contested identifiers by component; null where nothing is contested."""
    contested = components.where("is_contested").select("identifier_id")
    n_contested = contested.count()
    if not n_contested:
        return None
    rows = eligible(ctx)
    few = ctx.broadcast_if_few(contested, n_contested)
    touched = rows.join(few, on="identifier_id", how="left_semi").select("message_key").distinct()
    messages = find_linking_messages(ctx, rows.join(touched, on="message_key", how="left_semi"))
    claims = build_claims(components, messages)
    return ctx.checkpoint(
        divide_claims(claims, policy=identity_values(ctx.config).shared_device, divide=divide_batches)
    )


def _decide(ctx: RunContext, components: DataFrame, intervals: DataFrame | None) -> DataFrame:
    """The ledger's decisions about all components, kept for the several tables they fill."""

    def connect_links(links: DataFrame) -> DataFrame:
        return connect_pairs(ctx, links, name="carry_over", at_most=_at_most_links(ctx, intervals))

    return ctx.checkpoint(
        carry_over_user_ids(
            components,
            ctx.read(USER_IDS),
            ctx.read(IDENTIFIER_MAP),
            rules=identity_values(ctx.config).carry_over_rules(ctx.keys.deployment, ctx.keys.minting, ctx.run_seq),
            connect=connect_links,
            owners_over_time=None if intervals is None else find_owners_over_time(intervals),
            is_first_run=USER_IDS.name not in ctx.tables,
        )
    )


def _at_most_links(ctx: RunContext, intervals: DataFrame | None) -> int | None:
    """More links than the carry-over can have, without computing them; null where that is not known.

    A link is an identifier of the last map, an anchor or a redirect of the ledger, or an owner of what is contested.
    """
    n_mapped, n_anchored = ctx.at_most_rows(IDENTIFIER_MAP), ctx.at_most_rows(USER_IDS)
    if n_mapped is None or n_anchored is None:
        return None
    if intervals is None:
        return n_mapped + n_anchored
    n_owners = find_owners_over_time(intervals).agg(F.coalesce(F.sum(F.size("owners")), F.lit(0)).alias("n")).collect()
    return n_mapped + n_anchored + int(n_owners[0]["n"])
