"""Rules 1 and 2 of the ledger: which anchor each User ID has, and which component is that anchor's home.

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
        users: IDs that may have an anchor: all of the group but the erased ones.
        home_of: Home component of an identifier: the one in which it counts as an anchor (rule 2).
        best: Best identifier of each component of those whose home it is.
        holder: The ID whose anchor an identifier is.
        anchor_of: The anchor of an ID.
        taken: Anchor that an ID with none left took in this run (rule 1).
        upgraded: Stronger anchor that an ID moved to in this run (rule 6).
        users_of: IDs whose anchor is at home in each component.
        strongest: Strength of the strongest anchor at home in each component; smaller is stronger.
    """

    members: dict[int, Member]
    users: list[UserId]
    home_of: dict[int, int] = field(default_factory=dict)
    best: dict[int, Member] = field(default_factory=dict)
    holder: dict[int, str] = field(default_factory=dict)
    anchor_of: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    upgraded: dict[str, int] = field(default_factory=dict)
    users_of: dict[int, list[UserId]] = field(default_factory=dict)
    strongest: dict[int, int] = field(default_factory=dict)


def open_group(members: Iterable[Member], users: Iterable[UserId]) -> Group:
    """A group in which no ID has an anchor yet."""
    group = Group({member.identifier_id: member for member in members}, [u for u in users if u.status != "erased"])
    group.home_of = find_home_components(group.members)
    for member in group.members.values():
        component = member.component_id
        if group.home_of[member.identifier_id] == component:
            best = group.best.get(component)
            if best is None or member.rank < best.rank:
                group.best[component] = member
    return group


def find_home_components(members: dict[int, Member]) -> dict[int, int]:
    """Rule 2, Seat: the component in which each identifier counts as an anchor.

    A component none of whose identifiers would count in it keeps its own: it must be able to carry a User ID.
    """
    homes = {number: _home_component(member) for number, member in members.items()}
    if any(member.owners for member in members.values()):
        occupied = {member.component_id for number, member in members.items() if homes[number] == member.component_id}
        for number, member in members.items():
            if member.component_id not in occupied:
                homes[number] = member.component_id
    return homes


def _home_component(member: Member) -> int:
    has_several = len(set(member.owners)) > 1
    return member.owners[0] if has_several and member.component_id in member.owners else member.component_id


def anchor_users(group: Group) -> None:
    """Rule 1, Stand: give each ID its anchor, first those that stay, then those that must move."""
    preferred = {user.user_id: _present_anchors(group, user) for user in group.users}
    staying = _staying(group.users, preferred)
    moving = []
    for user in group.users:
        if user.user_id in staying and user.present_anchor is not None:
            _anchor_to(group, user, user.present_anchor)
        else:
            moving.append(user)
    moving.sort(key=lambda user: (user.present_anchor not in group.members, user.published))
    previous_members: dict[str, list[Member]] | None = None
    for user in moving:
        anchor = next((a for a in preferred[user.user_id] if a not in group.holder), None)
        if anchor is None and user.status == "live":
            previous_members = previous_members or _members_by_previous_user(group)
            anchor = _new_anchor(group, previous_members.get(user.user_id, ()))
            if anchor is not None:
                group.taken[user.user_id] = anchor
        if anchor is not None:
            _anchor_to(group, user, anchor)


def _present_anchors(group: Group, user: UserId) -> list[int]:
    """Anchors of an ID that are in the graph, the strongest before the weaker, then the earliest taken before later."""
    anchors = [number for number, _ in user.anchors]
    if user.user_id in group.taken:
        anchors.append(group.taken[user.user_id])
    present = [number for number in anchors if number in group.members]
    present.sort(key=lambda number: group.members[number].strength)  # stable: keeps the order taken
    return present


def _staying(users: list[UserId], preferred: dict[str, list[int]]) -> set[str]:
    """IDs whose present anchor is the strongest of theirs that no other ID has.

    An ID that leaves frees its anchor, on which another may now have to move: repeated until nobody leaves. No ID that
    stays depends on one that moves, so a second run of the same input finds everybody staying. Of several IDs that
    stood on one anchor last, the one that stands on it comes first, then the one published first.
    """
    claimants: dict[int, list[UserId]] = {}
    for user in sorted(users, key=lambda user: (user.anchor is None, user.published), reverse=True):
        present = user.present_anchor
        if present is not None and present in preferred[user.user_id]:
            claimants.setdefault(present, []).append(user)
    holder = {present: waiting_for_it.pop() for present, waiting_for_it in claimants.items()}
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
        elif claimants[present]:
            holder[present] = claimants[present].pop()
            unchecked.append((present, holder[present]))
        else:
            del holder[present]
            unchecked += waiting.pop(present, ())
    return {user.user_id for user in holder.values()}


def _new_anchor(group: Group, candidates: Sequence[Member]) -> int | None:
    """The best previous member that is no ID's anchor, where it is stronger than every anchor at home beside it."""
    for member in candidates:
        home = group.home_of[member.identifier_id]
        is_stronger = home not in group.strongest or member.strength < group.strongest[home]
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


def has_left_an_anchor(group: Group) -> bool:
    """Whether an upgrade has freed an anchor that another ID would rather stand on."""
    if not group.upgraded:
        return False
    held = set(group.anchor_of.values())
    for user in group.users:
        mine = group.anchor_of.get(user.user_id)
        best = next((a for a in _present_anchors(group, user) if a == mine or a not in held), mine)
        if best != mine and user.user_id not in group.upgraded:
            return True
    return False


def _anchor_to(group: Group, user: UserId, anchor: int) -> None:
    home = group.home_of[anchor]
    group.holder[anchor] = user.user_id
    group.anchor_of[user.user_id] = anchor
    group.users_of.setdefault(home, []).append(user)
    strength = group.members[anchor].strength
    group.strongest[home] = min(strength, group.strongest.get(home, ANONYMOUS_STRENGTH))
