"""What a run did to each User ID, as rows of `lineage`. The edge that caused a change is filled in elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.identity.ledger import LineageRow, Member, Outcome, UserId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def describe_change(old: UserId, new: UserId, outcomes: Mapping[str, Outcome], run_seq: int) -> Iterator[LineageRow]:
    """Rows for one ID that existed before.

    `merged` names the survivor, `restored` the ID it redirected to, if any; `anchored` the new anchor, beside the other
    rows of the same ID. A redirect that only follows its target is no change of its own.
    """
    if new.status == "live" and old.status != "live":
        yield LineageRow("restored", new.user_id, old.redirect_to, new.anchor, run_seq)
    if new.status == "vacant" and old.status != "vacant":
        yield LineageRow("vacated", new.user_id, None, old.anchor, run_seq)
    if new.status == "retired" and _is_newly_merged(old, new, outcomes):
        yield LineageRow("merged", new.user_id, new.redirect_to, new.anchor, run_seq)
    if new.anchor is not None and new.anchor != old.anchor:
        yield LineageRow("anchored", new.user_id, None, new.anchor, run_seq)


def _is_newly_merged(old: UserId, new: UserId, outcomes: Mapping[str, Outcome]) -> bool:
    if old.status != "retired" or old.redirect_to is None:
        return True
    target_went_to = outcomes[old.redirect_to][1] or old.redirect_to
    return new.redirect_to != target_went_to


def describe_minted(
    minted: Mapping[int, UserId], members: Iterable[Member], ledger: Mapping[str, UserId], run_seq: int
) -> Iterator[LineageRow]:
    """Rows for new IDs: `minted`, and `split_from` for each ID that had identifiers of the new one in the last run.

    `split_from` carries the best of these identifiers. Nobody splits from an erased ID.
    """
    came_from: dict[tuple[int, str], Member] = {}
    for member in members:
        previous = member.previous_user
        if previous is None or previous not in ledger:
            continue
        if member.component_id in minted and ledger[previous].status != "erased":
            best = came_from.setdefault((member.component_id, previous), member)
            if member.rank < best.rank:
                came_from[member.component_id, previous] = member
    for user in minted.values():
        yield LineageRow("minted", user.user_id, None, user.anchor, run_seq)
    for (component, previous), member in came_from.items():
        yield LineageRow("split_from", minted[component].user_id, previous, member.identifier_id, run_seq)
