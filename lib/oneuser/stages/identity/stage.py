"""Stage identity: User IDs for components, owners for identifiers and events, accounts for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS, IDENTIFIERS
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
from oneuser.contracts.raw import EVENTS, IDENTIFIER_VALUES
from oneuser.contracts.reference import ACCOUNT_MEMBERS, ACCOUNT_PARENTS, ACCOUNT_PROFILES
from oneuser.identity.carry_over import (
    changes_with_causes,
    decided_lineage,
    decided_redirects,
)
from oneuser.identity.history import record_ownership, record_users
from oneuser.identity.invariants import count_violations, ledger_invariants
from oneuser.identity.resolution import build_dim_user
from oneuser.identity.stability import count_stability, stability_metrics
from oneuser.stages.declaration import Stage
from oneuser.stages.identity.resolve_accounts import resolve_accounts
from oneuser.stages.identity.resolve_people import resolve_people

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext


def identity(ctx: RunContext) -> None:
    """Carry User IDs over and write everything that names a person. The gates over it are the run's business."""
    before = {contract.name: _before(ctx, contract) for contract in (IDENTIFIER_MAP, EVENTS_RESOLVED)}
    people = resolve_people(ctx, ctx.read(COMPONENTS))
    owned = people.owned
    history = record_users(
        people.identifier_map, _before(ctx, IDENTIFIER_HISTORY), run_seq=ctx.run_seq, as_of=ctx.as_of
    )
    owned_over_time = record_ownership(
        people.ownership, _before(ctx, IDENTIFIER_OWNERSHIP), run_seq=ctx.run_seq, as_of=ctx.as_of
    )
    accounts = resolve_accounts(ctx, owned, people.identifier_map)
    ctx.write_together(
        [
            (IDENTIFIER_MAP, people.identifier_map, "replace"),
            (USER_IDS, people.user_ids, "replace"),
            (IDENTIFIER_OWNERSHIP, owned_over_time, "replace"),
            (IDENTIFIER_HISTORY, history, "replace"),
            (LINEAGE, _lineage(ctx, people.decided, before[IDENTIFIER_MAP.name]), "append"),
            (USER_REDIRECTS, decided_redirects(people.user_ids), "replace"),
            *accounts.writes,
            (DIM_USER, build_dim_user(people.identifier_map, accounts.current), "replace"),
        ]
    )
    _count(ctx, before, owned)
    _check_people(ctx)


def _lineage(ctx: RunContext, decided: DataFrame, map_before: DataFrame | None) -> DataFrame:
    """Rows of `lineage` of this run. Of all edges the new ones alone can be a cause, where anything needs one."""
    n_caused = changes_with_causes(decided).count()
    new_edges = ctx.read(EDGES).where(F.col("first_run") == ctx.run_seq)
    return decided_lineage(
        decided,
        new_edges if n_caused else new_edges.limit(0),
        map_before,
        has_few_causes=ctx.is_few(n_caused),
    )


def _before(ctx: RunContext, contract: TableContract) -> DataFrame | None:
    """Rows that the last run left, null where there is no such table yet. To be called before the stage writes it."""
    return ctx.read(contract) if contract.name in ctx.tables else None


def _count(ctx: RunContext, before: dict[str, DataFrame | None], owned: DataFrame) -> None:
    """Stability metrics."""
    counted = count_stability(
        lineage=ctx.read(LINEAGE).where(F.col("run_seq") == ctx.run_seq),
        map_now=ctx.read(IDENTIFIER_MAP),
        events_now=owned,
        map_before=before[IDENTIFIER_MAP.name],
        events_before=before[EVENTS_RESOLVED.name],
    ).collect()
    for metric, key, value in stability_metrics(counted):
        ctx.metric(metric, value, key)


def _check_people(ctx: RunContext) -> None:
    """Invariants of the ledger, checked on what was written."""
    invariants = ledger_invariants(ctx.read(USER_IDS), ctx.read(IDENTIFIER_MAP))
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
        COMPONENTS,
        ACCOUNT_PROFILES,
        ACCOUNT_PARENTS,
        ACCOUNT_MEMBERS,
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
    sections=("deployment", "identity", "consent", "gates", "accounts"),
)
