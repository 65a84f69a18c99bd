"""Stage identity: User IDs for components, owners for identifiers and events, accounts for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.changes import JUDGED_IDENTIFIERS, LINKED_IDENTIFIERS, MEMBER_IDENTIFIERS, OWNED_MESSAGES
from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS, IDENTIFIERS, REFUSED_EDGES
from oneuser.contracts.identity import (
    ACCOUNT_MEMBERSHIPS,
    ACCOUNT_ROLLUP,
    DIM_ACCOUNT,
    DIM_USER,
    EVENTS_RESOLVED,
    IDENTIFIER_HISTORY,
    IDENTIFIER_MAP,
    IDENTIFIER_OWNERSHIP,
    LINEAGE,
    USER_IDS,
    USER_REDIRECTS,
)
from oneuser.contracts.privacy import ERASURES
from oneuser.contracts.raw import EVENTS, IDENTIFIER_VALUES
from oneuser.contracts.reference import ACCOUNT_MEMBERS, ACCOUNT_PARENTS, ACCOUNT_PROFILES
from oneuser.identity.invariants import count_violations, ledger_invariants
from oneuser.identity.resolution import build_dim_user
from oneuser.identity.stability import Moved, count_stability, find_moved, stability_metrics
from oneuser.marts.accounts.memberships import current_accounts
from oneuser.stages.declaration import Stage
from oneuser.stages.identity.people_tables import find_lineage, people_tables
from oneuser.stages.identity.resolve_accounts import add_accounts, describe_accounts, find_memberships
from oneuser.stages.identity.resolve_messages import resolve_all
from oneuser.stages.identity.resolve_people import resolve_people
from oneuser.stages.identity.scope import find_scope
from oneuser.stages.identity.touched_tables import write_touched
from oneuser.stages.shaped_by import identity_facts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import Mode, RunContext
    from oneuser.stages.identity.resolve_people import ResolvedPeople
    from oneuser.stages.identity.scope import Scope


def identity(ctx: RunContext) -> None:
    """Carry User IDs over and write everything that names a person. The gates over it are the run's business."""
    scope = find_scope(ctx) if ctx.is_incremental else None
    components = ctx.read_among(COMPONENTS, None if scope is None else scope.identifiers.rows)
    people = resolve_people(ctx, components, scope)
    moved = _write_all(ctx, people) if scope is None else write_touched(ctx, people, scope)
    _count(ctx, moved)
    _check_people(ctx, scope)


def _write_all(ctx: RunContext, people: ResolvedPeople) -> Moved:
    """Write every table whole."""
    owned = resolve_all(ctx, people)
    memberships = find_memberships(ctx, owned, people.identifier_map)
    tables = [
        *people_tables(ctx, people),
        (ACCOUNT_MEMBERSHIPS, memberships),
        (EVENTS_RESOLVED, add_accounts(owned, memberships)),
        *describe_accounts(ctx, owned, memberships),
        (DIM_USER, build_dim_user(people.identifier_map, current_accounts(memberships, as_of=ctx.as_of))),
    ]
    lineage: tuple[TableContract, DataFrame, Mode] = (LINEAGE, find_lineage(ctx, people), "append")
    ctx.write_together([lineage, *[(contract, rows, "replace") for contract, rows in tables]])
    now, was = (
        {one: read(one) for one in (IDENTIFIER_MAP, EVENTS_RESOLVED, DIM_USER)} for read in (ctx.read, ctx.read_before)
    )
    return Moved(
        identifiers=find_moved(now[IDENTIFIER_MAP], was[IDENTIFIER_MAP], "identifier_id"),
        events=find_moved(now[EVENTS_RESOLVED], was[EVENTS_RESOLVED], "message_key"),
        ended=was[DIM_USER].join(now[DIM_USER], on="user_id", how="left_anti"),
    )


def _count(ctx: RunContext, moved: Moved) -> None:
    """Stability metrics."""
    counted = count_stability(
        lineage=ctx.read(LINEAGE).where(F.col("run_seq") == ctx.run_seq),
        people=ctx.read(DIM_USER),
        people_before=ctx.read_before(DIM_USER),
        events=ctx.read(EVENTS_RESOLVED),
        moved=moved,
    ).collect()
    for metric, key, value in stability_metrics(counted):
        ctx.metric(metric, value, key)


def _check_people(ctx: RunContext, scope: Scope | None) -> None:
    """Invariants of the ledger, checked on what was written: of everything, or of what was decided again.

    What is beyond a scope has no part in it, and held before.
    """
    ledger, identifier_map = ctx.read(USER_IDS), ctx.read(IDENTIFIER_MAP)
    if scope is not None:
        ledger = scope.of_user_ids(ledger).unionByName(ledger.where(F.col("minted_run") == ctx.run_seq))
        identifier_map = scope.of_identifiers(identifier_map)
    invariants = ledger_invariants(ledger, identifier_map)
    found = {row["name"]: row["n"] for row in count_violations(invariants).collect()}
    for invariant in invariants:
        n = found.get(invariant.name, 0)
        ctx.check(invariant.name, ok=n == 0, found=f"{n} User IDs break it", expected=invariant.expected)


IDENTITY_STAGE = Stage(
    "identity",
    identity,
    reads=(
        EVENTS,
        EVENT_IDENTIFIERS,
        IDENTIFIERS,
        IDENTIFIER_VALUES,
        EDGES,
        REFUSED_EDGES,
        COMPONENTS,
        ACCOUNT_PROFILES,
        ACCOUNT_PARENTS,
        ACCOUNT_MEMBERS,
        ERASURES,
    ),
    writes=(
        USER_IDS,
        USER_REDIRECTS,
        IDENTIFIER_MAP,
        IDENTIFIER_HISTORY,
        IDENTIFIER_OWNERSHIP,
        LINEAGE,
        EVENTS_RESOLVED,
        ACCOUNT_MEMBERSHIPS,
        ACCOUNT_ROLLUP,
        DIM_ACCOUNT,
        DIM_USER,
    ),
    # gates are asked over its metrics, whether it was done again or not
    sections=("deployment", "identity"),
    facts=identity_facts,
    takes={
        JUDGED_IDENTIFIERS: (EDGES, REFUSED_EDGES, COMPONENTS),
        LINKED_IDENTIFIERS: (EVENTS, EVENT_IDENTIFIERS, IDENTIFIERS, IDENTIFIER_VALUES, ERASURES),
        # accounts themselves, and which lies above which, are written anew each time
        MEMBER_IDENTIFIERS: (ACCOUNT_PROFILES, ACCOUNT_PARENTS, ACCOUNT_MEMBERS),
    },
    gives=(OWNED_MESSAGES,),
)
