"""Rules 3 to 6 of the ledger: who owns each component, who is retired, who is minted, who moves to a stronger anchor.

`decide` applies all six rules to one carry-over group. Pure Python: a run and a simulation call the same code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneuser.identity.anchoring import Group, anchor_users, has_left_an_anchor, open_group
from oneuser.identity.ledger import LineageRow, Member, Outcome, Survivor, UserId
from oneuser.identity.lineage import describe_change, describe_minted
from oneuser.identity.minting import Mint, mint_user_id, number_hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable


@dataclass(frozen=True, slots=True)
class Rules:
    """What the rules need to know besides the rows.

    `survivor` is `strongest` (type of the anchor, then order of publication) or `oldest` (order of publication alone).
    """

    mint: Mint
    survivor: Survivor = "strongest"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a run decides about one carry-over group.

    Attributes:
        owners: The live User ID of each component.
        changed: New rows of the ledger: minted IDs, and those with another status, redirect or anchor. By User ID.
        lineage: What happened to them, in order of `LineageRow.sort_key`.
    """

    owners: dict[int, str]
    changed: list[UserId]
    lineage: list[LineageRow]


def decide(
    members: Iterable[Member],
    users: Iterable[UserId],
    rules: Rules,
    hash_anchor: Callable[[bytes], bytes] | None = None,
) -> Decision:
    """Carry the User IDs of one group over to the components of this run.

    Args:
        members: Identifiers of the group's components.
        users: IDs of the ledger that have an anchor or a previous member among them, and those that these redirect to
            or that redirect to these; erased ones included.
        rules: Mint and survivor.
        hash_anchor: `number_hasher(rules.mint)`, where the caller has made it once for many groups.

    Returns:
        The same for every order of members and users, and for every retry of the same run.
    """
    run_seq = rules.mint.run_seq
    members = list(members)
    ledger = {user.user_id: user for user in users}
    current = dict(ledger)
    is_settled = False
    while not is_settled:
        group = open_group(members, current.values())
        anchor_users(group)
        owners = {component: choose_owner(group, component, rules.survivor) for component in group.users_of}
        outcomes = retire(group, owners)
        minted = mint(group, ledger, rules.mint, hash_anchor or number_hasher(rules.mint))
        upgrade(group, owners, current.values())
        # else the next run of the same input would move an ID to what an upgrade has left
        is_settled = not has_left_an_anchor(group)
        if not is_settled:
            current |= {user_id: _upgraded(group, current[user_id], run_seq) for user_id in group.upgraded}

    settled = [
        (old, _settled(group, old, current[old.user_id], outcomes[old.user_id], run_seq))
        for old in (ledger[user.user_id] for user in group.users)
    ]
    changed = [(old, new) for old, new in settled if new is not old]
    lineage = [row for old, new in changed for row in describe_change(old, new, outcomes, run_seq)]
    lineage += describe_minted(minted, group.members.values(), ledger, run_seq)
    return Decision(
        owners={component: user.user_id for component, user in (owners | minted).items()},
        changed=sorted([*(new for _, new in changed), *minted.values()], key=lambda user: user.user_id),
        lineage=sorted(lineage, key=lambda row: row.sort_key),
    )


def choose_owner(group: Group, component: int, survivor: Survivor) -> UserId:
    """Rule 3, Owner: of the IDs at home in a component the first by type of its anchor, then order of publication."""
    users_of = group.users_of[component]
    if survivor == "oldest":
        return min(users_of, key=lambda user: user.published)
    return min(users_of, key=lambda user: (group.members[group.anchor_of[user.user_id]].strength, user.published))


