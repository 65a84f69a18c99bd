"""Consent of a person as page 03, section 2, says it, by recursion over their messages; no care for speed.

Where the page is silent (decision 0158): identifiers are one person from the message on that joins them; a newer
explicit signal is one that its device has not said last, or of an event that states preferences.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

Identifier = tuple[str, str]
Part = frozenset[Identifier]
Stand = tuple[str, "Said"]  # granted or refused, and since which message

PRIORITIES = {"user_id": 1, "email": 2, "anonymous_id": 9, "device_id": 10}
KNOWN = {"user_id", "email"}
OPTED_OUT = {"sale"}


@dataclass(frozen=True)
class Said:
    """One message: what it carries, and what it says. The number is its place in the order of events."""

    number: int
    ids: tuple[Identifier, ...]
    preferences: Mapping[str, bool] = field(default_factory=dict, hash=False)
    opts_out: bool = False
    is_stated: bool = False

    @property
    def device(self) -> Identifier:
        return min(self.ids, key=lambda one: (one[0] in KNOWN, PRIORITIES[one[0]], one[1]))

    def about(self, purpose: str) -> bool | None:
        return False if self.opts_out and purpose in OPTED_OUT else self.preferences.get(purpose)


def stands(messages: Sequence[Said], purpose: str) -> Stand | None:
    """What stands for the person who has just these messages, in their order."""
    parts = [_stands_in(part, messages, purpose) for part in _parts(messages)]
    return _most_restrictive([one for one in parts if one])


def _stands_in(part: Part, messages: Sequence[Said], purpose: str) -> Stand | None:
    """What stands for identifiers that these messages have joined."""
    theirs = [message for message in messages if part.issuperset(message.ids)]
    if not theirs:
        return None
    *earlier, last = theirs
    before = _most_restrictive([one for p in _parts(earlier) if (one := _stands_in(p, earlier, purpose))])
    now = last.about(purpose)
    if now is None or not _is_new(last, earlier, purpose):
        return before
    state = "granted" if now else "refused"
    return before if before and before[0] == state else (state, last)


def _is_new(message: Said, earlier: Sequence[Said], purpose: str) -> bool:
    said = [one.about(purpose) for one in earlier if one.device == message.device and one.about(purpose) is not None]
    return message.is_stated or not said or said[-1] != message.about(purpose)


def _parts(messages: Collection[Said]) -> set[Part]:
    """Identifiers that messages join, directly or by others."""
    found: set[Part] = set()
    for message in messages:
        for one in message.ids:
            part, grown = frozenset[Identifier](), frozenset({one})
            while grown != part:
                part = grown
                grown = part.union(*(m.ids for m in messages if part.intersection(m.ids)))
            found.add(part)
    return found


def _most_restrictive(ones: Sequence[Stand]) -> Stand | None:
    """A refusal before a grant; of several, the one that stands longest."""
    return min(ones, key=lambda one: (one[0] == "granted", one[1].number), default=None)
