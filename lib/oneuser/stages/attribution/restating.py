"""The part of the stage that tells what the run changed of credits that there were before, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, ACCOUNT_ROLLUP, LINEAGE
from oneuser.contracts.marts import (
    ACCOUNT_ATTRIBUTION_CHANGES,
    ACCOUNT_CREDITS,
    ATTRIBUTION_CHANGES,
    ATTRIBUTION_CREDITS,
    TOUCHES,
)
from oneuser.marts.attribution.restatement import explain_restated, find_moved_people, find_restated
from oneuser.stages.consenting import changed_consent
from oneuser.stages.found_rows import only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.marts.attribution.credit_rules import CreditRules
    from oneuser.marts.attribution.credits import Level
    from oneuser.marts.provenance import Provenance
    from oneuser.stages.context import RunContext

_TABLES: tuple[tuple[Level, TableContract, TableContract], ...] = (
    ("person", ATTRIBUTION_CREDITS, ATTRIBUTION_CHANGES),
    ("account", ACCOUNT_CREDITS, ACCOUNT_ATTRIBUTION_CHANGES),
)


def tell_restated(
    ctx: RunContext,
    changed_credits: Mapping[Level, DataFrame | None],
    rules: CreditRules,
    provenance: Provenance,
    people: DataFrame | None,
) -> None:
    """Keep what changed of credits that the last run had made, and why. Grows with what changed.

    Args:
        ctx: The stage's context.
        changed_credits: By whose they are, what changed in the table of credits; null where it is not kept.
        rules: The models of the run.
        provenance: How credits are made in the run.
        people: Whose conversions were credited again, some or all; null stands for everybody.
    """
    for level, table, changes in _TABLES:
        changed = changed_credits[level]
        if changed is None or table.name not in ctx.base:
            continue
        found = find_restated(changed, models=rules.labels, params_id=provenance.params_id, level=level)
        restated, counted = ctx.checkpoint_counted(found, n_rows=F.count(F.lit(1)))
        n_restated = 0
        if counted["n_rows"]:
            explained = explain_restated(
                restated,
                _moved_people(ctx, people, level),
                run_seq=ctx.run_seq,
                level=level,
                moved_accounts=_moved_accounts(ctx) if level == "account" else None,
            )
            n_restated = ctx.append(changes, explained, n_rows=counted["n_rows"])
        ctx.metric(changes.name, n_restated)


def _moved_people(ctx: RunContext, people: DataFrame | None, level: Level) -> DataFrame:
    return find_moved_people(
        ctx.read(LINEAGE).where(F.col("run_seq") == ctx.run_seq),
        only(ctx.read_before(TOUCHES), people),
        ctx.read_among(TOUCHES, people),
        changed_consent(ctx, ctx.config.consent.required_for_attribution),
        _differing(ctx, ACCOUNT_MEMBERSHIPS, "user_id", "account_id", "valid_from", "valid_to").select("user_id")
        if level == "account"
        else None,
    )


def _moved_accounts(ctx: RunContext) -> DataFrame | None:
    """Accounts on either end of what is above what, where that is not what it was; null where nothing rolls up."""
    if not ctx.config.attribution.roll_up:
        return None
    changed = _differing(ctx, ACCOUNT_ROLLUP, "account_id", "ancestor_id", "is_top", "valid_from", "valid_to")
    return changed.select(F.explode(F.array("account_id", "ancestor_id")).alias("account_id")).distinct()


def _differing(ctx: RunContext, contract: TableContract, *columns: str) -> DataFrame:
    """Rows that are in one of the two, what there was and what there is. Tables of the size of people or accounts."""
    now, before = (read(contract).select(*columns) for read in (ctx.read, ctx.read_before))
    return now.exceptAll(before).unionByName(before.exceptAll(now))
