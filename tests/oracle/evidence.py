"""Messages, edges and components as page 01, sections 1 and 2, says them: one world at a time, no care for speed.

Written from the page alone, to be compared with the real thing. Where the page is silent: an alias links its own
identifiers like any event and, besides, its new id with its previousId; a link or a manual rule brings its two ends
into the graph, unless one of them is blocked or over-shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tests.oracle.history import Identifier, Keys, Message, Order, Pair, Rules, pair

NEVER_LAST: Order = (float("-inf"), 0, b"")  # of a link without time: older than everything as the last one
NEVER_FIRST: Order = (float("inf"), 0, b"")  # and younger than everything as the first one

Component = frozenset[Identifier]


@dataclass
class Seen:
    """A message without its blocked values."""

    message: Message
    at: Order
    own: set[Identifier]  # what the message itself names
    observed: set[Identifier]  # that and the reading of previousId that holds
    alias: Pair | None = None  # the edge of an alias


@dataclass
class Edge:
    """What all sources say of one pair."""

    first: Order = NEVER_FIRST
    last: Order = NEVER_LAST
    is_included: bool = False
    weights: set[int] = field(default_factory=set)


@dataclass
class Evidence:
    """Everything that one run makes of its messages, up to the components."""

    seen: list[Seen]
    linking: list[Seen]
    classes: dict[Identifier, Component]
    over_shared: set[Identifier]
    graph: set[Identifier]
    component: dict[Identifier, Component]
    refused: set[tuple[str, Pair]]
    contested: set[Identifier]
    cut_off: set[Identifier]


def gather(messages: Iterable[Message], rules: Rules, keys: Keys) -> Evidence:
    """Sections 1 and 2, in the order of the page."""
    seen = read(list(messages), rules, keys)
    consents = consent_for_linking(seen, rules)
    linking = [s for s in seen if len(s.observed) > 1 and not has_two_of_a_unique_type(s, rules) and consents(s)]
    aliases = {s.alias for s in linking if s.alias is not None}
    classes = alias_classes(aliases, rules)
    over_shared = {i for s in linking for i in s.observed if is_over_shared(i, linking, classes, rules)}
    named = {i for ends in imported(rules) if not set(ends) & (rules.blocked | over_shared) for i in ends}
    graph = {i for s in seen for i in s.observed} - over_shared | named

    edges: dict[Pair, Edge] = {}
    refused = {
        ("over_shared", ends) for s in linking for ends in pairs_of(s, set(), rules, keys) if over_shared & set(ends)
    }
    for s in linking:
        for ends in pairs_of(s, over_shared, rules, keys):
            edge = edges.setdefault(ends, Edge())
            edge.first, edge.last = min(edge.first, s.at), max(edge.last, s.at)
            edge.weights.add(weight(ends, rules))
    for link in rules.links:
        if set(link.ends) <= named:
            own = weight(link.ends, rules) if link.priority is None else link.priority
            edges.setdefault(link.ends, Edge()).weights.add(own)
    for ends in rules.included - rules.excluded:
        if set(ends) <= named:
            edge = edges.setdefault(ends, Edge())
            edge.is_included = True
            edge.weights.add(weight(ends, rules))
    refused |= {("exclude", ends) for ends in edges if ends in rules.excluded}
    edges = {ends: edge for ends, edge in edges.items() if ends not in rules.excluded}

    judge = Judge(rules, classes, keys, edges)
    component: dict[Identifier, Component] = {}
    replayed: set[tuple[str, Pair]] = set()
    for candidate in set(connect(graph, edges).values()):
        parts, refusals = judge.judge(candidate)
        component |= {i: part for part in parts for i in part}
        replayed |= refusals
    return Evidence(
        seen, linking, classes, over_shared, graph, component, refused | replayed,
        contested={i for rule, ends in replayed if rule != "exclude" for i in contested_ends(ends, rules)},
        cut_off={i for rule, ends in replayed if rule in {"limit", "size"} for i in contested_ends(ends, rules)},
    )  # fmt: skip


def blocked(identifier: Identifier, rules: Rules) -> bool:
    return identifier in rules.blocked


def imported(rules: Rules) -> set[Pair]:
    """Pairs that no message asserts; a pair that manual rules both include and exclude is excluded, nothing else."""
    return {link.ends for link in rules.links} | (rules.included - rules.excluded)


def read(messages: list[Message], rules: Rules, keys: Keys) -> list[Seen]:
    """Rules 1.1 and 1.5: values that are not blocked, and the reading of previousId that holds."""
    anonymous = {value for m in messages for id_type, value in m.ids if id_type == "anonymous_id"}
    found = []
    for m in messages:
        own = {i for i in m.ids if not blocked(i, rules)}
        s = Seen(m, order_of(m, keys), own, set(own))
        if m.kind == "alias" and m.previous is not None:
            auto = "anonymous_id" if m.previous in anonymous else "user_id"
            previous = (auto if rules.previous_id_type == "auto" else rules.previous_id_type, m.previous)
            if not blocked(previous, rules):
                s.observed.add(previous)
                if m.new_id is not None and m.new_id in own and m.new_id != previous:
                    s.alias = pair(m.new_id, previous)
        found.append(s)
    return found


def order_of(m: Message, keys: Keys) -> Order:
    """The order of events: time, receipt with none last, message key."""
    return (m.at, float("inf") if m.received is None else m.received, keys.message(m.id))


def has_two_of_a_unique_type(s: Seen, rules: Rules) -> bool:
    """Rule 1.3."""
    uniques = [i for i in s.own if rules.types[i[0]].unique]
    return s.message.kind != "alias" and any(a[0] == b[0] for a, b in combinations(uniques, 2))


def consent_for_linking(seen: list[Seen], rules: Rules) -> Callable[[Seen], bool]:
    """Rule 1.6: the latest signal of each identifier holds for all events."""
    signals: dict[tuple[Identifier, str], bool] = {}
    for s in sorted(seen, key=lambda s: s.at):
        known = {i for i in s.observed if rules.types[i[0]].known}
        for identifier in known or s.observed:
            for purpose, granted in (s.message.consent or {}).items():
                signals[identifier, purpose] = granted
    return lambda s: all(
        (s.message.consent or {}).get(purpose, False) and all(signals.get((i, purpose), True) for i in s.observed)
        for purpose in rules.required_for_linking
    )


def alias_classes(aliases: set[Pair], rules: Rules) -> dict[Identifier, Component]:
    """Rule 1.5: values of a unique type that are one by renaming."""
    renames = {
        ends
        for ends in aliases
        if rules.may_join_unique
        and ends[0][0] == ends[1][0]
        and rules.types[ends[0][0]].unique
        and ends not in rules.excluded
    }
    return connect({i for ends in renames for i in ends}, renames)


def is_over_shared(
    identifier: Identifier, linking: list[Seen], classes: dict[Identifier, Component], rules: Rules
) -> bool:
    """Rule 2.2: too many values of one other type in the events that carry it: a unique one, if any ever does."""
    bound = rules.types[identifier[0]].max_persons_per_value
    beside = {i for s in linking if identifier in s.observed for i in s.observed if i[0] != identifier[0]}
    is_counted = {id_type: rule.unique for id_type, rule in rules.types.items()}
    if not any(is_counted[i[0]] for i in beside):
        is_counted = {id_type: rule.known for id_type, rule in rules.types.items()}
    return bound is not None and any(
        len(values_of(id_type, beside, rules, classes)) > bound for id_type in rules.types if is_counted[id_type]
    )


def values_of(
    id_type: str, identifiers: Iterable[Identifier], rules: Rules, classes: dict[Identifier, Component]
) -> set[Any]:
    """Distinct values of a type, an alias class counting once."""
    values = {i for i in identifiers if i[0] == id_type}
    return {classes.get(i, i) for i in values} if rules.types[id_type].unique else set(values)


def best_first(identifiers: Iterable[Identifier], rules: Rules, keys: Keys) -> list[Identifier]:
    return sorted(identifiers, key=lambda i: (rules.types[i[0]].priority, keys.identifier(i)))


def pairs_of(s: Seen, without: set[Identifier], rules: Rules, keys: Keys) -> Iterator[Pair]:
    """Rule 1.2: the star of an event, and what its alias adds."""
    best, *others = best_first(s.own - without, rules, keys) or [("", "")]
    yield from (pair(best, other) for other in others)
    if s.alias is not None and not set(s.alias) & without:
        yield s.alias


def weight(ends: Pair, rules: Rules) -> int:
    return sum(rules.types[i[0]].priority for i in ends)


def connect(vertices: Iterable[Identifier], pairs: Iterable[Pair]) -> dict[Identifier, Component]:
    """The component of each vertex."""
    component = {v: frozenset({v}) for v in vertices}
    for a, b in pairs:
        whole = component[a] | component[b]
        component |= dict.fromkeys(whole, whole)
    return component


def contested_ends(ends: Pair, rules: Rules) -> tuple[Identifier, ...]:
    """Section 3: which ends of a refused edge are contested."""
    a, b = (rules.types[i[0]] for i in ends)
    if not a.known and not b.known:
        return ends
    if a.known and b.known:
        return () if a.priority == b.priority else (ends[0] if a.priority > b.priority else ends[1],)
    return (ends[1] if a.known else ends[0],)


@dataclass
class Judge:
    """Rules 2.4 and 2.5: constrained replay of one candidate component."""

    rules: Rules
    classes: dict[Identifier, Component]
    keys: Keys
    edges: dict[Pair, Edge]

    def judge(self, candidate: Component) -> tuple[set[Component], set[tuple[str, Pair]]]:
        """Components of a candidate, and the edges refused between them with their rules."""
        if self.broken(candidate) is None:
            return {candidate}, set()
        part = {i: frozenset({i}) for i in candidate}
        refused = set()
        for ends in sorted((e for e in self.edges if e[0] in candidate), key=self.admission):
            one, other = (part[i] for i in ends)
            if one == other:
                continue
            rule = self.broken(one | other, one, other, is_included=self.edges[ends].is_included)
            if rule is None:
                part |= dict.fromkeys(one | other, one | other)
            else:
                refused.add((rule, ends))
        lasting = {(rule, ends) for rule, ends in refused if part[ends[0]] != part[ends[1]]}
        return set(part.values()), lasting

    def broken(self, union: Component, *sides: Component, is_included: bool = False) -> str | None:
        """The first rule that a union breaks, more than its larger side does; what is included breaks exclude only."""
        if any(set(ends) <= union for ends in self.rules.excluded):
            return "exclude"
        if is_included:
            return None
        for rule in ("unique", "limit"):
            for id_type, of_type in self.rules.types.items():
                bound = (1 if of_type.unique else None) if rule == "unique" else of_type.limit
                n, *before = (len(values_of(id_type, g, self.rules, self.classes)) for g in (union, *sides))
                if bound is not None and n > bound and n > max(before, default=0):
                    return rule
        return "size" if len(union) > self.rules.max_identifiers_per_user else None

    def admission(self, ends: Pair) -> tuple[Any, ...]:
        """Place of an edge in the admission order, strongest first."""
        edge = self.edges[ends]
        n_known = sum(self.rules.types[i[0]].known for i in ends)
        is_chosen = n_known == 1 and any(
            not self.rules.types[i[0]].known and ends == min(self.logins(i), key=lambda e: (self.age(e), *self.tie(e)))
            for i in ends
        )
        return (not edge.is_included, -n_known, not is_chosen, self.sum(ends), self.age(ends), self.tie(ends)[-1])

    def logins(self, anonymous: Identifier) -> list[Pair]:
        """Edges of an anonymous identifier to known ones."""
        return [e for e in self.edges if anonymous in e and any(self.rules.types[i[0]].known for i in e)]

    def sum(self, ends: Pair) -> int:
        return min(self.edges[ends].weights)

    def tie(self, ends: Pair) -> tuple[int, list[bytes]]:
        return self.sum(ends), sorted(self.keys.identifier(i) for i in ends)

    def age(self, ends: Pair) -> tuple[float, float, tuple[int, ...]]:
        """Smaller is earlier in the admission order: the newest last event, or the earliest first one."""
        if self.rules.conflict == "earliest":
            at, received, key = self.edges[ends].first
            return at, received, tuple(key)
        at, received, key = self.edges[ends].last
        return -at, -received, tuple(-byte for byte in key)
