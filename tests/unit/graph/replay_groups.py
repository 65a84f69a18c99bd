"""Replay groups by name for tests, and random ones.

An identifier is named like `u1`: its type by the first letter, and its key.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import combinations
from random import Random

from oneuser.core.event_order import Moment
from oneuser.graph.bounded_sets import Bounds, Vertex
from oneuser.graph.replay import Evidence, Replayed, admission_order, contested, cut_off, replay, residual

TYPES = {"u": ("user_id", 1, True), "e": ("email", 2, True), "d": ("device", 8, False), "b": ("browser", 9, False)}
UNBOUNDED = 1_000
# prefixes of one another, short and long, and words in both orders
MESSAGES = [
    b"",
    b"k",
    b"k\0",
    b"k\0\0",
    b"l234567",
    b"l2345678",
    b"l2345678\0",
    b"a" * 8 + b"b" * 8,
    b"b" * 8 + b"a" * 8,
]


def bounds(*unique: str, conflict: str = "latest", max_identifiers: int = UNBOUNDED, **limits: int) -> Bounds:
    """Bounds by first letters of types."""
    assert conflict in {"latest", "earliest"}
    return Bounds(
        frozenset(TYPES[letter][0] for letter in unique),
        {TYPES[letter][0]: limit for letter, limit in limits.items()},
        max_identifiers,
        "earliest" if conflict == "earliest" else "latest",
    )


@dataclass
class Group:
    """A candidate component by names; `number` is how its identifiers are numbered."""

    number: dict[str, int] = field(default_factory=dict)
    class_of: dict[str, str] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    excluded: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, names: str, *edges: str | tuple[str, int] | Evidence, aliases: str = "", excluded: str = "") -> Group:
        """`of("u1 d1", ("u1 d1", 5), aliases="u1=u2", excluded="u1-u2")`: an edge with the moment of its last event."""
        group = cls({name: n for n, name in enumerate(names.split(), start=1)})
        for pair in aliases.split():
            one, other = pair.split("=")
            group.class_of[other] = group.class_of.get(one, one)
        for edge in edges:
            if isinstance(edge, Evidence):
                group.evidence.append(edge)
            elif isinstance(edge, tuple):
                group.evidence.append(group.edge(edge[0], edge[1]))
            else:
                group.evidence.append(group.edge(edge, None))
        group.excluded = [group.pair(text.replace("-", " ")) for text in excluded.split()]
        return group

    def pair(self, names: str) -> tuple[int, int]:
        one, other = sorted(self.number[name] for name in names.split())
        return one, other

    def edge(
        self,
        names: str,
        last: int | None,
        *,
        first: int | None = None,
        priority: int | None = None,
        include: bool = False,
    ) -> Evidence:
        """An edge by the times of its last and first event; the first is the last where it is not given."""
        one, other = names.split()
        both = TYPES[one[0]][1] + TYPES[other[0]][1]
        first = last if first is None else first
        moments: list[Moment | None] = [None if at is None else (at, b"m") for at in (first, last)]
        return Evidence(*self.pair(names), both if priority is None else priority, *moments, include)

    @property
    def vertices(self) -> list[Vertex]:
        smallest: dict[str, int] = {}
        for name, number in self.number.items():
            representative = self.class_of.get(name, name)
            smallest[representative] = min(number, smallest.get(representative, number))
        return [
            Vertex(number, name.encode(), *TYPES[name[0]], smallest[self.class_of.get(name, name)])
            for name, number in self.number.items()
        ]

    def named(self, numbers: Collection[int]) -> str:
        """Names of identifiers, in order."""
        return " ".join(sorted(name for name, number in self.number.items() if number in numbers))

    def components(self, replayed: Replayed) -> list[str]:
        """The components by names, in order."""
        labels = set(replayed.labels.values())
        return sorted(self.named({n for n, one in replayed.labels.items() if one == label}) for label in labels)

    def refusals(self, replayed: Replayed) -> list[str]:
        """`unique d1 u1` for each refusal, in order."""
        return sorted(f"{refusal.rule} {self.named({refusal.src, refusal.dst})}" for refusal in replayed.refused)

    def renumbered(self, chance: Random) -> Group:
        """The same group with other numbers."""
        numbers = chance.sample(range(1, 10 * len(self.number)), len(self.number))
        other = Group(dict(zip(self.number, numbers, strict=True)), self.class_of)
        to = {number: other.number[name] for name, number in self.number.items()}

        def moved(one: int, another: int) -> tuple[int, int]:
            low, high = sorted((to.get(one, one), to.get(another, another)))
            return low, high

        other.evidence = [
            Evidence(*moved(edge.src, edge.dst), edge.priority, edge.first, edge.last, edge.is_include)
            for edge in self.evidence
        ]
        other.excluded = [moved(*pair) for pair in self.excluded]
        return other


def random_moment(chance: Random) -> Moment | None:
    """Few times and few message keys, so that there are ties of every kind."""
    if chance.random() < 0.15:
        return None
    return chance.randrange(4), chance.choice(MESSAGES)


def random_group(chance: Random) -> Group:
    """A group of any shape; it need not be connected, since replay does not ask."""
    letters = [chance.choice("uuedddb") for _ in range(chance.randint(2, 10))]
    group = Group.of(" ".join(f"{letter}{n}" for n, letter in enumerate(letters)))
    users = [name for name in group.number if name[0] == "u"]
    for name in users:
        if chance.random() < 0.3:
            group.class_of[name] = chance.choice(["x", "y"])
    pairs = list(combinations(group.number, 2))
    for one, other in chance.sample(pairs, min(len(pairs), chance.randint(1, 14))):
        both = TYPES[one[0]][1] + TYPES[other[0]][1]
        priority = chance.choice([both, both, chance.randint(1, 10)])
        first, last = random_moment(chance), random_moment(chance)
        is_include = chance.random() < 0.1
        group.evidence.append(Evidence(*group.pair(f"{one} {other}"), priority, first, last, is_include))
    linked = {(edge.src, edge.dst) for edge in group.evidence}
    apart = [group.pair(" ".join(pair)) for pair in pairs]
    group.excluded = [pair for pair in apart if pair not in linked and chance.random() < 0.04]
    group.excluded += [(number, 99_999) for number in group.number.values() if chance.random() < 0.05]
    return group


def random_crowd(chance: Random) -> Group:
    """A few people of many devices, which meet again and again, and browsers that join them meanwhile."""
    hubs = [f"u{n}" for n in range(chance.randint(2, 4))]
    devices = [f"{chance.choice('dddb')}{n}" for n in range(100, 100 + 25 * len(hubs))]
    late = [f"b{n}" for n in range(900, 930)]
    group = Group.of(" ".join([*hubs, *devices, *late]))
    for place, name in enumerate(devices):
        group.evidence.append(group.edge(f"{hubs[place % len(hubs)]} {name}", 1_000))
    pairs = {tuple(sorted((chance.choice(devices), chance.choice([*devices, *late])))) for _ in range(400)}
    group.evidence += [
        group.edge(" ".join(pair), chance.randrange(900)) for pair in sorted(pairs) if pair[0] != pair[1]
    ]
    return group


def random_bounds(chance: Random) -> Bounds:
    return bounds(
        *chance.choice(["", "u", "u", "ue"]),
        conflict=chance.choice(["latest", "earliest"]),
        max_identifiers=chance.choice([2, 4, UNBOUNDED, UNBOUNDED]),
        **{letter: chance.randint(1, 3) for letter in "ued" if chance.random() < 0.4},
    )


def replayed(group: Group, limits: Bounds) -> Replayed:
    """What replay makes of a group."""
    return replay(group.vertices, group.evidence, group.excluded, limits)


def outcome(group: Group, limits: Bounds) -> tuple[list[str], list[str]]:
    """Components and refusals by names."""
    found = replayed(group, limits)
    return group.components(found), group.refusals(found)


def order(group: Group, conflict: str = "latest") -> list[str]:
    """Its edges as they are tried, by the names of their ends."""
    vertices = {vertex.identifier_id: vertex for vertex in group.vertices}
    return [
        group.named({edge.src, edge.dst})
        for edge in admission_order(vertices, group.evidence, bounds(conflict=conflict).conflict)
    ]


def flags(group: Group, limits: Bounds) -> tuple[str, str, str]:
    """Contested identifiers, those that were cut off, and all members of residual components, by names."""
    found = replayed(group, limits)
    vertices = {vertex.identifier_id: vertex for vertex in group.vertices}
    labels = residual(found, vertices)
    left = {number for number, label in found.labels.items() if label in labels}
    return group.named(contested(found, vertices)), group.named(cut_off(found, vertices)), group.named(left)
