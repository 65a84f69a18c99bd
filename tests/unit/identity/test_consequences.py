"""Page 01, section 4: what follows from the rules, one test for each situation that the ledger alone can show."""

from __future__ import annotations

import pytest

from tests.unit.identity.worlds import World, identifier_id_of


def test_nothing_new_changes_nothing() -> None:
    world = World()
    first = world.run("u1 b1", "b2")

    assert world.run("u1 b1", "b2") == first
    assert (world.changed, world.lineage) == ([], [])


def test_an_anonymous_visitor_who_logs_in_for_the_first_time_keeps_the_id_and_its_anchor_moves_to_the_login() -> None:
    world = World()
    visitor = world.run("b1")["b1"]

    assert world.run("b1 u1") == {"b1 u1": visitor}
    assert world.anchor(visitor) == identifier_id_of("u1")
    assert world.changes("anchored") == {(visitor, None)}


def test_when_a_first_login_is_undone_the_id_stays_with_the_login_and_the_browser_gets_a_new_one() -> None:
    world = World()
    visitor = world.run("b1")["b1"]
    world.run("b1 u1")

    after = world.run("b1", "u1")

    assert after["u1"] == visitor
    assert after["b1"] != visitor
    assert world.changes("split_from") == {(after["b1"], visitor)}


def test_a_known_user_on_a_new_device_keeps_the_id_and_the_devices_anonymous_id_redirects() -> None:
    world = World()
    before = world.run("d1", "u1 b1")  # whichever was published first

    assert world.run("u1 b1 d1") == {"u1 b1 d1": before["u1 b1"]}
    assert world.resolve(before["d1"]) == before["u1 b1"]
    assert world.changes("merged") == {(before["d1"], before["u1 b1"])}
    assert world.users[before["d1"]].anchor == identifier_id_of("d1")


def test_of_two_published_known_ids_that_are_joined_the_stronger_anchor_type_survives() -> None:
    world = World()
    older = world.run("e1")["e1"]
    younger = world.run("e1", "u1")["u1"]

    assert world.run("e1 u1") == {"e1 u1": younger}
    assert [user.user_id for user in world.changed] == [older]
    assert world.resolve(older) == younger
    assert (world.anchor(older), world.anchor(younger)) == (identifier_id_of("e1"), identifier_id_of("u1"))


def test_between_equal_anchor_types_the_older_survives() -> None:
    world = World(seen={"u1": 9, "u2": 1})
    older = world.run("u1")["u1"]
    younger = world.run("u1", "u2")["u2"]

    assert world.run("u1 u2") == {"u1 u2": older}
    assert world.resolve(younger) == older


def test_with_survivor_oldest_the_type_of_the_anchor_does_not_count() -> None:
    world = World(survivor="oldest")
    older = world.run("b1")["b1"]
    world.run("b1", "u1")

    assert world.run("b1 u1") == {"b1 u1": older}


def test_when_the_evidence_goes_each_part_gets_its_own_id_back() -> None:
    world = World()
    apart = world.run("u1 b1", "e2 b2")
    world.run("u1 b1 e2 b2")
    survivor, retired = apart["u1 b1"], apart["e2 b2"]

    assert world.run("u1 b1", "e2 b2") == apart
    assert world.changes("restored") == {(retired, survivor)}
    assert world.users[retired].redirect_to is None


def test_anonymous_data_alone_never_changes_a_known_users_id() -> None:
    world = World()
    before = world.run("b1", "d2", "u1")  # anonymous IDs, and a known one published with them
    known = before["u1"]

    for components in (["u1 b1", "d2"], ["u1 b1 d2"], ["u1 d2", "b1"], ["u1", "b1 d2"]):
        after = world.run(*components)
        assert after[next(text for text in components if "u1" in text)] == known
        assert world.users[known].anchor == identifier_id_of("u1")


def test_a_part_that_never_had_an_id_splits_off_with_a_new_one() -> None:
    world = World()
    whole = world.run("u1 b1 b2")["u1 b1 b2"]

    after = world.run("u1", "b1 b2")

    assert after["u1"] == whole
    assert world.changes("minted") == {(after["b1 b2"], None)}
    assert world.changes("split_from") == {(after["b1 b2"], whole)}


def test_a_cascade_of_merges_is_flattened_to_one_hop() -> None:
    world = World()
    first = world.run("p1", "e1", "u1")
    world.run("p1 e1", "u1")
    world.run("p1 e1 u1")

    assert {world.users[first[name]].redirect_to for name in ("p1", "e1")} == {first["u1"]}
    assert world.changes("merged") == {(first["e1"], first["u1"])}, "the other only follows"


def test_publication_decides_which_id_survives_whatever_the_time_of_the_events() -> None:
    world = World(seen={"u1": 2_000, "u2": 1})
    older = world.run("u1")["u1"]
    world.run("u1", "u2")  # u2 is seen long before u1, by an event that arrives late

    assert world.run("u1 u2") == {"u1 u2": older}


def test_a_placeholder_that_merged_ten_thousand_people_gives_their_ids_back_and_back_again() -> None:
    world = World()
    people = [f"u{n} b{n}" for n in range(10_000)]
    apart = world.run(*people)
    lump = " ".join(people)
    lumped = world.run(lump + " e0")
    assert len(world.changes("merged")) == len(people) - 1

    assert world.run(*people) == apart
    assert len(world.changes("restored")) == len(people) - 1

    assert world.run(lump + " e0") == lumped
    assert world.run(*people) == apart


def test_a_placeholder_in_the_first_run_leaves_its_id_with_one_person_and_mints_the_others() -> None:
    world = World()
    world.run("e0 u1 u2 b3")

    after = world.run("u1", "u2", "b3")

    assert len(set(after.values())) == 3
    assert len(world.changes("split_from")) == 2
    assert world.run("e0 u1 u2 b3")["e0 u1 u2 b3"] in after.values()


