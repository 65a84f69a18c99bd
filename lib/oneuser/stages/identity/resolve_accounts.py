"""The accounts of people and events: part of the identity stage, between the owners of events and what is written.

Reads   account_profiles, account_parents, account_members, identifiers, identifier_values
Yields  account_memberships, events_resolved, dim_account, and account_rollup where there are parents
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP, DIM_ACCOUNT, EVENTS_RESOLVED
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.contracts.reference import ACCOUNT_MEMBERS, ACCOUNT_PARENTS, ACCOUNT_PROFILES
from oneuser.marts.accounts.accounts import build_account_rollup, build_dim_account, list_accounts
from oneuser.marts.accounts.domains import find_domain_accounts
from oneuser.marts.accounts.memberships import (
    add_account_at,
    build_account_memberships,
    current_accounts,
    resolve_statements,
)
from oneuser.marts.accounts.statements import state_domains, state_members, state_mentions, state_messages
from oneuser.marts.accounts.timeline import MembershipRules
from oneuser.stages.ingest.account_files import excluded, free_mail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.config.accounts import AccountRules
    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import Mode, RunContext


@dataclass(frozen=True)
class ResolvedAccounts:
    """Everything about accounts that the identity stage writes.

    Attributes:
        current: Whose member each person is at the run's own time, as `current_accounts` gives it.
        writes: All tables of it, to be written together with the stage's others.
    """

    current: DataFrame
    writes: Sequence[tuple[TableContract, DataFrame, Mode]]


def resolve_accounts(ctx: RunContext, owned: DataFrame, identifier_map: DataFrame) -> ResolvedAccounts:
    """Find out who belonged to which account when, and give each event its account. Writes nothing.

    Args:
        ctx: The stage's context.
        owned: One row per message, as `resolve_events` gives it; kept by the caller.
        identifier_map: Rows of `identifier_map` of this run.
    """
    memberships = ctx.checkpoint(_memberships(ctx, owned, identifier_map))
    files = ctx.config.accounts.files
    messages = owned.select("user_id", F.col("group_id").alias("account_id"), "type", "event_time")
    profiles = ctx.read(ACCOUNT_PROFILES) if files.accounts else None
    rollup = None
    if files.parents:
        accounts = list_accounts(messages, memberships, profiles)
        rollup = ctx.checkpoint(build_account_rollup(ctx.read(ACCOUNT_PARENTS), accounts))
    described = build_dim_account(messages, memberships, as_of=ctx.as_of, profiles=profiles, rollup=rollup)
    writes: list[tuple[TableContract, DataFrame, Mode]] = [
        (ACCOUNT_MEMBERSHIPS, memberships, "replace"),
        (EVENTS_RESOLVED, EVENTS_RESOLVED.conform(add_account_at(owned, memberships, own="group_id")), "replace"),
        (DIM_ACCOUNT, described, "replace"),
    ]
    if rollup is not None:
        writes.append((ACCOUNT_ROLLUP, rollup, "replace"))
    elif ACCOUNT_ROLLUP.name in ctx.tables and not ctx.read(ACCOUNT_ROLLUP).isEmpty():
        # there were parents, and now there are none
        writes.append((ACCOUNT_ROLLUP, ACCOUNT_ROLLUP.empty(ctx.spark), "replace"))
    return ResolvedAccounts(current_accounts(memberships, as_of=ctx.as_of), writes)


def _memberships(ctx: RunContext, owned: DataFrame, identifier_map: DataFrame) -> DataFrame:
    rules = ctx.config.accounts
    if _is_plain(rules):
        group_messages = owned.where((F.col("type") == "group") & F.col("group_id").isNotNull())
        return build_account_memberships(group_messages.withColumnRenamed("group_id", "account_id"))
    statements = [state_messages(owned, leave_events=rules.leave_events)]
    if rules.primary == "most_events":
        statements.append(state_mentions(owned))
    if rules.files.members:
        statements.append(state_members(ctx.read(ACCOUNT_MEMBERS), ctx.read(IDENTIFIERS), identifier_map))
    if rules.domains:
        statements.append(state_domains(_domain_accounts(ctx), identifier_map))
    return resolve_statements(
        reduce(DataFrame.unionByName, statements),
        MembershipRules(is_single=rules.membership == "single", primary=rules.primary, source_order=rules.source_order),
    )


def _is_plain(rules: AccountRules) -> bool:
    """Whether nothing but group messages counts, one account at a time: then the latest is the only one there is."""
    has_others = bool(rules.leave_events or rules.files.members or rules.domains)
    return rules.membership == "single" and not has_others


def _domain_accounts(ctx: RunContext) -> DataFrame:
    rules = ctx.config.accounts.domains
    assert rules is not None  # noqa: S101 - the caller has looked
    values = ctx.read(IDENTIFIER_VALUES).where(F.col("id_type").isin(*rules.from_types))
    return find_domain_accounts(
        values,
        ctx.read(ACCOUNT_PROFILES),
        excluded=free_mail(ctx.config) | excluded(ctx.config),
        keys=ctx.keys if rules.unmapped == "keyed" else None,
    )
