"""Groups decided by columns, over batches cut anywhere, are decided as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from oneuser.identity import carry_over_batches
from oneuser.identity.carry_over_batches import decide_batches
from oneuser.identity.carry_over_rows import DECISIONS, MEMBER_ROW, ROWS, USER_ROW
from oneuser.identity.ledger import LineageRow, Member, UserId
from oneuser.identity.succession import Decision, Rules
from tests.unit.identity.worlds import World, decide_by_group, random_members, random_names


def member_row(group: int, member: Member) -> dict[str, Any]:
    return {
        "group_id": group, "row_kind": MEMBER_ROW, "user_id": member.previous_user, "component_id": member.component_id,
        "identifier_id": member.identifier_id, "is_known": member.is_known, "priority": member.priority,
        "first_seen_at": member.first_seen[0], "first_event_order": member.first_seen[1], "id_key": member.key,
        "owners": list(member.owners) or None,
    }  # fmt: skip


def user_row(group: int, user: UserId) -> dict[str, Any]:
    run, seen, message, key = user.published
    return {
        "group_id": group, "row_kind": USER_ROW, "user_id": user.user_id, "status": user.status,
        "redirect_to": user.redirect_to, "anchor_identifier_id": user.anchor, "minted_run": run, "id_key": key,
        "last_anchor_identifier_id": user.last_anchor,
        "first_seen_at": seen, "first_event_order": message, "status_run": user.status_run,
        "anchors": [{"identifier_id": number, "run_seq": run} for number, run in user.anchors],
    }  # fmt: skip


def sort_key(row: dict[str, Any]) -> tuple[Any, ...]:
    is_member = row["row_kind"] == MEMBER_ROW
    return (row["group_id"], is_member, row.get("component_id", 0), not row.get("is_known"), row.get("priority", 0),
            row["first_seen_at"], row["first_event_order"], row["id_key"])  # fmt: skip


def as_batches(rows: list[dict[str, Any]], cuts: list[int]) -> Iterator[pa.RecordBatch]:
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in ROWS.arrow]
    table = pa.RecordBatch.from_arrays(columns, schema=ROWS.arrow)
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        yield table.slice(start, stop - start)


def as_decision(decided: list[pa.RecordBatch]) -> Decision:
    whole = Decision({}, [], [])
    for name in ("minted_first_seen_at",):
        place = DECISIONS.arrow.get_field_index(name)
        decided = [batch.set_column(place, name, batch.column(place).cast(pa.int64())) for batch in decided]
    for row in (row for batch in decided for row in batch.to_pylist()):
        if row["kind"] == "owner":
            whole.owners[row["component_id"]] = row["user_id"]
        elif row["kind"] == "user":
            anchors = tuple((anchor["identifier_id"], anchor["run_seq"]) for anchor in row["anchors"])
            seen = (row["minted_first_seen_at"], row["minted_first_event_order"])
            published = (row["minted_run"], *seen, row["minted_key"])
            whole.changed.append(
                UserId(
                    row["user_id"], row["status"], row["redirect_to"], row["anchor_identifier_id"], anchors, published,
                    row["status_run"], row["last_anchor_identifier_id"],
                )
            )  # fmt: skip
        else:
            whole.lineage.append(
                LineageRow(row["change"], row["user_id"], row["other_user_id"], row["identifier_id"], row["run_seq"])
            )
    return whole


def decide_by_columns(world: World, members: list[Member], chance: Random) -> tuple[Decision, list[int]]:
    """The whole world through `decide_batches`, and the sizes of its groups."""
    rows: list[dict[str, Any]] = []
    sizes: list[int] = []

    def collect_group(group_members: list[Member], users: list[UserId], rules: Rules) -> Decision:
        rows.extend(user_row(len(sizes), user) for user in users)
        rows.extend(member_row(len(sizes), member) for member in group_members)
        sizes.append(len(users) + len(group_members))
        return Decision({}, [], [])

    decide_by_group(members, world.users.values(), world.rules(), collect_group)
    rows.sort(key=sort_key)
    cuts = sorted(chance.randint(0, len(rows)) for _ in range(chance.randint(0, 6)))
    return as_decision(list(decide_batches(as_batches(rows, cuts), world.rules()))), sizes


@pytest.mark.parametrize("block", range(4))
def test_columns_decide_what_the_rules_decide_for_each_group(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        chance = Random(seed)
        names = random_names(chance) + [f"{chance.choice('ueb')}{n}" for n in range(20, 30)]
        world = World(
            survivor=chance.choice(["strongest", "oldest"]), seen={name: chance.randint(0, 3) for name in names}
        )
        previous: list[Member] = []
        for _ in range(6):
            if world.users and chance.random() < 0.1:
                world.erase(chance.choice(sorted(world.users)))
            # days on which little changes, or the shortcut for what is kept would seldom be tried
            members = random_members(world, names, chance)
            if previous and chance.random() < 0.5:
                gone = chance.choice(previous).identifier_id
                members = [
                    Member(m.identifier_id, m.component_id, m.key, m.priority, m.is_known, m.first_seen,
                           world.map.get(m.identifier_id), m.owners)
                    for m in previous if m.identifier_id != gone
                ]  # fmt: skip
            world.run_seq += 1

            expected = world.decide(members)
            found, _ = decide_by_columns(world, members, chance)

            assert found.owners == expected.owners, seed
            assert sorted(found.changed, key=lambda u: u.user_id) == sorted(expected.changed, key=lambda u: u.user_id)
            assert sorted(found.lineage, key=lambda r: r.sort_key) == sorted(expected.lineage, key=lambda r: r.sort_key)
            world.keep(members, expected)
            previous = members


def test_most_groups_are_decided_without_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    world, chance = World(), Random(7)
    world.run("b1", "b2 e2", "u3 b3", "u4", "b5")
    world.run("b1 u1", "b2 e2", "u3 b3", "u4", "b5")
    day = [
        world.member(name, component)
        for component, text in enumerate(["b1 u1", "b2 e2 d2", "u3 b3 e3", "u4", "b5 d5", "b6", "u7 b7"], start=1)
        for name in text.split()
    ]
    world.run_seq += 1
    expected = world.decide(day)

    monkeypatch.setattr(carry_over_batches, "decide", None)  # any call fails

    found, _ = decide_by_columns(world, day, chance)
    assert found.owners == expected.owners
    assert len(found.changed) == 2


def test_nothing_decides_nothing() -> None:
    rules = World(run_seq=1).rules()

    assert list(decide_batches([], rules)) == []
    assert list(decide_batches(as_batches([], []), rules)) == []
