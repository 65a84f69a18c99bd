"""Stage identity: User IDs for components, owners for identifiers and events, accounts for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES
from oneuser.contracts.identity import (
    ACCOUNT_MEMBERSHIPS,
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
from oneuser.contracts.raw import EVENTS
from oneuser.core.errors import GateError
from oneuser.graph.components import connect_in_one_task
from oneuser.identity.carry_over import (
    carry_over_user_ids,
    decided_lineage,
    decided_owners,
    decided_redirects,
    decided_user_ids,
)
from oneuser.identity.claims_rows import divide_batches
from oneuser.identity.history import record_ownership, record_users
from oneuser.identity.ownership import build_claims, build_ownership, divide_claims, find_seats
from oneuser.identity.resolution import build_dim_user, build_identifier_map, resolve_events
from oneuser.identity.stability import count_stability, stability_figures
from oneuser.marts.accounts.accounts import build_dim_account
from oneuser.marts.accounts.memberships import add_account_at, build_account_memberships
from oneuser.pipeline.evidence import carried, find_linking_messages, usable
from oneuser.pipeline.rules import identity_values

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.pipeline.context import RunContext


def identity(ctx: RunContext) -> None:
    """Carry User IDs over and write everything that names a person.

    Raises:
        GateError: where more was merged, or a component grew larger, than the gates allow.
    """
    before = {contract.name: _before(ctx, contract) for contract in (IDENTIFIER_MAP, EVENTS_RESOLVED)}
    values = identity_values(ctx.config)
    intervals = _divide_contested(ctx)
    decided = _decide(ctx, intervals)
    owners = decided_owners(decided)
    components = ctx.read(COMPONENTS)
    people = ctx.persist(
        build_identifier_map(components, owners, priorities=values.priorities, known_types=values.known_types)
    )
    ownership = build_ownership(people, intervals, owners)
    if intervals is not None:
        ownership = ctx.persist(ownership)
    owned = ctx.persist(
        resolve_events(
            ctx.read(EVENTS),
            carried(ctx),
            people,
            None if intervals is None else ownership,
            unique_priorities=values.unique_priorities,
        )
    )
    user_ids = ctx.persist(decided_user_ids(decided, ctx.read(USER_IDS)))
    history = record_users(people, _before(ctx, IDENTIFIER_HISTORY), run_seq=ctx.run_seq, as_of=ctx.as_of)
    owned_over_time = record_ownership(
        ownership, _before(ctx, IDENTIFIER_OWNERSHIP), run_seq=ctx.run_seq, as_of=ctx.as_of
    )
    group_events = owned.where(
        (F.col("type") == "group") & F.col("group_id").isNotNull() & F.col("user_id").isNotNull()
    )
    group_events = group_events.withColumnRenamed("group_id", "account_id")
    memberships = ctx.persist(build_account_memberships(group_events))
    with_account = add_account_at(owned, memberships).withColumn("account_id", F.coalesce("group_id", "account_id"))
    ctx.write_together(
        [
            (EVENTS_RESOLVED, EVENTS_RESOLVED.conform(with_account), "replace"),
            (IDENTIFIER_MAP, people, "replace"),
            (USER_IDS, user_ids, "replace"),
            (IDENTIFIER_OWNERSHIP, owned_over_time, "replace"),
            (IDENTIFIER_HISTORY, history, "replace"),
            (LINEAGE, decided_lineage(decided, ctx.read(EDGES), before[IDENTIFIER_MAP.name]), "append"),
            (USER_REDIRECTS, decided_redirects(user_ids), "replace"),
            (ACCOUNT_MEMBERSHIPS, memberships, "replace"),
            (DIM_ACCOUNT, build_dim_account(group_events, memberships), "replace"),
            (DIM_USER, build_dim_user(people, memberships), "replace"),
        ]
    )
    _count(ctx, before, owned)
    _check_people(ctx)


def _before(ctx: RunContext, contract: TableContract) -> DataFrame | None:
    """Rows that the last run left, null where there is no such table yet. To be called before the stage writes it."""
    return ctx.read(contract) if contract.name in ctx.tables else None


def _divide_contested(ctx: RunContext) -> DataFrame | None:
    """Intervals of contested identifiers by component; null where nothing is contested."""
    components = ctx.read(COMPONENTS)
    contested = components.where("is_contested").select("identifier_id")
    if contested.isEmpty():
        return None
    values = identity_values(ctx.config)
    rows = usable(ctx)
    touched = rows.join(F.broadcast(contested), on="identifier_id", how="left_semi").select("message_key").distinct()
    messages = find_linking_messages(ctx, rows.join(touched, on="message_key", how="left_semi"))
    claims = build_claims(components, messages, priorities=values.priorities, known_types=values.known_types)
    return ctx.persist(divide_claims(claims, policy=ctx.config.identity.shared_device, divide=divide_batches))


def _decide(ctx: RunContext, intervals: DataFrame | None) -> DataFrame:
    """The ledger's decisions about all components, kept for the several tables they fill."""
    values = identity_values(ctx.config)
    return ctx.persist(
        carry_over_user_ids(
            ctx.read(COMPONENTS),
            ctx.read(USER_IDS),
            ctx.read(IDENTIFIER_MAP),
            priorities=values.priorities,
            known_types=values.known_types,
            run_seq=ctx.run_seq,
            survivor=ctx.config.identity.survivor,
            keys=ctx.keys,
            connect=connect_in_one_task,
            seats=None if intervals is None else find_seats(intervals),
            is_first_run=USER_IDS.name not in ctx.tables,
        )
    )


