"""Everything that names a person, written where a run has touched it: rows in the place of others, files that stand.

Tables of identifiers and people come first, since what differs in them says which messages may belong to somebody else;
what differs in these, and in memberships, says which messages and accounts do.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import GONE, MEMBER_IDENTIFIERS, NEW, OWNED_MESSAGES, TOUCHED
from oneuser.contracts.identity import (
    ACCOUNT_MEMBERSHIPS,
    DIM_USER,
    EVENTS_RESOLVED,
    IDENTIFIER_MAP,
    IDENTIFIER_OWNERSHIP,
    LINEAGE,
    USER_IDS,
    USER_REDIRECTS,
)
from oneuser.contracts.reference import ACCOUNT_MEMBERS, ACCOUNT_PROFILES
from oneuser.identity.resolution import build_dim_user, with_present_accounts
from oneuser.identity.stability import Moved
from oneuser.marts.accounts.memberships import current_accounts
from oneuser.stages.found_rows import find
from oneuser.stages.identity.people_tables import find_lineage, people_tables
from oneuser.stages.identity.resolve_accounts import (
    add_accounts,
    describe_accounts,
    find_memberships,
    find_messages_in_accounts,
)
from oneuser.stages.identity.resolve_messages import find_gone, find_messages, resolve_again

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext
    from oneuser.stages.found_rows import Found
    from oneuser.stages.identity.resolve_people import ResolvedPeople
    from oneuser.stages.identity.scope import Scope


def write_touched(ctx: RunContext, people: ResolvedPeople, scope: Scope) -> Moved:
    """Write what differs of the tables of people, messages and accounts, and tell which messages have another owner.

    Args:
        ctx: The stage's context.
        people: What is within the scope.
        scope: What was decided again.
    """
    lineage, counted = ctx.checkpoint_counted(find_lineage(ctx, people), n_rows=F.count(F.lit(1)))
    minted = people.user_ids.select("user_id")
    user_ids = find(ctx, scope.user_ids.rows.unionByName(minted).distinct())
    by_user_id = {USER_IDS.name, USER_REDIRECTS.name}
    changed = ctx.replace_together(
        [
            (contract, rows, (user_ids if contract.name in by_user_id else scope.identifiers).rows)
            for contract, rows in people_tables(ctx, people, scope)
        ]
    )
    if counted["n_rows"]:
        ctx.append(LINEAGE, lineage, n_rows=counted["n_rows"])
    older = find_messages(
        ctx, scope, _with_other_owners(changed[IDENTIFIER_MAP.name], changed[IDENTIFIER_OWNERSHIP.name])
    )
    owned = resolve_again(ctx, older)
    gone = find_gone(ctx)
    resolved = find(ctx, owned.select("message_key").unionByName(gone.rows))
    events = _write_events(ctx, people, scope, user_ids, owned, older, resolved)
    _tell(ctx, owned, older, events)
    accounts = describe_accounts(ctx, ctx.read(EVENTS_RESOLVED), ctx.read(ACCOUNT_MEMBERSHIPS))
    ctx.replace_together([(contract, rows, None) for contract, rows in accounts])
    described = _write_people(ctx, people, user_ids)
    return Moved(
        identifiers=_updated(changed[IDENTIFIER_MAP.name]),
        events=_updated(events),
        ended=described.where("change = 'deleted'"),
    )


def _with_other_owners(mapped: DataFrame, owned: DataFrame) -> DataFrame:
    """`identifier_id` of what has other owners now, or had some, from what differs in the two tables."""
    differs = reduce(
        lambda one, other: one | other,
        [
            ~F.col(f"before.{name}").eqNullSafe(F.col(f"after.{name}"))
            for name in ("user_id", "is_known", "is_contested")
        ],
    )
    number = F.coalesce("after.identifier_id", "before.identifier_id").alias("identifier_id")
    return mapped.where(differs).select(number).unionByName(owned.select(number))


def _write_events(
    ctx: RunContext,
    people: ResolvedPeople,
    scope: Scope,
    user_ids: Found,
    owned: DataFrame,
    older: Found,
    resolved: Found,
) -> DataFrame:
    """Write the memberships of touched people, and the messages that have another owner or account; returns these."""
    stored = ctx.read(EVENTS_RESOLVED).where(F.col("group_id").isNotNull())
    others = stored.join(resolved.rows, on="message_key", how="left_anti").select(*owned.columns)
    beyond = _members_beyond(ctx, user_ids, owned, older)
    members, identifiers, identifier_map = user_ids.rows, scope.identifiers.rows, people.identifier_map
    if beyond.n_rows:
        members = find(ctx, members.unionByName(beyond.rows)).rows
        theirs = ctx.checkpoint(ctx.read_among(IDENTIFIER_MAP, beyond.rows))
        identifier_map = identifier_map.unionByName(theirs)
        identifiers = find(ctx, identifiers.unionByName(theirs.select("identifier_id"))).rows
    of_people = owned.unionByName(others).join(members, on="user_id", how="left_semi")
    memberships = find_memberships(ctx, of_people, identifier_map, identifiers)
    changed = ctx.replace_within(ACCOUNT_MEMBERSHIPS, memberships, members)
    elsewhere = find_messages_in_accounts(ctx, changed, resolved).select(*owned.columns)
    rows = owned.unionByName(elsewhere)
    owners = find(ctx, rows.where(F.col("user_id").isNotNull()).select("user_id").distinct())
    of_owners = ctx.read(ACCOUNT_MEMBERSHIPS).join(owners.rows, on="user_id", how="left_semi")
    within = find(ctx, resolved.rows.unionByName(elsewhere.select("message_key")))
    return ctx.replace_within(EVENTS_RESOLVED, add_accounts(rows, of_owners), within.rows)


def _members_beyond(ctx: RunContext, user_ids: Found, owned: DataFrame, older: Found) -> Found:
    """`user_id` of people who may have other memberships though nothing was decided about them again.

    Files say something else of them, or an older message that carries an account has come to them, or left: one that
    links nothing may carry what was touched, and belong to somebody who was not.

    Args:
        ctx: The stage's context, when identifiers have their owners.
        user_ids: `user_id` of those about whom it was.
        owned: Messages that were resolved again.
        older: `message_key` of those that are not new.
    """
    parts = [ctx.read(IDENTIFIER_MAP).limit(0)]
    if any(ctx.tables.get(one.name) != ctx.base.get(one.name) for one in (ACCOUNT_MEMBERS, ACCOUNT_PROFILES)):
        told = find(ctx, ctx.changes(MEMBER_IDENTIFIERS).select("identifier_id"))
        parts.append(ctx.read_among(IDENTIFIER_MAP, told.rows))
    if older.n_rows:
        carrying = owned.where(F.col("group_id").isNotNull()).join(older.rows, on="message_key", how="left_semi")
        messages = find(ctx, carrying.select("message_key"))
        if messages.n_rows:
            parts += [carrying, ctx.read_among(EVENTS_RESOLVED, messages.rows)]
    owners = [rows.where(F.col("user_id").isNotNull()).select("user_id") for rows in parts]
    everybody = reduce(DataFrame.unionByName, owners).distinct()
    return find(ctx, everybody.join(user_ids.rows, on="user_id", how="left_anti"))


def _tell(ctx: RunContext, owned: DataFrame, older: Found, changed: DataFrame) -> None:
    """Tell of every message that is new, gone or somebody else's, or not what it was in other ways."""
    now, before = F.col("after.user_id"), F.col("before.user_id")
    reason = (
        F.when(F.col("change") == "inserted", NEW)
        .when(F.col("change") == "deleted", GONE)
        .when(~now.eqNullSafe(before), "moved")
        .otherwise(TOUCHED)
    )
    told = changed.select(
        F.coalesce("after.message_key", "before.message_key").alias("message_key"),
        now.alias("user_id"),
        before.alias("user_id_before"),
        reason.alias("reason"),
    )
    # a new one that took the place of its duplicate, and says the same of its owner, may say something else of the rest
    same = owned.join(older.rows, on="message_key", how="left_anti").join(
        told.select("message_key"), on="message_key", how="left_anti"
    )
    unmoved = same.select(
        "message_key", "user_id", F.col("user_id").alias("user_id_before"), F.lit(TOUCHED).alias("reason")
    )
    rows = ctx.checkpoint(told.unionByName(unmoved))
    if not rows.isEmpty():
        ctx.tell(OWNED_MESSAGES, rows)


def _write_people(ctx: RunContext, people: ResolvedPeople, user_ids: Found) -> DataFrame:
    """Write touched people, and the present accounts of all, which depend on what time it is; returns what differs."""
    present = find(ctx, current_accounts(ctx.read(ACCOUNT_MEMBERSHIPS), as_of=ctx.as_of)).rows
    touched = build_dim_user(people.identifier_map, present)
    others = ctx.read(DIM_USER).join(user_ids.rows, on="user_id", how="left_anti")
    elsewhere = ctx.checkpoint(with_present_accounts(others, present))
    within = find(ctx, user_ids.rows.unionByName(elsewhere.select("user_id")))
    return ctx.replace_within(DIM_USER, touched.unionByName(elsewhere), within.rows)


def _updated(changed: DataFrame) -> DataFrame:
    """Of what differs, the rows that were there before and have another user now."""
    is_moved = ~F.col("before.user_id").eqNullSafe(F.col("after.user_id"))
    return changed.where((F.col("change") == "updated") & is_moved)
