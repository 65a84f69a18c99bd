"""Consent over rows at hand: whose a signal is, and which one holds."""

from __future__ import annotations

from oneuser.core.event_order import event_order
from oneuser.core.message_identifiers import Carried, MessageRow
from oneuser.privacy.consent_signals import find_consenting

LOGIN, BROWSER = (Carried(n, name, n, 0, n == 1, n == 1, "event") for n, name in ((1, "user_id"), (2, "anonymous_id")))


def message(key: bytes, *members: Carried, received: int | None = None, **preferences: bool) -> MessageRow:
    """All in one instant."""
    return MessageRow(key, (7, event_order(received, key)), members, preferences=preferences or None)


def test_of_two_signals_of_one_instant_the_one_received_later_holds_and_one_without_receipt_last() -> None:
    agrees = message(b"a", LOGIN, received=2, ads=True)
    refuses = message(b"b", LOGIN, received=1, ads=False)
    refuses_last = message(b"c", LOGIN, ads=False)

    assert find_consenting([agrees, refuses], ["ads"]) == {b"a"}
    assert find_consenting([refuses, agrees, refuses_last], ["ads"]) == set()


def test_a_signal_is_of_the_known_identifiers_of_its_message_and_else_of_the_anonymous_ones() -> None:
    of_browser = message(b"a", BROWSER, received=1, ads=True)

    assert find_consenting([of_browser, message(b"b", LOGIN, BROWSER, received=2, ads=False)], ["ads"]) == {b"a"}
    assert find_consenting([of_browser, message(b"b", BROWSER, received=2, ads=False)], ["ads"]) == set()


def test_a_message_must_carry_every_purpose() -> None:
    messages = [message(b"a", LOGIN, ads=True, mail=True), message(b"b", BROWSER, ads=True), message(b"c", BROWSER)]

    assert find_consenting(messages, ["ads", "mail"]) == {b"a"}
