"""To which accounts one person belonged when, from everything that is said about it. Plain Python.

Time is in microseconds since 1970 UTC; a stretch is from its start, inclusive, to its end, exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from oneuser.marts.accounts.hierarchy import BEGINNING, END

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Source = Literal["file", "group", "domain"]
Primary = Literal["latest", "first", "most_events"]
SOURCES: tuple[Source, ...] = ("file", "group", "domain")

# what a statement says of its account
JOINS = "joins"
LEAVES = "leaves"
HOLDS = "holds"
MENTIONS = "mentions"


@dataclass(frozen=True)
class MembershipRules:
    """How statements become memberships.

    Attributes:
        is_single: Whether a person has one account at a time: what a message joins ends what one joined before, and of
            what is left only the primary account counts.
        primary: Which of several accounts is the primary one, among those of the strongest source.
        source_order: Sources, the strongest first.
    """

    is_single: bool = True
    primary: Primary = "latest"
    source_order: tuple[Source, ...] = SOURCES


class Statement(NamedTuple):
    """One thing that is said about the accounts of a person.

    `joins`: a message says that they belong to the account from `at` on. `leaves`: one says that they do no longer.
    `holds`: they belong to it from `at` until `until`, as known since `said_at`. `mentions`: `n_events` of their
    messages name it. `event_order` orders what is said in the same instant.
    """

    kind: str
    source: Source
    account_id: str
    at: int = BEGINNING
    until: int = END
    said_at: int = BEGINNING
    event_order: bytes = b""
    n_events: int = 0


class Stretch(NamedTuple):
    """A membership while nothing about it changes."""

    account_id: str
    source: Source
    is_primary: bool
    valid_from: int
    valid_to: int


class _Held(NamedTuple):
    """Since when an account is held, and when that was last said."""

    began: int
    said: tuple[int, bytes]


def resolve_memberships(statements: Iterable[Statement], rules: MembershipRules) -> list[Stretch]:
    """The memberships of one person, in order of account and time.

    At any time an account has one stretch at most, of the strongest source that says so, and exactly one of all is the
    primary one. What is said in the same instant counts together: the last in the order of events is the latest.
    """
    said = list(statements)
    n_events: dict[str, int] = {}
    for statement in said:
        n_events[statement.account_id] = n_events.get(statement.account_id, 0) + statement.n_events
    messages = sorted((s for s in said if s.kind in {JOINS, LEAVES}), key=attrgetter("at", "event_order"))
    spans = [s for s in said if s.kind == HOLDS]
    by_instant = {at: list(same) for at, same in groupby(messages, key=attrgetter("at"))}
    starts = _at_each(spans, "at")
    ends = _at_each(spans, "until")
    now = _Now(rules, n_events)
    written = _Writer()
    for at in sorted({*by_instant, *starts, *ends} - {END}):
        now.end(ends.get(at, ()))
        now.begin(starts.get(at, ()))
        now.hear(by_instant.get(at, ()))
        written.change(at, now.accounts())
    return written.close()


def _at_each(spans: Iterable[Statement], moment: str) -> dict[int, list[Statement]]:
    at_each: dict[int, list[Statement]] = {}
    for span in spans:
        at_each.setdefault(getattr(span, moment), []).append(span)
    return at_each


class _Now:
    """What holds at one instant, while time goes on."""

    def __init__(self, rules: MembershipRules, n_events: Mapping[str, int]) -> None:
        self._rules = rules
        self._rank = {source: place for place, source in enumerate(rules.source_order)}
        self._n_events = n_events
        self._joined: dict[str, _Held] = {}
        self._spans: list[Statement] = []

    def end(self, spans: Iterable[Statement]) -> None:
        for span in spans:
            self._spans.remove(span)

    def begin(self, spans: Iterable[Statement]) -> None:
        self._spans += spans

    def hear(self, messages: Iterable[Statement]) -> None:
        before = dict(self._joined)
        for message in messages:
            account = message.account_id
            if message.kind == LEAVES:
                self._joined.pop(account, None)
                continue
            if self._rules.is_single:
                self._joined.clear()
            # what was left and joined again in one instant was never left
            began = before[account].began if account in before else message.at
            self._joined[account] = _Held(began, (message.at, message.event_order))

    def accounts(self) -> dict[str, tuple[Source, bool]]:
        """Source of each account that is held, and whether it is the primary one."""
        held: dict[str, tuple[int, _Held]] = {}
        for source, account, one in self._all_held():
            place = self._rank[source]
            known = held.get(account)
            if known is None or place < known[0]:
                held[account] = (place, one)
            elif place == known[0]:
                held[account] = (place, _Held(min(one.began, known[1].began), max(one.said, known[1].said)))
        if not held:
            return {}
        # the smaller id where all is equal: max keeps the first
        primary = max(sorted(held), key=lambda account: self._merit(account, *held[account]))
        order = self._rules.source_order
        if self._rules.is_single:
            return {primary: (order[held[primary][0]], True)}
        return {account: (order[place], account == primary) for account, (place, _) in held.items()}

    def _all_held(self) -> Iterable[tuple[Source, str, _Held]]:
        yield from (("group", account, one) for account, one in self._joined.items())
        for span in self._spans:
            yield span.source, span.account_id, _Held(span.at, (span.said_at, span.event_order))

    def _merit(self, account: str, place: int, one: _Held) -> tuple[int, int, tuple[int, bytes]]:
        chosen = {"latest": 0, "first": -one.began, "most_events": self._n_events[account]}
        return -place, chosen[self._rules.primary], one.said


class _Writer:
    """Turns what holds at each instant into stretches."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Source, bool, int]] = {}
        self._done: list[Stretch] = []

    def change(self, at: int, accounts: Mapping[str, tuple[Source, bool]]) -> None:
        for account, (source, is_primary, begun) in list(self._open.items()):
            if accounts.get(account) != (source, is_primary):
                self._done.append(Stretch(account, source, is_primary, begun, at))
                del self._open[account]
        for account, (source, is_primary) in accounts.items():
            self._open.setdefault(account, (source, is_primary, at))

    def close(self) -> list[Stretch]:
        left = [Stretch(account, *facts, END) for account, facts in self._open.items()]
        return sorted([*self._done, *left], key=attrgetter("account_id", "valid_from"))
