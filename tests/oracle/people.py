"""People as page 01 says them, all of it: from the messages of a run to owners, User IDs and the ledger.

Written from the page alone, one world at a time, to be compared with the real thing. Sections 1 and 2 are in
`evidence`, section 4 is in `ledger`; here are section 3, erasure, and a run as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from tests.oracle import ledger as section_4
from tests.oracle.evidence import (
    NEVER_FIRST,
    Component,
    Evidence,
    Seen,
    best_first,
    contested_ends,
    gather,
    has_two_of_a_unique_type,
)
from tests.oracle.history import Erasure, Identifier, Keys, Message, Order, Pair, Rules, Run

BEGINNING: Order = (float("-inf"), 0, b"")

Ledger = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What one run publishes. An owner is a User ID, or null where there is none."""

    components: set[Component]
    over_shared: set[Identifier]
    refused: set[tuple[str, Pair]]
    contested: set[Identifier]
    intervals: dict[Identifier, list[tuple[Order, str | None]]]  # starts, inclusive, and owners
    users: dict[Identifier, str]
    owners: dict[str, str | None]  # by message
    kinds: dict[str, str]
    ledger: Ledger
    evidence: Evidence = field(repr=False, compare=False)


def resolve(
    messages: Iterable[Message], rules: Rules, ledger: Ledger, previous: dict[Identifier, str], n_run: int, keys: Keys
) -> Outcome:
    """One run, from all stored messages and what the last run left."""
    evidence = gather(messages, rules, keys)
    sliced = {i: intervals_of(i, evidence, rules, keys) for i in evidence.graph}
    first_seen: dict[Identifier, Order] = dict.fromkeys(evidence.graph, NEVER_FIRST)
    for s in evidence.seen:
        first_seen |= {i: min(first_seen[i], s.at) for i in s.observed & evidence.graph}
    graph = {
        i: {
            "component": evidence.component[i],
            "key": keys.identifier(i),
            "priority": rules.types[i[0]].priority,
            "known": rules.types[i[0]].known,
            "seen": first_seen[i],
            "owners": [owner for _, owner in sliced[i]] if i in evidence.contested else [],
        }
        for i in evidence.graph
    }
    new_ledger, user_of = section_4.carry_over(
        graph, ledger, previous, n_run, rules.survivor, keys.deployment, keys.minting
    )
    intervals = {
        i: [
            (start, None if owner is None else user_of[owner]) for start, owner in policy(i, sliced[i], evidence, rules)
        ]
        for i in evidence.graph
    }
    return Outcome(
        components=set(evidence.component.values()),
        over_shared=evidence.over_shared,
        refused=evidence.refused,
        contested=evidence.contested,
        intervals=intervals,
        users={i: user_of[evidence.component[i]] for i in evidence.graph},
        owners={s.message.id: owner_of(s, intervals, evidence, rules, keys) for s in evidence.seen},
        kinds={user: kind(component, evidence, rules) for component, user in user_of.items()},
        ledger=new_ledger,
        evidence=evidence,
    )


def intervals_of(identifier: Identifier, evidence: Evidence, rules: Rules, keys: Keys) -> list[tuple[Order, Component]]:
    """Section 3: whose an identifier is over time; an uncontested one is its component's."""
    found = [(at, evidence.component[claimant]) for at, claimant in claims(identifier, evidence, rules, keys)]
    if identifier not in evidence.contested or not found:
        return [(BEGINNING, evidence.component[identifier])]
    # an interval begins at an instant: of its claims the last one stands
    found = [claim for claim, later in pairwise([*found, None]) if later is None or later[0][0] != claim[0][0]]
    changes = [claim for before, claim in pairwise(found) if claim[1] != before[1]]
    return [(BEGINNING, found[0][1]), *changes]


def claims(identifier: Identifier, evidence: Evidence, rules: Rules, keys: Keys) -> list[tuple[Order, Identifier]]:
    """The linking events that claim a contested identifier, in order, each with its claimant."""
    own = rules.types[identifier[0]]
    events = [(s.at, best_first(s.observed - evidence.over_shared - {identifier}, rules, keys))
              for s in evidence.linking if identifier in s.observed]  # fmt: skip
    events = [(at, others) for at, others in events if others]
    by_known = [
        (at, others)
        for at, others in events
        if any(rules.types[i[0]].known and (not own.known or rules.types[i[0]].priority < own.priority) for i in others)
    ]
    return sorted((at, others[0]) for at, others in by_known or events)


def policy(
    identifier: Identifier, sliced: list[tuple[Order, Component]], evidence: Evidence, rules: Rules
) -> list[tuple[Order, Component | None]]:
    """What `shared_device` makes of the intervals of a contested identifier."""
    if identifier in evidence.contested and rules.shared_device == "quarantine":
        return [(BEGINNING, None)]
    if identifier in evidence.contested and rules.shared_device == "last_owner":
        return [(BEGINNING, sliced[-1][1])]
    return [*sliced]


def owner_of(
    s: Seen, intervals: dict[Identifier, list[tuple[Order, str | None]]], evidence: Evidence, rules: Rules, keys: Keys
) -> str | None:
    """Section 3: the user of an event's best identifier, known before anonymous, uncontested before contested.

    An alias whose new id is blocked, or void, belongs to its old one.
    """
    if has_two_of_a_unique_type(s, rules):
        return None
    named = s.own - evidence.over_shared
    if s.message.kind == "alias" and s.message.new_id not in named:
        named = s.observed - evidence.over_shared
    candidates = best_first(named, rules, keys)
    candidates.sort(key=lambda i: (not rules.types[i[0]].known, i in evidence.contested))
    return next((user for i in candidates[:1] for start, user in reversed(intervals[i]) if start[0] <= s.at[0]), None)


