"""The ledger over seeded random histories: equal to the plain oracle, and sound by itself."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from oneuser.identity.ledger import Member, Survivor, UserId
from tests.oracle import ledger as oracle
from tests.unit.identity.worlds import DEPLOYMENT, SECRET, World, random_members, random_names

N_BLOCKS, N_HISTORIES, N_RUNS = 10, 150, 6


def as_graph(members: list[Member]) -> dict[int, dict[str, Any]]:
    return {
        m.identifier_id: {"component": m.component_id, "key": m.key, "priority": m.priority, "known": m.is_known,
                          "seen": m.first_seen, "owners": m.owners}
        for m in members
    }  # fmt: skip


def as_plain(user: UserId) -> dict[str, Any]:
    return {"status": user.status, "target": user.redirect_to, "present": user.present_anchor,
            "stands": user.anchor is not None, "anchors": [number for number, _ in user.anchors],
            "order": user.published}  # fmt: skip


def new_world(chance: Random) -> tuple[World, list[str]]:
    names = random_names(chance)
    survivor: Survivor = chance.choice(["strongest", "strongest", "oldest"])
    return World(survivor=survivor, seen={name: chance.randint(0, 3) for name in names}), names


def maybe_erase(world: World, chance: Random) -> None:
    if world.users and chance.random() < 0.15:
        world.erase(chance.choice(sorted(world.users)))


def step(world: World, members: list[Member]) -> None:
    world.run_seq += 1
    world.keep(members, world.decide(members))


@pytest.mark.parametrize("block", range(N_BLOCKS))
def test_every_run_decides_what_the_oracle_decides(block: int) -> None:
    for seed in range(block * N_HISTORIES, (block + 1) * N_HISTORIES):
        chance = Random(seed)
        world, names = new_world(chance)
        for _ in range(N_RUNS):
            if world.users and chance.random() < 0.15:
                erased = chance.choice(sorted(world.users))
                expected = oracle.end({name: as_plain(user) for name, user in world.users.items()}, erased)
                world.erase(erased)
                assert {name: as_plain(user) for name, user in world.users.items()} == expected, seed
            members = random_members(world, names, chance)
            ids, owner = oracle.carry_over(
                as_graph(members),
                {name: as_plain(user) for name, user in world.users.items()},
                world.map,
                world.run_seq + 1,
                world.survivor,
                DEPLOYMENT,
                SECRET,
            )
            step(world, members)

            assert {name: as_plain(user) for name, user in world.users.items()} == ids, seed
            assert {m.component_id: world.map[m.identifier_id] for m in members} == owner, seed


@pytest.mark.parametrize("block", range(N_BLOCKS))
def test_the_ledger_stays_sound(block: int) -> None:
    for seed in range(10_000 + block * N_HISTORIES, 10_000 + (block + 1) * N_HISTORIES):
        chance = Random(seed)
        world, names = new_world(chance)
        for _ in range(N_RUNS):
            maybe_erase(world, chance)
            before = dict(world.users)
            members = random_members(world, names, chance)
            step(world, members)
            check_owners(world, members)
            check_ledger(world, before)
            check_lineage(world, before)


def check_owners(world: World, members: list[Member]) -> None:
    owner = {member.component_id: world.map[member.identifier_id] for member in members}
    live = {user.user_id for user in world.users.values() if user.status == "live"}
    assert len(set(owner.values())) == len(owner), "no live ID is on two components"
    assert set(owner.values()) == live, "every component has a live ID, and every live ID a component"


def check_ledger(world: World, before: dict[str, UserId]) -> None:
    anchors = [user.anchor for user in world.users.values() if user.anchor is not None]
    assert len(set(anchors)) == len(anchors), "no two IDs have one anchor"
    for user in world.users.values():
        assert world.resolve(user.user_id) in world.users or world.resolve(user.user_id) in {"vacant", "erased"}
        if user.status == "retired":
            assert user.redirect_to is not None
            assert world.users[user.redirect_to].status == "live", "one hop"
        if user.status == "vacant" and user.redirect_to is not None:
            assert world.users[user.redirect_to].status == "vacant"
        if user.anchor is not None:
            assert user.anchor in {number for number, _ in user.anchors}
    for old in before.values():
        new = world.users[old.user_id]
        assert new.anchors[: len(old.anchors)] == old.anchors, "anchors are kept for ever"
        assert new.published == old.published
        assert old.status != "erased" or new == old, "erased for ever"


def check_lineage(world: World, before: dict[str, UserId]) -> None:
    minted = {row.user_id for row in world.lineage if row.change == "minted"}
    assert minted == world.users.keys() - before.keys()
    for user in before.values():
        new = world.users[user.user_id]
        changes = {row.change for row in world.lineage if row.user_id == user.user_id}
        assert ("restored" in changes) == (user.status != "live" and new.status == "live")
        assert ("vacated" in changes) == (user.status != "vacant" and new.status == "vacant")
        if user.status == "live" and new.status == "retired":
            assert "merged" in changes
    places = [row.sort_key for row in world.lineage]
    assert len(set(places)) == len(places), "the key of lineage is unique"


def test_a_second_run_of_the_same_input_changes_nothing() -> None:
    for seed in range(20_000, 20_000 + N_HISTORIES * 2):
        chance = Random(seed)
        world, names = new_world(chance)
        for _ in range(N_RUNS):
            maybe_erase(world, chance)
            members = random_members(world, names, chance)
            step(world, members)
            first_map = dict(world.map)

            step(world, [replace(m, previous_user=world.map[m.identifier_id]) for m in members])

            assert (world.changed, world.lineage, world.map) == ([], [], first_map), seed


def test_the_order_of_rows_decides_nothing_and_a_retry_mints_the_same() -> None:
    for seed in range(30_000, 30_000 + N_HISTORIES * 2):
        chance = Random(seed)
        world, names = new_world(chance)
        for _ in range(N_RUNS):
            maybe_erase(world, chance)
            members = random_members(world, names, chance)
            world.run_seq += 1
            decision = world.decide(members)
            shuffled = chance.sample(members, len(members))
            world.users = dict(chance.sample(sorted(world.users.items()), len(world.users)))
            again = world.decide(shuffled)

            assert again.owners == decision.owners
            assert sorted(again.changed, key=lambda u: u.user_id) == sorted(decision.changed, key=lambda u: u.user_id)
            assert sorted(again.lineage, key=lambda row: row.sort_key) == sorted(
                decision.lineage, key=lambda r: r.sort_key
            )
            world.keep(members, decision)


def test_labels_of_components_and_numbers_of_identifiers_decide_nothing() -> None:
    for seed in range(40_000, 40_000 + N_HISTORIES):
        chance = Random(seed)
        world, names = new_world(chance)
        for _ in range(N_RUNS):
            members = random_members(world, names, chance)
            world.run_seq += 1
            decision = world.decide(members)
            relabelled = world.decide(
                [replace(m, component_id=-m.component_id, owners=tuple(-c for c in m.owners)) for m in members]
            )

            assert {-component: user_id for component, user_id in relabelled.owners.items()} == decision.owners
            world.keep(members, decision)
