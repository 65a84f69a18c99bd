"""Rules 1 and 2 of the ledger: on which anchor each User ID stands, and in which component it is seated.

Both work on one carry-over group: components and User IDs joined by an anchor, a previous member or a redirect.
Nothing here depends on the order in which members and users are given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oneuser.identity.ledger import ANONYMOUS_STRENGTH, Member, UserId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(slots=True)
class Group:
    """One carry-over group while it is being decided.

    Attributes:
        members: Identifiers in the graph, by number.
        users: IDs that may stand: all of the group but the erased ones.
        seat_of: Component in which an anchor counts, by identifier (rule 2).
        best: Best identifier of each component that is seated there.
        holder: The ID that stands on an identifier.
        anchor_of: The identifier on which an ID stands.
        taken: Anchor that an ID with none left took in this run (rule 1).
        upgraded: Stronger anchor that an ID moved to in this run (rule 6).
        seated: IDs seated in each component.
        strongest: Strength of the strongest anchor of the IDs seated in each component; smaller is stronger.
    """

    members: dict[int, Member]
    users: list[UserId]
    seat_of: dict[int, int] = field(default_factory=dict)
    best: dict[int, Member] = field(default_factory=dict)
    holder: dict[int, str] = field(default_factory=dict)
    anchor_of: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    upgraded: dict[str, int] = field(default_factory=dict)
    seated: dict[int, list[UserId]] = field(default_factory=dict)
    strongest: dict[int, int] = field(default_factory=dict)


def open_group(members: Iterable[Member], users: Iterable[UserId]) -> Group:
    """A group in which no ID stands yet."""
    group = Group({member.identifier_id: member for member in members}, [u for u in users if u.status != "erased"])
    group.seat_of = seat_identifiers(group.members)
    for member in group.members.values():
        component = member.component_id
        if group.seat_of[member.identifier_id] == component:
            best = group.best.get(component)
            if best is None or member.rank < best.rank:
                group.best[component] = member
    return group


def seat_identifiers(members: dict[int, Member]) -> dict[int, int]:
    """Rule 2, Seat: the component in which each identifier counts as an anchor.

    A component none of whose identifiers would count in it keeps its own: it must be able to carry a User ID.
    """
    seats = {number: _seat(member) for number, member in members.items()}
    if any(member.owners for member in members.values()):
        occupied = {member.component_id for number, member in members.items() if seats[number] == member.component_id}
        for number, member in members.items():
            if member.component_id not in occupied:
                seats[number] = member.component_id
    return seats


def _seat(member: Member) -> int:
    has_several = len(set(member.owners)) > 1
    return member.owners[0] if has_several and member.component_id in member.owners else member.component_id


def stand(group: Group) -> None:
    """Rule 1, Stand: give each ID its anchor and seat it, first those that stay, then those that must move."""
    preferred = {user.user_id: _present_anchors(group, user) for user in group.users}
    staying = _staying(group.users, preferred)
    moving = []
    for user in group.users:
        if user.user_id in staying and user.anchor is not None:
            _seat_on(group, user, user.anchor)
        else:
            moving.append(user)
    moving.sort(key=lambda user: (user.anchor not in group.members, user.published))
    previous_members: dict[str, list[Member]] | None = None
    for user in moving:
        anchor = next((a for a in preferred[user.user_id] if a not in group.holder), None)
        if anchor is None and user.status == "live":
            previous_members = previous_members or _members_by_previous_user(group)
            anchor = _new_anchor(group, previous_members.get(user.user_id, ()))
            if anchor is not None:
                group.taken[user.user_id] = anchor
        if anchor is not None:
            _seat_on(group, user, anchor)


def _present_anchors(group: Group, user: UserId) -> list[int]:
    """Anchors of an ID that are in the graph, the strongest before the weaker, then the earliest taken before later."""
    present = [number for number, _ in user.anchors if number in group.members]
    present.sort(key=lambda number: group.members[number].strength)  # stable: keeps the order taken
    return present


def _staying(users: list[UserId], preferred: dict[str, list[int]]) -> set[str]:
    """IDs whose present anchor is the strongest of theirs on which no other ID stands.

    An ID that leaves frees its anchor, on which another may now have to move: repeated until nobody leaves. No ID that
    stays depends on one that moves, so a second run of the same input finds everybody staying.
    """
    holder = {a: user for user in users if (a := user.anchor) is not None and a in preferred[user.user_id]}
    # an ID waits for a better anchor of its own until the ID on it leaves
    unchecked = list(holder.items())
    waiting: dict[int, list[tuple[int, UserId]]] = {}
    while unchecked:
        present, user = unchecked.pop()
        if holder.get(present) is not user:
            continue
        anchors = preferred[user.user_id]
        better = anchors[: anchors.index(present)]
        if all(anchor in holder for anchor in better):
            for anchor in better:
                waiting.setdefault(anchor, []).append((present, user))
        else:
            del holder[present]
            unchecked += waiting.pop(present, ())
    return {user.user_id for user in holder.values()}


def _new_anchor(group: Group, candidates: Sequence[Member]) -> int | None:
    """The best previous member on which no ID stands, where it makes the ID stronger than every ID seated there."""
    for member in candidates:
        seat = group.seat_of[member.identifier_id]
        is_stronger = seat not in group.strongest or member.strength < group.strongest[seat]
        if is_stronger and member.identifier_id not in group.holder:
            return member.identifier_id
    return None


def _members_by_previous_user(group: Group) -> dict[str, list[Member]]:
    found: dict[str, list[Member]] = {}
    for member in group.members.values():
        if member.previous_user is not None:
            found.setdefault(member.previous_user, []).append(member)
    for members in found.values():
        members.sort(key=lambda member: member.rank)
    return found


def _seat_on(group: Group, user: UserId, anchor: int) -> None:
    seat = group.seat_of[anchor]
    group.holder[anchor] = user.user_id
    group.anchor_of[user.user_id] = anchor
    group.seated.setdefault(seat, []).append(user)
    strength = group.members[anchor].strength
    group.strongest[seat] = min(strength, group.strongest.get(seat, ANONYMOUS_STRENGTH))
