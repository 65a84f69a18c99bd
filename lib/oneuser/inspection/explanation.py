"""What `explain` answers with, and how it puts it in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from oneuser.inspection.lookup import Identity


@dataclass(frozen=True)
class ShownEdge:
    """An edge as people read it: `type: value` at both ends, who asserts it, how often and when.

    `refused_by` names the rule that refuses it, and `refused_since` the first run that did; both are null where it is
    admitted. Source and times are null where no edge is left of the pair, as with values that too many people share.
    """

    a: str
    b: str
    source: str | None
    n_events: int
    first_event_time: datetime | None
    last_event_time: datetime | None
    refused_by: str | None = None
    refused_since: int | None = None


@dataclass(frozen=True)
class ShownRefusal:
    """An open refusal: rule, the identifier of this person, the other one, and whose that is; null where nobody's."""

    rule: str
    since_run: int
    a: str
    b: str
    other_user_id: str | None
    first_event_time: datetime | None
    last_event_time: datetime | None


@dataclass(frozen=True)
class OwnedInterval:
    """Who owns a contested identifier when: from an instant, inclusive, until another. Null is the end of time.

    `user_id` is null where nobody owns it, being quarantined.
    """

    identifier: str
    interval: int
    user_id: str | None
    valid_from: datetime | None
    valid_to: datetime | None


@dataclass(frozen=True)
class Change:
    """A change of a User ID in a run, as in `lineage`, with both ends of the edge that caused it; null without one."""

    run_seq: int
    change: str
    user_id: str
    other_user_id: str | None
    edge_a: str | None = None
    edge_b: str | None = None


@dataclass(frozen=True)
class Explanation:
    """Why things are as they are.

    For one thing: `edges` among its person's identifiers, `changes` of the person's User ID, `refusals` that keep
    others apart from it, and `owners` over time of the contested identifiers that it has or had. For two: `edges` is
    the chain from `a` to `b` with the fewest refused edges; `verdict` says in words what it means.
    """

    verdict: str
    a: Identity
    b: Identity | None
    edges: list[ShownEdge]
    changes: list[Change] = field(default_factory=list)
    refusals: list[ShownRefusal] = field(default_factory=list)
    owners: list[OwnedInterval] = field(default_factory=list)


def verdict_on_one(identity: Identity, asked: str, refusals: Sequence[ShownRefusal]) -> str:
    """What there is to say first about one thing."""
    if identity.status == "unowned":
        rules = _rules([(refusal.rule, refusal.since_run) for refusal in refusals])
        why = f"its edges are refused, {rules}" if rules else "it is blocked, or no message that counts carries it"
        return f"nobody owns this {asked}: {why}"
    n = len(identity.identifiers)
    apart = f", kept apart by {_number(len(refusals), 'refused edge')}" if refusals else ""
    return f"{identity.user_id} is {identity.status} with {_number(n, 'identifier')}{apart}"


def verdict_on_two(a: Identity, b: Identity, chain: Sequence[ShownEdge] | None) -> str:
    """What the chain between two things means."""
    is_same = a.user_id is not None and a.user_id == b.user_id
    if chain is None:
        return "different people: no chain of edges leads from one to the other, not even over refused ones"
    if not chain:
        return "one person: both are the same" if is_same else "both share an identifier"
    refused = [(edge.refused_by, edge.refused_since or 0) for edge in chain if edge.refused_by]
    if not refused:
        people = "one person" if is_same else "different people"
        return f"{people}: a chain of {_number(len(chain), 'edge')} leads from one to the other"
    chained = f"a chain of {_number(len(chain), 'edge')} leads from one to the other, with refused ones"
    return f"different people: {chained}: {_rules(refused)}"


def _rules(refused: Sequence[tuple[str, int]]) -> str:
    """How many each rule refuses, and since when."""
    counted = Counter(rule for rule, _ in refused)
    since = {rule: min(run for name, run in refused if name == rule) for rule in counted}
    return ", ".join(f"{n} by rule {rule} (since run {since[rule]})" for rule, n in sorted(counted.items()))


def _number(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n != 1 else ''}"
