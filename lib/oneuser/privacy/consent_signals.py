"""Consent for linking over rows that are at hand. Pure Python; what `consent.py` describes for Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from oneuser.core.event_order import Moment
    from oneuser.core.message_identifiers import MessageRow


def find_consenting(messages: Collection[MessageRow], purposes: Collection[str]) -> frozenset[bytes]:
    """Keys of the messages that may link.

    A message may if it carries every purpose, and no identifier of it is under a refusal. The latest signal of an
    identifier, in the order of events, holds for the messages before and after it.

    Args:
        messages: All messages, each with the identifiers that may link.
        purposes: Purposes without which no message links; at least one.
    """
    refusing = _refusing(messages, purposes)
    return frozenset(
        message.key
        for message in messages
        if all((message.preferences or {}).get(purpose) is True for purpose in purposes)
        and refusing.isdisjoint(member.identifier_id for member in message.members)
    )


def _refusing(messages: Iterable[MessageRow], purposes: Collection[str]) -> set[int]:
    """Identifiers whose latest signal about one of the purposes is a refusal.

    A signal belongs to the known identifiers of its message, or to the anonymous ones where it has no known one.
    """
    latest: dict[tuple[int, str], tuple[Moment, bool]] = {}
    for message in messages:
        signals = {p: granted for p, granted in (message.preferences or {}).items() if p in purposes}
        known = [member for member in message.members if member.is_known]
        for member in known or message.members:
            for purpose, granted in signals.items():
                signal = (message.moment, granted)
                latest[member.identifier_id, purpose] = max(latest.get((member.identifier_id, purpose), signal), signal)
    return {number for (number, _), (_, is_granted) in latest.items() if not is_granted}