def retire(group: Group, owners: dict[int, UserId]) -> dict[str, Outcome]:
    """Rule 4, Retire: every ID at home with an owner redirects to it, and those without an anchor are settled too.

    A live ID without an anchor is vacant. A retired one follows its target: it redirects to the ID that its target
    now redirects to, and is vacant for as long as its target is.
    """
    outcomes: dict[str, Outcome] = {}
    for component, users_of in group.users_of.items():
        owner = owners[component]
        for user in users_of:
            outcomes[user.user_id] = ("live", None) if user is owner else ("retired", owner.user_id)
    without_anchor = [user for user in group.users if user.user_id not in outcomes]
    for user in without_anchor:
        if user.redirect_to is None:
            outcomes[user.user_id] = ("vacant", None)
    # a target was live when it was pointed at, so its own outcome is known by now
    followers = {user.user_id: _follow(user, outcomes) for user in without_anchor if user.redirect_to is not None}
    return outcomes | followers


def _follow(user: UserId, outcomes: dict[str, Outcome]) -> Outcome:
    status, redirect_to = outcomes[user.redirect_to] if user.redirect_to is not None else ("vacant", None)
    if status == "live":
        return "retired", user.redirect_to
    return ("retired", redirect_to) if status == "retired" else ("vacant", user.redirect_to)


def mint(
    group: Group, existing: Collection[str], mint_from: Mint, hash_anchor: Callable[[bytes], bytes]
) -> dict[int, UserId]:
    """Rule 5, Mint: a new ID for each component with no ID at home in it, on its best identifier at home there."""
    minted: dict[int, UserId] = {}
    taken = set(existing)
    for component in sorted(group.best.keys() - group.users_of.keys()):
        anchor = group.best[component]
        user_id = mint_user_id(anchor.key, taken, hash_anchor)
        taken.add(user_id)
        run_seq = mint_from.run_seq
        minted[component] = UserId(
            user_id=user_id,
            status="live",
            redirect_to=None,
            anchor=anchor.identifier_id,
            anchors=((anchor.identifier_id, run_seq),),
            published=(run_seq, *anchor.first_seen, anchor.key),
            status_run=run_seq,
        )
    return minted


def upgrade(group: Group, owners: dict[int, UserId], users: Iterable[UserId]) -> None:
    """Rule 6, Upgrade: a live ID moves to the best known identifier of its component.

    Only if that is of a stronger type than the anchor of every ID at home there, and it is and was no ID's anchor,
    erased ones included.
    """
    candidates = {
        component: group.best[component]
        for component in owners
        if component in group.best and group.best[component].strength < group.strongest[component]
    }
    if not candidates:
        return
    # an anchor that was taken just now is at home in its component, where nothing of its type can be stronger
    stood_on = {number for user in users for number, _ in user.anchors}
    for component, best in candidates.items():
        if best.identifier_id not in stood_on:
            user_id = owners[component].user_id
            group.anchor_of[user_id] = best.identifier_id
            group.upgraded[user_id] = best.identifier_id


def _upgraded(group: Group, user: UserId, run_seq: int) -> UserId:
    """The ID as if it had stood on its stronger anchor before this run."""
    return replace(user, anchor=group.upgraded[user.user_id], anchors=_anchors(group, user, run_seq))


def _anchors(group: Group, user: UserId, run_seq: int) -> tuple[tuple[int, int], ...]:
    new = [moves[user.user_id] for moves in (group.taken, group.upgraded) if user.user_id in moves]
    return (*user.anchors, *((number, run_seq) for number in new))


def _settled(group: Group, old: UserId, current: UserId, outcome: Outcome, run_seq: int) -> UserId:
    """The ID's row after this run: the old object where nothing has changed.

    `current` is the old row, or what upgrades have made of it.
    """
    status, redirect_to = outcome
    anchor = group.anchor_of.get(old.user_id)
    if (status, redirect_to, anchor) == (old.status, old.redirect_to, old.anchor):
        return old
    return replace(
        current,
        status=status,
        redirect_to=redirect_to,
        anchor=anchor,
        last_anchor=old.present_anchor if anchor is None else None,
        anchors=_anchors(group, current, run_seq),
        status_run=run_seq,
    )
