"""Files about accounts: accounts, their parents and their members, judged together.

Reads   the files of `accounts.files`
Yields  account_profiles, account_parents, account_members, each where its file is configured
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.reference import ACCOUNT_MEMBERS, ACCOUNT_PARENTS, ACCOUNT_PROFILES
from oneuser.events.earlier_keys import with_stored_keys
from oneuser.events.member_records import read_members
from oneuser.events.period_records import read_periods
from oneuser.events.spec import id_type_specs
from oneuser.marts.accounts.contradictions import (
    build_account_members,
    held_parents,
    judge_accounts,
    judge_parents,
    refuse_parents,
    refuse_unknown,
)
from oneuser.marts.accounts.domains import build_account_profiles, free_mail_domains, normalise_domain
from oneuser.stages.ingest.credible_times import earliest_time
from oneuser.stages.ingest.kept_back import KeptBack
from oneuser.stages.ingest.references import Judged, ReferenceGroup, replaced
from oneuser.stages.ingest.stored_keys import stored_keys
from oneuser.storage.reference_inputs import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.config.accounts import MembersFile, ParentsFile
    from oneuser.config.reference import ReferenceFile
    from oneuser.stages.context import RunContext

GROUP = "accounts.files"
ACCOUNTS, PARENTS, MEMBERS = (f"{GROUP}.{name}" for name in ("accounts", "parents", "members"))


def account_group(ctx: RunContext) -> ReferenceGroup:
    """The files about accounts that are configured, taken in together: each is judged by the accounts there are."""
    declared = {f"{GROUP}.{name}": file for name, file in ctx.config.accounts.files.declared.items()}
    references = [_reference(name, file) for name, file in declared.items()]

    def judge(records: Mapping[str, DataFrame]) -> Judged:
        return _judge(ctx, records)

    domains = (sorted(free_mail(ctx.config)), sorted(excluded(ctx.config)))
    shape = (
        id_type_specs(ctx.config.identity.id_types),
        # who is not stored yet has a key of the newest version when they come
        ctx.keys.key_id,
        domains,
        [getattr(file, "times", None) for file in declared.values()],
        earliest_time(ctx.config),
    )
    return ReferenceGroup(GROUP, references, shape, judge, names_people=MEMBERS in declared)


def free_mail(config: Config) -> frozenset[str]:
    """Domains at which anybody can have an address, where the configuration excludes them."""
    rules = config.accounts.domains
    return free_mail_domains() if rules is None or rules.exclude_free_mail else frozenset()


def excluded(config: Config) -> frozenset[str]:
    """Domains that the configuration excludes by name."""
    rules = config.accounts.domains
    found = (normalise_domain(domain) for domain in rules.extra_excluded) if rules else ()
    return frozenset(domain for domain in found if domain is not None)


def _reference(name: str, file: ReferenceFile) -> Reference:
    columns = file.all_columns
    required, optional = file.required_columns, file.optional_columns
    if name == MEMBERS:
        # one type for all records, or a column that says it
        names_type = getattr(file, "id_type", None) is None
        required = (*required, "id_type") if names_type else required
        optional = tuple(column for column in optional if column != "id_type")
        columns = {column: columns[column] for column in (*required, *optional)}
    return Reference(
        name, file.path, file.format, columns, required, optional, file.list_columns, file.dialect_of(file.format)
    )


def _judge(ctx: RunContext, records: Mapping[str, DataFrame]) -> Judged:
    judged: dict[str, DataFrame] = {}
    profiles = parents = members = None
    files = ctx.config.accounts.files
    if ACCOUNTS in records:
        judged[ACCOUNTS] = ctx.persist(judge_accounts(records[ACCOUNTS]))
        counting = judged[ACCOUNTS].where(F.col("code").isNull())
        profiles = build_account_profiles(counting, free_mail=free_mail(ctx.config), excluded=excluded(ctx.config))
    if PARENTS in records:
        dated = _of_known(_dated(ctx, records[PARENTS], files.parents), judged, "account_id", "parent_account_id")
        together = ctx.persist(judge_parents(dated))
        judged[PARENTS] = refuse_parents(dated, together)
        parents = held_parents(together)
    if MEMBERS in records:
        judged[MEMBERS] = ctx.persist(_read_members(ctx, records[MEMBERS], judged))
        members = KeptBack.of(ctx).of_members(build_account_members(judged[MEMBERS]))
    found = {ACCOUNT_PROFILES: profiles, ACCOUNT_PARENTS: parents, ACCOUNT_MEMBERS: members}
    writes = [write for contract, rows in found.items() for write in replaced(ctx, contract, rows)]
    # each is judged by the others, and mostly one changes: what stays as it is has nobody's accounts found again
    are_there = [(contract, rows) for contract, rows, _ in writes if contract.name in ctx.tables]
    return Judged(judged, [write for write in writes if write[0].name not in ctx.tables], compared=are_there)


def _dated(ctx: RunContext, records: DataFrame, file: ParentsFile | MembersFile | None) -> DataFrame:
    assert file is not None  # noqa: S101 - there are records of it
    return read_periods(records, earliest=earliest_time(ctx.config), pattern=file.times.format, zone=file.times.zone)


def _of_known(records: DataFrame, judged: Mapping[str, DataFrame], *columns: str) -> DataFrame:
    """Where there is an accounts file, what names an account that is not in it is refused."""
    if ACCOUNTS not in judged:
        return records
    return refuse_unknown(records, judged[ACCOUNTS].where(F.col("code").isNull()), columns)


def _read_members(ctx: RunContext, records: DataFrame, judged: Mapping[str, DataFrame]) -> DataFrame:
    file = ctx.config.accounts.files.members
    if file is not None and file.id_type is not None:
        records = records.withColumn("id_type", F.lit(file.id_type))
    dated = _of_known(_dated(ctx, records, file), judged, "account_id")
    members = read_members(dated, id_types=id_type_specs(ctx.config.identity.id_types), keys=ctx.keys)
    if not ctx.keys.earlier:
        return members
    members = ctx.persist(members)
    known = stored_keys(ctx, members)
    return members if known is None else with_stored_keys(members, known)
