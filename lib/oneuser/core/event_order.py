"""The order of events within one instant, as bytes: receipt, with none last, then the key of the message.

With the time of an event before it, it makes the order of events total: the same in every table, run and rebuild. Bytes
compare as unsigned, in Spark, Arrow and Python alike.
"""

from __future__ import annotations

# microseconds since 1970 UTC, and the place of the event among those of its instant
Moment = tuple[int, bytes]

_RECEIPT_BYTES = 8
_NO_RECEIPT = b"\xff" * _RECEIPT_BYTES
# times before 1970 are negative, and come before all others once this is added
_SHIFT = 1 << 63


def event_order(received_at: int | None, message_key: bytes) -> bytes:
    """The place of an event among those of its instant.

    Args:
        received_at: When its message was received, in microseconds since 1970 UTC; null where that is not known, which
            counts as later than every receipt.
        message_key: Key of its message.
    """
    receipt = _NO_RECEIPT if received_at is None else (received_at + _SHIFT).to_bytes(_RECEIPT_BYTES, "big")
    return receipt + message_key


def message_key_of(order: bytes) -> bytes:
    """The key of the message whose place it is."""
    return order[_RECEIPT_BYTES:]
