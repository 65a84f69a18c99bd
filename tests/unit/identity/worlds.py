"""Small worlds for the tests of the ledger: components over runs, split into carry-over groups in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from oneuser.identity.ledger import LineageRow, Member, Survivor, UserId, end_person, resolve_user_id
from oneuser.identity.minting import Mint
from oneuser.identity.succession import Decision, Rules, decide

SECRET = b"a made-up secret of 32 bytes...."
DEPLOYMENT = "test"

# id type by its first letter: priority, known
TYPES = {"u": (1, True), "e": (2, True), "p": (3, True), "b": (4, False), "d": (5, False)}


def identifier_id_of(name: str) -> int:
    """`e2` and the like as identifier_id; numbers decide nothing."""
    return ord(name[0]) * 1_000_000 + int(name[1:] or 0)


def key_of(name: str) -> bytes:
    return name.encode().rjust(16, b"\0")


@dataclass
class World:
    """A deployment as the ledger sees it: runs follow each other, each with the components of that day.

    Components are given as strings of identifier names, `"u1 b1"`; the first letter is the type.
    """

    survivor: Survivor = "strongest"
    users: dict[str, UserId] = field(default_factory=dict)
    map: dict[int, str] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    run_seq: int = 0
    lineage: list[LineageRow] = field(default_factory=list)
    changed: list[UserId] = field(default_factory=list)

    def run(self, *components: str, owners: dict[str, tuple[int, ...]] | None = None) -> dict[str, str]:
        """One run; returns the live User ID by component text.

        `owners` gives the interval owners of contested identifiers, as positions in `components`.
        """
        self.run_seq += 1
        members = [
            self.member(name, component, tuple(1 + c for c in (owners or {}).get(name, ())))
            for component, text in enumerate(components, start=1)
            for name in text.split()
        ]
        decision = self.decide(members)
        self.keep(members, decision)
        return {text: decision.owners[component] for component, text in enumerate(components, start=1)}

    def member(self, name: str, component: int, owners: tuple[int, ...] = ()) -> Member:
        priority, is_known = TYPES[name[0]]
        number = identifier_id_of(name)
        seen = (self.seen.get(name, 0), key_of(name))
        return Member(number, component, key_of(name), priority, is_known, seen, self.map.get(number), owners)

    def rules(self) -> Rules:
        return Rules(Mint(DEPLOYMENT, self.run_seq, SECRET), self.survivor)

    def decide(self, members: Iterable[Member]) -> Decision:
        return decide_by_group(members, self.users.values(), self.rules())

    def keep(self, members: Iterable[Member], decision: Decision) -> None:
        self.changed, self.lineage = decision.changed, decision.lineage
        self.users |= {user.user_id: user for user in decision.changed}
        self.map = {member.identifier_id: decision.owners[member.component_id] for member in members}

    def erase(self, user_id: str) -> None:
        self.run_seq += 1
        self.changed, self.lineage = end_person(self.users.values(), user_id, run_seq=self.run_seq)
        self.users |= {user.user_id: user for user in self.changed}

    def resolve(self, user_id: str) -> str:
        return resolve_user_id(self.users, user_id)

    def anchor(self, user_id: str) -> int | None:
        return self.users[user_id].anchor

    def changes(self, change: str) -> set[tuple[str, str | None]]:
        return {(row.user_id, row.other_user_id) for row in self.lineage if row.change == change}


Node = int | str  # a component or a User ID


def links(members: list[Member], users: list[UserId]) -> Iterable[tuple[Node, Node]]:
    """What makes a carry-over group: anchors, previous members, redirects, owners of contested identifiers."""
    component_of = {member.identifier_id: member.component_id for member in members}
    for member in members:
        for other in (member.component_id, *member.owners, member.previous_user):
            if other is not None:
                yield member.component_id, other
    for user in users:
        held = [component_of[number] for number, _ in user.anchors if number in component_of]
        for other in (user.user_id, *held, user.redirect_to):
            if other is not None:
                yield user.user_id, other


def connect(pairs: Iterable[tuple[Node, Node]]) -> dict[Node, Node]:
    """Plain union-find: a representative for each node."""
    root: dict[Node, Node] = {}

    def find(node: Node) -> Node:
        root.setdefault(node, node)
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for one, other in pairs:
        root[find(one)] = find(other)
    return {node: find(node) for node in list(root)}


def decide_by_group(
    members: Iterable[Member], users: Iterable[UserId], rules: Rules, decider: Callable[..., Decision] = decide
) -> Decision:
    """Split a whole world into its carry-over groups and decide each by itself."""
    members, users = list(members), list(users)
    groups: dict[Node, tuple[list[Member], list[UserId]]] = defaultdict(lambda: ([], []))
    group_of = connect(links(members, users))
    for member in members:
        groups[group_of[member.component_id]][0].append(member)
    for user in users:
        groups[group_of[user.user_id]][1].append(user)
    whole = Decision({}, [], [])
    for group in groups.values():
        part = decider(*group, rules)
        whole.owners.update(part.owners)
        whole.changed.extend(part.changed)
        whole.lineage.extend(part.lineage)
    return whole


def random_members(world: World, names: list[str], chance: Random) -> list[Member]:
    """Components of one run: some identifiers are absent, some are contested, the others fall together at random."""
    present = [name for name in names if chance.random() < 0.8]
    n_components = chance.randint(1, max(1, len(present)))
    component = {name: chance.randint(1, n_components) for name in present}
    components = sorted(set(component.values()))
    members = []
    for name in present:
        owners: tuple[int, ...] = ()
        if chance.random() < 0.15:
            owners = tuple(chance.choice([component[name], *components]) for _ in range(chance.randint(1, 3)))
        members.append(world.member(name, component[name], owners))
    return members


def random_names(chance: Random) -> list[str]:
    return [f"{chance.choice('uuepbbd')}{n}" for n in range(chance.randint(2, 9))]