def _count(ctx: RunContext, before: dict[str, DataFrame | None], owned: DataFrame) -> None:
    """Stability figures, and the gates over them."""
    counted = count_stability(
        lineage=ctx.read(LINEAGE).where(F.col("run_seq") == ctx.run_seq),
        map_now=ctx.read(IDENTIFIER_MAP),
        events_now=owned,
        map_before=before[IDENTIFIER_MAP.name],
        events_before=before[EVENTS_RESOLVED.name],
    ).collect()
    for metric, key, value in stability_figures(counted):
        ctx.figure(metric, value, key)
    _check_gates(ctx)


def _check_gates(ctx: RunContext) -> None:
    gates = ctx.config.gates
    n_before, n_merged = ctx.figures.get("ids_before", 0.0), ctx.figures.get("ids_merged", 0.0)
    share = n_merged / n_before if n_before else 0.0
    if gates.max_merged_ids_share is not None and share > gates.max_merged_ids_share:
        raise GateError(
            found=f"{n_merged:.0f} of {n_before:.0f} User IDs would be merged away ({share:.1%})",
            expected=f"at most {gates.max_merged_ids_share:.1%}",
            where="gates.max_merged_ids_share",
            next_step="look for a placeholder value that should be blocked, or raise the gate",
            gate="max_merged_ids_share",
        )
    largest = ctx.figures.get("largest_component", 0.0)
    if gates.max_largest_component is not None and largest > gates.max_largest_component:
        raise GateError(
            found=f"one person would have {largest:.0f} identifiers",
            expected=f"at most {gates.max_largest_component}",
            where="gates.max_largest_component",
            next_step="look for a placeholder value that should be blocked, or raise the gate",
            gate="max_largest_component",
        )


def _check_people(ctx: RunContext) -> None:
    """Invariants of the ledger, checked on what was written."""
    ledger, mapped = ctx.read(USER_IDS), ctx.read(IDENTIFIER_MAP)
    live = ledger.where(F.col("status") == "live").select("user_id")
    owners = mapped.select("user_id").distinct()
    dangling = ledger.where(F.col("status") == "retired").join(
        live.withColumnRenamed("user_id", "redirect_to"), on="redirect_to", how="left_anti"
    )
    checks = {
        "every_person_is_live": (owners.join(live, on="user_id", how="left_anti"), "every owner a live User ID"),
        "every_live_id_is_a_person": (live.join(owners, on="user_id", how="left_anti"), "every live User ID an owner"),
        "redirects_end_in_one_hop": (dangling, "every retired User ID pointing at a live one"),
    }
    tagged = [rows.select(F.lit(name).alias("name")) for name, (rows, _) in checks.items()]
    violations = (
        tagged[0].unionByName(tagged[1]).unionByName(tagged[2]).groupBy("name").agg(F.count(F.lit(1)).alias("n"))
    )
    found = {row["name"]: row["n"] for row in violations.collect()}
    for name, (_, expected) in checks.items():
        n = found.get(name, 0)
        ctx.audit(name, ok=n == 0, found=f"{n} User IDs break it", expected=expected)
