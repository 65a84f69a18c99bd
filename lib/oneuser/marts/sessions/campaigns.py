"""Campaigns that events carry, in the form in which two of them are compared.

Reads   events   campaign and click id
Yields  one row per message that carries a campaign
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_PARTS = ("campaign_source", "campaign_medium", "campaign_name", "click_id_type")


def find_campaigns(events: DataFrame) -> DataFrame:
    """The campaign of each message that carries one: source, medium and name, and the type of its click id.

    As for channels, case and blanks around a value do not count, and what is empty is absent.

    Args:
        events: Rows of `events`.

    Returns:
        `message_key` and `campaign`. A message without any of the four has no row.
    """
    parts = [F.nullif(F.lower(F.trim(name)), F.lit("")).alias(name) for name in _PARTS]
    written = events.select("message_key", F.struct(*parts).alias("campaign"))
    return written.where(F.coalesce(*(F.col("campaign")[name] for name in _PARTS)).isNotNull())
