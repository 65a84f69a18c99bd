"""Carry-over groups over rows that are at hand. Pure Python; what `carry_over.py` describes for Spark."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from oneuser.identity.succession import Decision, Rules, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from oneuser.identity.ledger import Member, UserId

Node = tuple[str, int | str]


def decide_by_group(
    members: Collection[Member],
    users: Collection[UserId],
    rules: Rules,
    *,
    connect: Callable[[Iterable[tuple[Node, Node]]], Mapping[Node, Node]],
) -> Decision:
    """Split a run's components and the ledger into carry-over groups, and decide each by itself.

    A group is what an anchor, a previous member, a redirect or an owner of a contested identifier joins.

    Args:
        members: All identifiers in the graph.
        users: The whole ledger.
        rules: Mint and survivor.
        connect: Labels each node of some pairs with its component.
    """
    group_of = connect(_joins(members, users))
    groups: dict[Node, tuple[list[Member], list[UserId]]] = defaultdict(lambda: ([], []))
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


def _joins(members: Collection[Member], users: Collection[UserId]) -> Iterator[tuple[Node, Node]]:
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


def _component(label: int) -> Node:
    return ("component", label)


def _user(user_id: str) -> Node:
    return ("user", user_id)
