"""Union-find, and the carry-over groups that it makes of components and User IDs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from oneuser.identity.succession import Decision, Rules, decide

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from oneuser.identity.ledger import Member, UserId

Node = TypeVar("Node", int, str, tuple[str, int | str])


def connect(pairs: Iterable[tuple[Node, Node]]) -> dict[Node, Node]:
    """The smallest node that each node of the pairs is connected with."""
    parent: dict[Node, Node] = {}

    def find(node: Node) -> Node:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in pairs:
        smaller, larger = sorted((find(one), find(other)))
        parent[larger] = smaller
    return {node: find(node) for node in list(parent)}


def decide_by_group(members: Collection[Member], users: Collection[UserId], rules: Rules) -> Decision:
    """Split a run's components and the ledger into carry-over groups, and decide each by itself.

    A group is what an anchor, a previous member, a redirect or an owner of a contested identifier joins.
    """
    group_of = connect(_joins(members, users))
    groups: dict[tuple[str, int | str], tuple[list[Member], list[UserId]]] = defaultdict(lambda: ([], []))
    for member in members:
        groups[group_of[_component(member.component_id)]][0].append(member)
    for user in users:
        groups[group_of[_user(user.user_id)]][1].append(user)
    whole = Decision({}, [], [])
    for group_members, group_users in groups.values():
        part = decide(group_members, group_users, rules)
        whole.owners.update(part.owners)
        whole.changed.extend(part.changed)
        whole.lineage.extend(part.lineage)
    whole.changed.sort(key=lambda user: user.user_id)
    whole.lineage.sort(key=lambda row: row.sort_key)
    return whole


def _joins(
    members: Collection[Member], users: Collection[UserId]
) -> Iterator[tuple[tuple[str, int | str], tuple[str, int | str]]]:
    component_of = {member.identifier_id: member.component_id for member in members}
    for member in members:
        here = _component(member.component_id)
        yield here, here
        for owner in member.owners:
            yield here, _component(owner)
        if member.previous_user is not None:
            yield here, _user(member.previous_user)
    for user in users:
        here = _user(user.user_id)
        yield here, here
        if user.redirect_to is not None:
            yield here, _user(user.redirect_to)
        for number, _ in user.anchors:
            if number in component_of:
                yield here, _component(component_of[number])


def _component(label: int) -> tuple[str, int | str]:
    return ("component", label)


def _user(user_id: str) -> tuple[str, int | str]:
    return ("user", user_id)
