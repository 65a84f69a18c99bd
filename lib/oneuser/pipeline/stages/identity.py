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
from oneuser.identity.resolution import build_dim_user, build_identifier_map, build_ownership, resolve_events
from oneuser.identity.stability import count_stability
from oneuser.marts.accounts.accounts import build_dim_account
from oneuser.marts.accounts.memberships import add_account_at, build_account_memberships
from oneuser.pipeline.stages.graph import carried

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.pipeline.context import RunContext


def identity(ctx: RunContext) -> None:
    """Carry User IDs over and write everything that names a person.

    Raises:
        GateError: where more was merged, or a component grew larger, than the gates allow.
    """
    before = {contract.name: ctx.read(contract) for contract in (USER_IDS, IDENTIFIER_MAP, EVENTS_RESOLVED)}
    decided = _decide(ctx)
    identifier_map = _write_people(ctx, decided, before[IDENTIFIER_MAP.name])
    owned = ctx.persist(resolve_events(ctx.read(EVENTS), carried(ctx), identifier_map))
    group_events = owned.where(
        (F.col("type") == "group") & F.col("group_id").isNotNull() & F.col("user_id").isNotNull()
    )
    group_events = group_events.withColumnRenamed("group_id", "account_id")
    ctx.replace(ACCOUNT_MEMBERSHIPS, build_account_memberships(group_events))
    memberships = ctx.read(ACCOUNT_MEMBERSHIPS)
    with_account = add_account_at(owned, memberships).withColumn("account_id", F.coalesce("group_id", "account_id"))
    ctx.write_together(
        [
            (EVENTS_RESOLVED, EVENTS_RESOLVED.conform(with_account), "replace"),
            (DIM_ACCOUNT, build_dim_account(group_events, memberships), "replace"),
            (DIM_USER, build_dim_user(identifier_map, memberships), "replace"),
        ]
    )
    _count(ctx, before)
    _check_people(ctx)


def _decide(ctx: RunContext) -> DataFrame:
    """The ledger's decisions about all components, kept for the several tables they fill."""
    rules = ctx.config.identity
    return ctx.persist(
        carry_over_user_ids(
            ctx.read(COMPONENTS),
            ctx.read(USER_IDS),
            ctx.read(IDENTIFIER_MAP),
            priorities={name: r.priority for name, r in rules.id_types.items()},
            known_types=frozenset(name for name, r in rules.id_types.items() if r.known),
            run_seq=ctx.run_seq,
            survivor=rules.survivor,
            keys=ctx.keys,
            connect=connect_in_one_task,
            is_first_run=USER_IDS.name not in ctx.tables,
        )
    )


def _write_people(ctx: RunContext, decided: DataFrame, map_before: DataFrame) -> DataFrame:
    """Ledger, redirects, lineage, map and ownership. Returns the written map."""
    rules = ctx.config.identity.id_types
    people = build_identifier_map(
        ctx.read(COMPONENTS),
        decided_owners(decided),
        priorities={name: r.priority for name, r in rules.items()},
        known_types=frozenset(name for name, r in rules.items() if r.known),
    )
    user_ids = decided_user_ids(decided, ctx.read(USER_IDS))
    lineage = decided_lineage(decided, ctx.read(EDGES), map_before)
    ctx.write_together(
        [
            (IDENTIFIER_MAP, people, "replace"),
            (USER_IDS, user_ids, "replace"),
            (LINEAGE, lineage, "append"),
        ]
    )
    identifier_map = ctx.read(IDENTIFIER_MAP)
    ctx.write_together(
        [
            (USER_REDIRECTS, decided_redirects(ctx.read(USER_IDS)), "replace"),
            (IDENTIFIER_OWNERSHIP, build_ownership(identifier_map), "replace"),
        ]
    )
    return identifier_map


def _count(ctx: RunContext, before: dict[str, DataFrame]) -> None:
    """Stability figures, and the gates over them."""
    figures = count_stability(
        lineage=ctx.read(LINEAGE).where(F.col("run_seq") == ctx.run_seq),
        map_before=before[IDENTIFIER_MAP.name],
        map_now=ctx.read(IDENTIFIER_MAP),
        events_before=before[EVENTS_RESOLVED.name],
        events_now=ctx.read(EVENTS_RESOLVED),
    ).collect()
    for row in figures:
        ctx.figure(row["metric"], row["value"], row["key"])
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
