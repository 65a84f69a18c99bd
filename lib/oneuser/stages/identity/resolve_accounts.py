"""The accounts of people and events: part of the identity stage, once it is known whose each message is.

Reads   account_profiles, account_parents, account_members, identifiers, identifier_values
Yields  account_memberships, events_resolved, dim_account, and account_rollup where there are parents
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.identity import ACCOUNT_ROLLUP, DIM_ACCOUNT, EVENTS_RESOLVED
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.contracts.reference import ACCOUNT_MEMBERS, ACCOUNT_PARENTS, ACCOUNT_PROFILES
from oneuser.marts.accounts.accounts import build_account_rollup, build_dim_account, list_accounts
from oneuser.marts.accounts.domains import find_domain_accounts
from oneuser.marts.accounts.memberships import add_account_at, build_account_memberships, resolve_statements
from oneuser.marts.accounts.statements import state_domains, state_members, state_mentions, state_messages
from oneuser.marts.accounts.timeline import MembershipRules
from oneuser.stages.found_rows import find, only
from oneuser.stages.ingest.account_files import excluded, free_mail

if TYPE_CHECKING:
    from oneuser.config.accounts import AccountRules
    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext
    from oneuser.stages.found_rows import Found


def find_memberships(
    ctx: RunContext, owned: DataFrame, identifier_map: DataFrame, identifiers: DataFrame | None = None
) -> DataFrame:
    """Rows of `account_memberships` of some people, or of all. Writes nothing.

    Args:
        ctx: The stage's context.
        owned: Their messages: columns of `events_resolved` but for the account; at least those that carry one.
        identifier_map: Rows of `identifier_map` of these people.
        identifiers: `identifier_id`, those of these people among them; null for all.
    """
    rules = ctx.config.accounts
    if _is_plain(rules):
        group_messages = owned.where((F.col("type") == "group") & F.col("group_id").isNotNull())
        described = group_messages.select(
            "user_id", F.col("group_id").alias("account_id"), "event_time", "received_at", "message_key"
        )
        return ctx.checkpoint(build_account_memberships(described))
    statements = [state_messages(owned, leave_events=rules.leave_events)]
    if rules.primary == "most_events":
        statements.append(state_mentions(owned))
    if rules.files.members:
        statements.append(state_members(ctx.read(ACCOUNT_MEMBERS), ctx.read(IDENTIFIERS), identifier_map))
    if rules.domains:
        statements.append(state_domains(_domain_accounts(ctx, identifiers), identifier_map))
    return ctx.checkpoint(
        resolve_statements(
            reduce(DataFrame.unionByName, statements),
            MembershipRules(
                is_single=rules.membership == "single", primary=rules.primary, source_order=rules.source_order
            ),
        )
    )


def add_accounts(owned: DataFrame, memberships: DataFrame) -> DataFrame:
    """Rows of `events_resolved`: messages with the account that they carry, or that of their owner at their time."""
    return EVENTS_RESOLVED.conform(add_account_at(owned, memberships, own="group_id"))


def find_messages_in_accounts(ctx: RunContext, memberships: DataFrame, messages: Found) -> DataFrame:
    """Messages of the last run, older than this one and not resolved again, whose owner has other memberships now.

    Args:
        ctx: The stage's context.
        memberships: What has changed in `account_memberships`, as `replace_within` gives it.
        messages: `message_key` of those that are resolved again.

    Returns:
        The columns of `events_resolved` but for the account.
    """
    people = find(ctx, memberships.select(F.coalesce("after.user_id", "before.user_id").alias("user_id")).distinct())
    stored = ctx.read_before(EVENTS_RESOLVED).drop("account_id")
    if not people.n_rows:
        return stored.limit(0)
    # an account that the message carries itself counts before any membership
    of_people = stored.where(F.col("group_id").isNull()).join(people.rows, on="user_id", how="left_semi")
    return ctx.checkpoint(of_people.join(messages.rows, on="message_key", how="left_anti"))


def describe_accounts(
    ctx: RunContext, owned: DataFrame, memberships: DataFrame
) -> list[tuple[TableContract, DataFrame]]:
    """All rows of `dim_account`, and of `account_rollup` where there are parents. Writes nothing.

    Grows with the messages that carry an account, of which four columns are read, and with the memberships.

    Args:
        ctx: The stage's context.
        owned: All messages: `user_id`, `group_id`, `type`, `event_time`.
        memberships: All rows of `account_memberships`.
    """
    files = ctx.config.accounts.files
    messages = owned.where(F.col("group_id").isNotNull()).select(
        "user_id", F.col("group_id").alias("account_id"), "type", "event_time"
    )
    profiles = ctx.read(ACCOUNT_PROFILES) if files.accounts else None
    rollup = None
    if files.parents:
        accounts = list_accounts(messages, memberships, profiles)
        rollup = ctx.checkpoint(build_account_rollup(ctx.read(ACCOUNT_PARENTS), accounts))
    described = [
        (DIM_ACCOUNT, build_dim_account(messages, memberships, as_of=ctx.as_of, profiles=profiles, rollup=rollup))
    ]
    if rollup is not None:
        described.append((ACCOUNT_ROLLUP, rollup))
    elif ACCOUNT_ROLLUP.name in ctx.tables and not ctx.read(ACCOUNT_ROLLUP).isEmpty():
        # there were parents, and now there are none
        described.append((ACCOUNT_ROLLUP, ACCOUNT_ROLLUP.empty(ctx.spark)))
    return described


def _is_plain(rules: AccountRules) -> bool:
    """Whether nothing but group messages counts, one account at a time: then the latest is the only one there is."""
    has_others = bool(rules.leave_events or rules.files.members or rules.domains)
    return rules.membership == "single" and not has_others


def _domain_accounts(ctx: RunContext, identifiers: DataFrame | None) -> DataFrame:
    rules = ctx.config.accounts.domains
    assert rules is not None  # noqa: S101 - the caller has looked
    values = ctx.read(IDENTIFIER_VALUES).where(F.col("id_type").isin(*rules.from_types))
    return find_domain_accounts(
        only(values, identifiers),
        ctx.read(ACCOUNT_PROFILES),
        excluded=free_mail(ctx.config) | excluded(ctx.config),
        keys=ctx.keys if rules.unmapped == "keyed" else None,
    )
