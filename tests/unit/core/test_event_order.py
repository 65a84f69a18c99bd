"""The order of events within one instant: receipt, none last, then the key."""

from __future__ import annotations

from itertools import pairwise

from oneuser.core.event_order import event_order, message_key_of


def test_receipts_order_events_before_keys_and_none_is_last() -> None:
    far = 253_402_300_799_999_999  # the end of the year 9999
    in_order = [(-62_135_596_800_000_000, b"\xff"), (-1, b"z"), (0, b"y"), (0, b"z"), (1, b"a"), (255, b"a"),
                (256, b"a"), (far, b"\xff"), (None, b""), (None, b"a")]  # fmt: skip

    assert all(event_order(*one) < event_order(*other) for one, other in pairwise(in_order))


def test_the_key_is_what_follows_the_receipt() -> None:
    assert message_key_of(event_order(7, b"key")) == message_key_of(event_order(None, b"key")) == b"key"
