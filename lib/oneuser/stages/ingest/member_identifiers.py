"""Of which identifiers files about accounts say something else now, told to the stage that finds people's accounts.

Reads   account_members and account_profiles, now and as the last completed run left them; identifiers,
        identifier_values
Yields  change set member_identifiers
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.changes import MEMBER_IDENTIFIERS, TOUCHED
from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.contracts.reference import ACCOUNT_MEMBERS, ACCOUNT_PROFILES
from oneuser.marts.accounts.domains import find_redomiciled
from oneuser.stages.found_rows import find
from oneuser.stages.ingest.account_files import excluded, free_mail

if TYPE_CHECKING:
    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext


def tell_member_identifiers(ctx: RunContext) -> None:
    """Tell whose rows of the members file changed, and who has an address of a domain that is listed otherwise.

    Grows with the files, and by one look at all addresses where domains count and are others. Tells nothing where the
    stages that follow do everything.

    Args:
        ctx: The stage's context, when all is written, and it is known whether it is incremental.
    """
    if not ctx.is_incremental:
        return
    parts: list[DataFrame] = []
    if _is_another(ctx, ACCOUNT_MEMBERS):
        changed = ACCOUNT_MEMBERS.differences(ctx.read_before(ACCOUNT_MEMBERS), ctx.read(ACCOUNT_MEMBERS))
        on = ["id_type", "id_key"]
        keys = find(ctx, changed.select(*[F.coalesce(f"after.{one}", f"before.{one}").alias(one) for one in on]))
        parts.append(ctx.read(IDENTIFIERS).join(keys.rows, on=on, how="left_semi").select("identifier_id"))
    rules = ctx.config.accounts.domains
    if rules is not None and _is_another(ctx, ACCOUNT_PROFILES):
        values = ctx.read(IDENTIFIER_VALUES).where(F.col("id_type").isin(*rules.from_types))
        profiles = ctx.read_before(ACCOUNT_PROFILES), ctx.read(ACCOUNT_PROFILES)
        parts.append(find_redomiciled(values, *profiles, excluded=free_mail(ctx.config) | excluded(ctx.config)))
    if parts:
        told = find(ctx, reduce(DataFrame.unionByName, parts).distinct())
        if told.n_rows:
            ctx.tell(MEMBER_IDENTIFIERS, told.rows.withColumn("reason", F.lit(TOUCHED)))


def _is_another(ctx: RunContext, contract: TableContract) -> bool:
    return ctx.tables.get(contract.name) != ctx.base.get(contract.name)