def test_an_erased_person_comes_back_under_a_new_id() -> None:
    world = World()
    gone = world.run("u1 b1")["u1 b1"]
    world.erase(gone)

    after = world.run("u1 b1")

    assert after["u1 b1"] != gone
    assert world.resolve(gone) == "erased"
    assert world.changes("split_from") == set()


def test_erasing_a_person_ends_every_id_that_redirects_to_it() -> None:
    world = World()
    before = world.run("u1", "e1", "u2")
    world.run("u1 e1", "u2")

    world.erase(before["e1"])  # a retired ID names the person too

    assert {world.resolve(before[name]) for name in ("u1", "e1")} == {"erased"}
    assert world.resolve(before["u2"]) == before["u2"]
    assert world.changes("erased") == {(before["u1"], None), (before["e1"], None)}

    world.erase(before["u1"])
    assert world.changed == []


def test_erased_ids_come_back_in_no_split_of_their_person() -> None:
    world = World()
    before = world.run("u1", "e1")
    world.run("u1 e1")
    world.erase(before["u1"])

    after = world.run("u1", "e1")

    assert set(after.values()).isdisjoint(before.values())


def test_a_live_id_whose_anchor_has_left_takes_its_best_previous_member() -> None:
    world = World(seen={"e2": 1, "e3": 2})
    person = world.run("u1 e2 e3 b1")["u1 e2 e3 b1"]

    after = world.run("e3", "b1", "e2")

    assert after["e2"] == person
    assert world.anchor(person) == identifier_id_of("e2")


def test_it_is_vacant_where_that_would_not_make_it_the_stronger_and_returns_with_its_anchor() -> None:
    world = World()
    before = world.run("u1 b1", "e2")
    person = before["u1 b1"]

    world.run("b1 e2")
    assert world.resolve(person) == "vacant"
    assert world.changes("vacated") == {(person, None)}

    assert world.run("u1", "b1 e2")["u1"] == person
    assert world.changes("restored") == {(person, None)}


@pytest.mark.parametrize("first", ["u0", "u1"])
def test_a_vacant_id_stands_again_where_it_stood_last_before_others_move(first: str) -> None:
    world = World(seen={"u0": 1, "u1": 1} | {first: 0})
    before = world.run("u0 d3", "u1")
    world.run("u0 d3")
    assert world.resolve(before["u1"]) == "vacant"

    after = world.run("u1 d3")

    assert after == {"u1 d3": before["u1"]}
    assert world.resolve(before["u0 d3"]) == "vacant"


def test_what_an_upgrade_leaves_is_there_for_others_in_the_same_run() -> None:
    world = World()
    person = world.run("b2")["b2"]
    world.run("b2 u0")  # moves to u0
    other = world.run("u0", "b2")["b2"]

    after = world.run("b2 p5")

    # the other ID moves on to p5, and the first one, whose u0 has left, is back on b2
    assert after == {"b2 p5": other}
    assert (world.resolve(person), world.anchor(person)) == (other, identifier_id_of("b2"))
    assert world.run("b2 p5") == after
    assert world.changed == []


def test_a_retired_id_without_an_anchor_follows_its_target_into_vacancy_and_back() -> None:
    world = World()
    before = world.run("u1 b1", "e1")
    world.run("u1 b1 e1")
    world.run("b2")  # everybody has left
    assert {world.resolve(user_id) for user_id in before.values()} == {"vacant"}

    world.run("u1", "b2")

    assert {world.resolve(user_id) for user_id in before.values()} == {before["u1 b1"]}


def test_an_id_goes_back_to_a_stronger_anchor_that_returns() -> None:
    world = World()
    person = world.run("u1 e1")["u1 e1"]
    world.run("e1")
    assert world.anchor(person) == identifier_id_of("e1")

    after = world.run("u1", "e1")

    assert after["u1"] == person
    assert world.anchor(person) == identifier_id_of("u1")
    assert after["e1"] != person


def test_an_anchor_that_its_id_leaves_goes_to_the_id_that_waits_for_it() -> None:
    world = World()
    waiting = world.run("e1")["e1"]
    world.run("e1 u1 p1")  # moves to u1
    other = world.run("u1 p1", "e1")["e1"]  # another ID gets e1
    world.run("u1 p1", "e1 u2")  # and moves to u2
    world.run("u1 p1", "e1")  # and comes back
    assert world.run("p1", "e1") == {"p1": waiting, "e1": other}

    after = world.run("p1", "e1", "u2")

    assert (after["u2"], after["e1"]) == (other, waiting)
    assert world.run("p1", "e1", "u2") == after


def test_no_id_moves_to_an_identifier_on_which_another_has_stood() -> None:
    world = World()
    before = world.run("b1", "u1")
    world.erase(before["u1"])

    assert world.run("b1 u1") == {"b1 u1": before["b1"]}
    assert world.anchor(before["b1"]) == identifier_id_of("b1")


def test_a_contested_anchor_counts_in_the_component_of_its_first_owner() -> None:
    world = World()
    first = world.run("b1")["b1"]

    # the browser is with the second person now; the events published under its ID were the first person's
    after = world.run("e1", "e2 b1", owners={"b1": (0, 1)})

    assert after["e1"] == first
    assert after["e2 b1"] != first


def test_a_component_whose_identifiers_would_all_count_elsewhere_keeps_its_own() -> None:
    world = World()

    after = world.run("u1", "b1", owners={"b1": (0, 1)})

    assert after["u1"] != after["b1"]
    assert world.run("u1", "b1", owners={"b1": (0, 1)}) == after
