"""Journeys: what a person or an account went through, in one ordered table.

Reads   touches, conversions, lineage
Yields  one row per touch, conversion and change of a User ID
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

# of one instant, a touch comes before the conversion that it is credited for
_PLACES = {"touch": 1, "conversion": 2, "identity": 3}
_COLUMNS = {
    "entity_id": "string",
    "at": "timestamp",
    "place": "int",
    "kind": "string",
    "what": "string",
    "id": "string",
    "campaign": "string",
    "value_minor": "bigint",
    "currency": "string",
    "other_user_id": "string",
    "run_seq": "bigint",
}


def build_journey(
    touches: DataFrame, conversions: DataFrame, changes: DataFrame | None, *, owner: str = "user_id"
) -> DataFrame:
    """Everything that happened to each entity, in order of `at`, `place` and `id`.

    Args:
        touches: Rows of `touches`.
        conversions: Rows of `conversions`. Those of nobody are left out.
        changes: Rows of `lineage` with `changed_at`, the time of their run; None leaves them out.
        owner: `user_id` or `account_id`: whose journeys.

    Returns:
        `entity_id`, `at`, `place` (1 touch, 2 conversion, 3 identity: their order in one instant), `kind`, `what` (the
        channel, the kind of conversion, the change of the User ID), `id` (of the touch or conversion, in hexadecimal;
        the run of a change), `campaign`, `value_minor` with `currency`, `other_user_id` and `run_seq` of a change. What
        a kind does not have is null. A change that two User IDs took part in is in the journeys of both.
    """
    rows = [
        _rows(
            touches,
            "touch",
            entity_id=F.col(owner),
            at=F.col("touched_at"),
            what=F.col("channel"),
            id=F.lower(F.hex("touch_id")),
            campaign=F.col("campaign_name"),
        ),
        _rows(
            conversions,
            "conversion",
            entity_id=F.col(owner),
            at=F.col("converted_at"),
            what=F.col("conversion"),
            id=F.lower(F.hex("conversion_id")),
            value_minor=F.col("value_minor"),
            currency=F.col("currency"),
        ),
    ]
    if changes is not None:
        # a merge is part of the journey of either side
        sides = [("user_id", "other_user_id"), ("other_user_id", "user_id")]
        rows += [
            _rows(
                changes,
                "identity",
                entity_id=F.col(own),
                at=F.col("changed_at"),
                what=F.col("change"),
                id=F.col("run_seq").cast("string"),
                other_user_id=F.col(other),
                run_seq=F.col("run_seq"),
            )
            for own, other in sides
        ]
    return reduce(DataFrame.unionByName, rows).where(F.col("entity_id").isNotNull())


def _rows(rows: DataFrame, kind: str, **columns: Column) -> DataFrame:
    known = {"kind": F.lit(kind), "place": F.lit(_PLACES[kind]), **columns}
    nothing = F.lit(None)
    return rows.select(*[known.get(name, nothing).cast(dtype).alias(name) for name, dtype in _COLUMNS.items()])
