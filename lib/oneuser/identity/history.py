"""What was recorded when: tables whose rows say from which run to which run they held.

Nothing is ever overwritten: a row that no longer holds is superseded, so that any past run can be read as of then.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.identity import IDENTIFIER_HISTORY, IDENTIFIER_OWNERSHIP

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from oneuser.contracts.table import TableContract


def record_users(identifier_map: DataFrame, recorded: DataFrame | None, *, run_seq: int, as_of: datetime) -> DataFrame:
    """Rows of `identifier_history` after a run: a new one wherever an identifier has another user than before.

    Args:
        identifier_map: Rows of `identifier_map` of this run.
        recorded: Rows of `identifier_history` so far; null on the first run.
        run_seq: This run.
        as_of: Its as-of time.
    """
    now = identifier_map.select("identifier_id", "user_id", F.col("first_seen_at").alias("effective_from"))
    return _record(
        IDENTIFIER_HISTORY, now, recorded, key=["identifier_id"], says=["user_id"], run_seq=run_seq, as_of=as_of
    )


def record_ownership(ownership: DataFrame, recorded: DataFrame | None, *, run_seq: int, as_of: datetime) -> DataFrame:
    """Rows of `identifier_ownership` after a run: a new one wherever an interval or its owner is another than before.

    Args:
        ownership: Intervals of this run, as `build_ownership` gives them.
        recorded: Rows of `identifier_ownership` so far; null on the first run.
        run_seq: This run.
        as_of: Its as-of time.
    """
    says = ["user_id", "valid_from", "valid_from_event_order", "valid_to", "valid_to_event_order"]
    key = ["identifier_id", "interval"]
    return _record(IDENTIFIER_OWNERSHIP, ownership, recorded, key=key, says=says, run_seq=run_seq, as_of=as_of)


def as_of_run(recorded: DataFrame, run_seq: int) -> DataFrame:
    """The rows that held after a run."""
    return current(as_recorded(recorded, run_seq))


def as_recorded(recorded: DataFrame, run_seq: int) -> DataFrame:
    """A table as it was after a run: rows recorded by then, and superseded only where they had been by then."""
    is_later = F.col("superseded_run") > run_seq
    superseded = {
        name: F.when(is_later, F.lit(None)).otherwise(F.col(name)) for name in ("superseded_run", "superseded_at")
    }
    return recorded.where(F.col("recorded_run") <= run_seq).withColumns(superseded)


def current(recorded: DataFrame) -> DataFrame:
    """The rows that hold now."""
    return recorded.where(F.col("superseded_run").isNull())


def _record(
    contract: TableContract,
    now: DataFrame,
    recorded: DataFrame | None,
    *,
    key: Sequence[str],
    says: Sequence[str],
    run_seq: int,
    as_of: datetime,
) -> DataFrame:
    run, moment = F.lit(run_seq).cast("bigint"), F.lit(as_of).cast("timestamp")
    fresh = now.withColumns(
        {
            "recorded_run": run,
            "recorded_at": moment,
            "superseded_run": F.lit(None).cast("bigint"),
            "superseded_at": F.lit(None).cast("timestamp"),
        }
    )
    if recorded is None:
        return contract.conform(fresh)
    held = current(recorded).select(
        *key, *[F.col(name).alias(f"was_{name}") for name in says], F.lit(True).alias("was")
    )
    is_same = reduce(lambda one, other: one & other, [F.col(f"was_{name}").eqNullSafe(F.col(name)) for name in says])
    news = (
        contract.conform(fresh)
        .join(held, on=[*key], how="left")
        .where(F.col("was").isNull() | ~is_same)
        .select(*contract.columns)
    )
    said = now.select(*key, *[F.col(name).alias(f"is_{name}") for name in says], F.lit(True).alias("is"))
    holds = reduce(lambda one, other: one & other, [F.col(f"is_{name}").eqNullSafe(F.col(name)) for name in says])
    ends = F.col("superseded_run").isNull() & (F.col("is").isNull() | ~holds)

    def ended(name: str, value: Column) -> Column:
        return F.when(ends, value).otherwise(F.col(name)).alias(name)

    # a run may be as of an earlier time than the one before it
    changing = {"superseded_run": run, "superseded_at": F.greatest("recorded_at", moment)}
    kept = recorded.join(said, on=[*key], how="left").select(
        *[ended(name, changing[name]) if name in changing else F.col(name) for name in contract.columns]
    )
    return contract.conform(news.unionByName(kept))
