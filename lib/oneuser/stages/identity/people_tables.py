"""The tables of people and identifiers, of everybody or of those whom a scope says. Writes nothing.

Reads   edges; identifier_history and identifier_ownership of the last run
Yields  identifier_map, user_ids, user_redirects, identifier_history, identifier_ownership, lineage
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import EDGES
from oneuser.contracts.identity import (
    IDENTIFIER_HISTORY,
    IDENTIFIER_MAP,
    IDENTIFIER_OWNERSHIP,
    USER_IDS,
    USER_REDIRECTS,
)
from oneuser.identity.carry_over import changes_with_causes, decided_lineage, decided_redirects, ended_lineage
from oneuser.identity.history import record_ownership, record_users
from oneuser.stages.identity.ended import find_ended_here

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext
    from oneuser.stages.identity.resolve_people import ResolvedPeople
    from oneuser.stages.identity.scope import Scope


def people_tables(
    ctx: RunContext, people: ResolvedPeople, scope: Scope | None = None
) -> list[tuple[TableContract, DataFrame]]:
    """Each table with its rows, those of a scope alone where there is one."""

    def recorded(contract: TableContract) -> DataFrame | None:
        if contract.name not in ctx.tables:
            return None
        rows = ctx.read(contract)
        return rows if scope is None else scope.of_identifiers(rows)

    run_seq, as_of = ctx.run_seq, ctx.as_of
    ownership_before, history_before = recorded(IDENTIFIER_OWNERSHIP), recorded(IDENTIFIER_HISTORY)
    return [
        (IDENTIFIER_MAP, people.identifier_map),
        (IDENTIFIER_OWNERSHIP, record_ownership(people.ownership, ownership_before, run_seq=run_seq, as_of=as_of)),
        (IDENTIFIER_HISTORY, record_users(people.identifier_map, history_before, run_seq=run_seq, as_of=as_of)),
        (USER_IDS, people.user_ids),
        (USER_REDIRECTS, decided_redirects(people.user_ids)),
    ]


def find_lineage(ctx: RunContext, people: ResolvedPeople) -> DataFrame:
    """Rows of `lineage` of this run. Of all edges the new ones alone can be a cause, where anything needs one."""
    n_caused = changes_with_causes(people.decided).count()
    new_edges = ctx.read(EDGES).where(F.col("first_run") == ctx.run_seq)
    decided = decided_lineage(
        people.decided,
        new_edges if n_caused else new_edges.limit(0),
        people.previous_map if IDENTIFIER_MAP.name in ctx.tables else None,
        has_few_causes=ctx.is_few(n_caused),
    )
    ended = find_ended_here(ctx)
    return decided if ended is None else decided.unionByName(ended_lineage(ended, run_seq=ctx.run_seq))
