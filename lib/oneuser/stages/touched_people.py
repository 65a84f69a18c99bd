"""Whom a run touched, for stages that are done again for these alone; null stands for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.changes import OWNED_MESSAGES
from oneuser.stages.found_rows import find

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


def touched_people(ctx: RunContext) -> DataFrame | None:
    """People who own a message that is new, gone, moved or read otherwise, or did before: `user_id`, each once.

    Null where the stage is done for all.
    """
    if not ctx.is_incremental:
        return None
    owners = F.explode(F.array_distinct(F.array_compact(F.array("user_id", "user_id_before"))))
    return find(ctx, ctx.changes(OWNED_MESSAGES).select(owners.alias("user_id")).distinct()).rows
