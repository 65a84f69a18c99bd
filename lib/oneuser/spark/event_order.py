"""The order of events in Spark: as a column that compares, and as columns to sort by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

_RECEIPT_DIGITS = 16
_NO_RECEIPT = b"\xff" * 8
_SIGN = -(1 << 63)


def event_order() -> Column:
    """What `core.event_order.event_order` answers, of rows with `received_at` and `message_key`; 24 bytes."""
    # the sign turned round, numbers compare as their digits do
    digits = F.lpad(F.hex(F.unix_micros("received_at").bitwiseXOR(F.lit(_SIGN))), _RECEIPT_DIGITS, "0")
    return F.concat(F.coalesce(F.unhex(digits), F.lit(_NO_RECEIPT)), F.col("message_key"))


def message_key_of(order: str) -> Column:
    """The key of the message whose place a column holds."""
    return F.substring(order, len(_NO_RECEIPT) + 1, 1 << 10)


def in_event_order() -> list[Column]:
    """Columns that put rows with `event_time`, `received_at` and `message_key` in the order of events."""
    return [F.col("event_time"), F.col("received_at").asc_nulls_last(), F.col("message_key")]
