"""The last instant up to which all sources are complete, by what was read of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def find_watermark(files: DataFrame) -> DataFrame:
    """The smallest of the sources' last receipts.

    A source counts by its receipts as soon as it has any, whatever single lines lack: an event without a receipt may
    name any time. Only a source without any receipt counts by its latest event.

    Args:
        files: Rows of `files`. Sources without any time are left out.

    Returns:
        One row with `watermark`; null where there is no source with a time.
    """
    last = files.groupBy("source").agg(
        F.coalesce(F.max("last_received_at"), F.max("last_event_at")).alias("complete_until")
    )
    return last.agg(F.min("complete_until").alias("watermark"))
