"""Records that carry a code where they are refused: the first reason counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from oneuser.core.reasons import Reason


def refuse(records: DataFrame, condition: Column, code: Reason, detail: Column) -> DataFrame:
    """Mark the records of which a condition holds, unless they have a code already.

    Args:
        records: Rows with `code` (null for those that are not refused) and `detail`.
        condition: Where it is null it does not hold.
        code: Why.
        detail: What was found, without any value of the record.
    """
    is_refused = F.col("code").isNull() & F.coalesce(condition, F.lit(False))
    return records.withColumns(
        {
            "detail": F.when(is_refused, detail).otherwise(F.col("detail")),
            "code": F.when(is_refused, F.lit(code)).otherwise(F.col("code")),
        }
    )