def kind(component: Component, evidence: Evidence, rules: Rules) -> str:
    """What a User ID stands for."""
    if component <= evidence.cut_off:
        return "residual"
    return "known" if any(rules.types[i[0]].known for i in component) else "anonymous"


@dataclass
class Deployment:
    """State between runs."""

    keys: Keys
    stored: dict[str, Message] = field(default_factory=dict)
    received: set[str] = field(default_factory=set)  # a message that was deleted stays a duplicate
    suppressed: set[Identifier] = field(default_factory=set)
    own_pairs: set[Pair] = field(default_factory=set)  # linked, of people who were erased and of nobody else
    named: set[Identifier] = field(default_factory=set)  # ever, by a message or a link: manual rules act on no other
    rules: Rules | None = None
    last: Outcome | None = None
    ended: list[str] = field(default_factory=list)  # people who were erased just before the last run
    ledger: Ledger = field(default_factory=dict)
    n_runs: int = 0

    def run(self, run: Run) -> Outcome:
        """One run and what precedes it."""
        self.prepare(run)
        assert self.rules is not None
        previous = self.last.users if self.last else {}
        self.last = resolve(self.stored.values(), self.rules, self.ledger, previous, self.n_runs, self.keys)
        self.ledger = self.last.ledger
        return self.last

    def prepare(self, run: Run) -> None:
        """Requests of erasure and ingest."""
        self.ended = []
        members = [self.erase(erasure) for erasure in run.erased]
        carried = {i for message in self.stored.values() for i in names(message)}
        linked = {link.ends for link in self.rules.links} if self.rules else set()
        self.own_pairs |= {ends for ends in linked if any(set(ends) <= had - carried for had in members)}
        for message in run.arrived:
            if message.id not in self.received and not carries(message, self.suppressed):
                self.stored[message.id] = message
                self.received.add(message.id)
        links = frozenset(
            link for link in run.rules.links if not self.suppressed & set(link.ends) and link.ends not in self.own_pairs
        )
        self.named |= {i for message in self.stored.values() for i in names(message, run.rules.previous_id_type)}
        self.named |= {i for link in links for i in link.ends}
        included = {ends for ends in run.rules.included if set(ends) <= self.named - self.suppressed}
        self.rules = replace(run.rules, links=links, included=frozenset(included))
        self.n_runs += 1

    def erase(self, erasure: Erasure) -> set[Identifier]:
        """Erasure, by what was published last; all identifiers of whoever it ends."""
        ids, deleted = {erasure.identifier}, set()
        members: set[Identifier] = set()
        if erasure.scope == "connected":
            if self.last is None or self.rules is None or erasure.identifier not in self.last.users:
                return members
            person = self.last.users[erasure.identifier]
            if self.ledger[person]["status"] == "erased":
                return members
            gone = [person, *sorted(self.cut_off_from(person))]
            for user in gone:
                self.ledger = section_4.end(self.ledger, user)
            self.ended.append(person)
            members = {i for i, user in self.last.users.items() if user in gone}
            ids = {i for i in members if self.rules.types[i[0]].known and self.claimants_of(i) <= {*gone}}
            deleted = {message for message, owner in self.last.owners.items() if owner in gone}
        self.suppressed |= ids
        deleted |= {message.id for message in self.stored.values() if carries(message, ids)}
        self.stored = {name: message for name, message in self.stored.items() if name not in deleted}
        return members

    def claimants_of(self, identifier: Identifier) -> set[str]:
        """Whoever a contested identifier belongs to at some time, or is kept apart from by a rule but an exclude."""
        assert self.last is not None
        if identifier not in self.last.contested:
            return set()
        refused = (set(ends) for rule, ends in self.last.refused if rule != "exclude" and identifier in ends)
        beside = {i for ends in refused for i in ends - {identifier} if i in self.last.users}
        owners = {owner for _, owner in self.last.intervals[identifier] if owner is not None}
        return owners | {self.last.users[i] for i in beside}

    def cut_off_from(self, person: str) -> set[str]:
        """Section 4: residual IDs that `limit` or `size` cut off from a person."""
        assert self.last is not None
        assert self.rules is not None
        users, kinds = self.last.users, self.last.kinds
        return {
            users[end]
            for rule, ends in self.last.evidence.refused
            if rule in {"limit", "size"}
            for end in contested_ends(ends, self.rules)
            if kinds[users[end]] == "residual" and person in {users[i] for i in ends if i != end}
        } - {person}


def names(message: Message, previous_id_type: str = "auto") -> set[Identifier]:
    """What a message names, its previousId in any reading that may come to hold."""
    readings = ("anonymous_id", "user_id") if previous_id_type == "auto" else (previous_id_type,)
    return {*message.ids, *((id_type, message.previous) for id_type in readings if message.previous)}


def carries(message: Message, identifiers: set[Identifier]) -> bool:
    return bool(identifiers & names(message))


def resolve_user_id(ledger: Ledger, user_id: str) -> str:
    """What an ID that was ever published leads to: a live ID, `vacant` or `erased`."""
    row = ledger[user_id]
    if row["status"] == "retired":
        return str(row["target"])
    return user_id if row["status"] == "live" else str(row["status"])
