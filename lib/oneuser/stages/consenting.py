"""Who may be used for what, for stages that use people. Withdrawn, consent acts from the next run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.privacy import CONSENT
from oneuser.privacy.consent_of_people import find_consenting_people
from oneuser.stages.found_rows import find, only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


def of_consenting(ctx: RunContext, rows: DataFrame, purposes: Sequence[str]) -> DataFrame:
    """Rows of people (`user_id`) who grant every purpose; all rows where none is needed."""
    if not purposes:
        return rows
    people = ctx.once(
        f"consenting {sorted(purposes)}", lambda: find(ctx, find_consenting_people(ctx.read(CONSENT), purposes)).rows
    )
    return only(rows, people)


def changed_consent(ctx: RunContext, purposes: Sequence[str]) -> DataFrame | None:
    """`user_id` of people who grant every purpose and did not in the last run, or the other way round.

    Null where none is needed. Grows with the people that there are.
    """
    if not purposes:
        return None
    now, before = (find_consenting_people(read(CONSENT), purposes) for read in (ctx.read, ctx.read_before))
    counted = now.unionByName(before).groupBy("user_id").agg(F.count(F.lit(1)).alias("n"))
    return counted.where("n = 1").select("user_id")
