"""The texts of conf/simulate: their page is what the tool makes of them, and each shows what its heading says."""

from __future__ import annotations

from pathlib import Path

import pytest

from oneuser import simulate
from oneuser.simulation import Simulation
from oneuser.simulation.examples import examples_page

FOLDER = Path(__file__).resolve().parents[3] / "conf" / "simulate"


def played(name: str) -> Simulation:
    return simulate(FOLDER / f"{name}.txt")


def people(done: Simulation, run: int | None = None) -> dict[str, str]:
    """Identifiers by the name of their person."""
    return {person.name: ", ".join(map(str, person.identifiers)) for person in done.people(run)}


def changes(done: Simulation, run: int) -> set[tuple[str, str, str | None]]:
    return {(change.change, change.name, change.other) for change in done.changes(run)}


def owners(done: Simulation, run: int | None = None) -> dict[int, str | None]:
    """Owner of each event by its line."""
    return {event.line: event.owner for event in done.events(run)}


def statuses(done: Simulation, run: int) -> dict[str, tuple[str, str | None]]:
    return {one.name: (one.status, one.redirect_to) for one in done.user_ids(run)}


def test_the_page_is_what_the_tool_makes_of_the_texts() -> None:
    # python -m oneuser.simulation.examples conf/simulate > conf/simulate/README.md
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == examples_page(FOLDER)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_every_text_opens_with_a_heading_and_gives_the_same_ids_every_time(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")

    assert simulate(path) == simulate(path)


def test_nothing_new() -> None:
    done = played("01-nothing-new")

    assert changes(done, 2) == set()
    assert done.people(1) == done.people(2)


def test_first_login() -> None:
    done = played("02-first-login")

    assert changes(done, 2) == {("anchored", "P1", None)}
    assert str(done.user_ids()[0].anchor) == "user_id: 1"


def test_a_first_login_undone() -> None:
    done = played("03-first-login-undone")

    assert people(done) == {"P1": "user_id: 1", "P2": "anonymous_id: a"}
    assert changes(done, 3) == {("minted", "P2", None), ("split_from", "P2", "P1")}


def test_a_new_device() -> None:
    done = played("04-new-device")

    assert statuses(done, 2) == {"P1": ("retired", "P2"), "P2": ("live", None)}


def test_two_known_ids() -> None:
    done = played("05-two-known-ids")

    # P3 is the younger and has the stronger anchor; between P2 and P4 the older survives
    assert changes(done, 3) == {("merged", "P1", "P3"), ("merged", "P4", "P2")}


def test_undo() -> None:
    done = played("06-undo")

    apart = done.people(1)
    for blocked_excluded_or_withdrawn in (3, 5, 7):
        assert changes(done, blocked_excluded_or_withdrawn) == {("restored", "P2", "P1")}
        assert statuses(done, blocked_excluded_or_withdrawn) == {"P1": ("live", None), "P2": ("live", None)}
    for joined in (2, 4, 6):
        assert changes(done, joined) == {("merged", "P2", "P1")}
    assert done.people(3) == apart


def test_anonymous_data_alone() -> None:
    done = played("07-anonymous-alone")

    assert all("user_id: 1" in people(done, run)["P1"] for run in (1, 2, 3))
    assert all(str(done.user_ids(run)[0].anchor) == "user_id: 1" for run in (1, 2, 3))


def test_a_split() -> None:
    assert changes(played("08-split-off"), 2) == {("minted", "P2", None), ("split_from", "P2", "P1")}


def test_a_cascade() -> None:
    done = played("09-cascade")

    assert statuses(done, 2)["P1"] == ("retired", "P2")
    assert statuses(done, 3) == {"P1": ("retired", "P3"), "P2": ("retired", "P3"), "P3": ("live", None)}


def test_a_late_bridge() -> None:
    done = played("10-late-bridge")

    assert ("merged", "P3", "P1") in changes(done, 3)
    assert owners(done) == {2: "P1", 3: "P2", 4: "P2", 6: "P1", 8: "P1", 9: "P4", 10: "P4"}


def test_a_placeholder() -> None:
    done = played("11-placeholder")

    assert [len(done.people(run)) for run in range(1, 6)] == [3, 1, 3, 1, 3]
    assert done.people(1) == done.people(3) == done.people(5)
    assert done.people(2) == done.people(4)


def test_another_order_and_other_batches() -> None:
    one, other = played("12a-order"), played("12b-another-order")

    assert set(people(one).values()) == set(people(other).values())
    assert [people(one)[str(event.owner)] for event in one.events()] == [
        people(other)[str(event.owner)] for event in other.events()
    ]


def test_a_full_rebuild() -> None:
    done = played("13-full-rebuild")

    assert (changes(done, 3), done.people(3), done.user_ids(3)) == (set(), done.people(2), done.user_ids(2))


def test_an_erased_person_who_comes_back() -> None:
    done = played("14-erased")

    assert statuses(done, 3) == {"P1": ("erased", None), "P2": ("live", None)}
    assert changes(done, 3) == {("minted", "P2", None)}


def test_a_rollback() -> None:
    done = played("15-rollback")
    shown = simulate("anonymous_id: a\n---\nuser_id: 1, anonymous_id: a\n---\nrollback 1\n")

    assert shown.people() == done.people(1), "readers see the first run"
    assert [run.run for run in done.runs] == [1, 2, 3]
    assert changes(done, 3) == set(), "the ledger goes on from the second run"
    assert done.user_ids(3) == done.user_ids(2)


def test_a_shared_device() -> None:
    done = played("20-shared-device")

    assert owners(done, 1) == {2: "P1", 3: "P1", 4: "P1", 5: "P2", 6: "P2"}
    assert owners(done, 2) == {2: "P2", 3: "P1", 4: "P2", 5: "P2", 6: "P2"}
    assert owners(done, 3) == {2: None, 3: "P1", 4: None, 5: "P2", 6: None}
    assert [person.identifiers for person in done.people(3)] == [person.identifiers for person in done.people(1)]


def test_events_of_the_instant_of_a_login() -> None:
    assert owners(played("34-same-instant")) == {2: "P1", 3: "P2", 4: "P2", 5: "P2"}


def test_of_two_logins_in_one_instant_the_one_received_later_is_the_later() -> None:
    done = played("35-received-later")

    assert people(done)["P3"] == "user_id: 2, anonymous_id: a, anonymous_id: b"
    assert owners(done) == {2: "P1", 3: "P3", 4: "P2", 5: "P3", 6: "P3", 7: "P1"}
    assert [interval.from_line for found in done.contested() for interval in found.owners] == [None, 3, None]


def test_the_earliest_login() -> None:
    done = played("28-earliest")

    assert [("shared" in people(done, run)["P1"]) for run in (1, 2, 3)] == [True, False, True]
    assert owners(done, 2) == owners(done, 3) == {2: "P1", 4: "P2", 5: "P2"}


def test_an_over_shared_value() -> None:
    done = played("21-over-shared")

    assert [len(done.run(run).over_shared) for run in (1, 2, 3)] == [0, 1, 0]
    assert owners(done, 2)[7] is None
    assert {edge.rule for edge in done.refused(2)} == {"over_shared"}


def test_a_mailbox_that_nobody_owns() -> None:
    done = played("29-mailbox-of-nobody")

    assert [len(done.people(run)) for run in (1, 2)] == [3, 1]
    assert owners(done, 1) == {3: "P1", 4: "P2", 5: "P3", 6: "P1"}


def test_a_limit() -> None:
    done = played("22-limit")

    assert {person.kind for person in done.people(1)} == {"known", "residual"}
    assert len(done.people(2)) == 1


def test_what_was_cut_off_is_erased_with_its_person() -> None:
    done = played("33-erased-with-what-was-cut-off")

    assert [person.kind for person in done.people(1)] == ["residual", "known", "known"]
    assert statuses(done, 2) == {
        "P1": ("erased", None), "P2": ("erased", None), "P3": ("live", None), "P4": ("live", None),
    }  # fmt: skip
    assert people(done, 2) == {"P3": "user_id: 2, anonymous_id: x", "P4": "anonymous_id: a"}


def test_aliases() -> None:
    done = played("23-alias")

    assert len(done.people(2)) == 1
    assert [edge.rule for edge in done.refused(3)] == ["unique"]


def test_an_alias_to_a_blocked_id() -> None:
    done = played("31-alias-to-a-blocked-id")

    assert people(done, 2) == {"P1": "user_id: 1, anonymous_id: a"}
    assert owners(done, 2) == {2: "P1", 3: "P1"}
    assert owners(done, 3) == {2: "P1", 3: None}


def test_a_vacant_id_comes_back_with_the_anchor_it_stood_on_last() -> None:
    done = played("32-last-anchor")

    assert people(done, 1) == {"P1": "user_id: u0, anonymous_id: d", "P2": "user_id: u1"}
    assert statuses(done, 2) == {"P1": ("live", None), "P2": ("vacant", None)}
    assert people(done, 3) == {"P2": "user_id: u1, anonymous_id: d"}
    assert statuses(done, 3) == {"P1": ("vacant", None), "P2": ("live", None)}


def test_an_exclusion_and_an_inclusion() -> None:
    apart, together = played("24-exclude"), played("25-include")

    assert [len(apart.people(run)) for run in (1, 2)] == [1, 2]
    assert [len(together.people(run)) for run in (1, 2)] == [2, 1]


def test_an_exclusion_contests_nothing() -> None:
    done = played("30-exclude-contests-nothing")

    assert people(done) == {"P1": "anonymous_id: a", "P2": "user_id: 1, phone: +4930901820"}
    assert owners(done) == {3: "P2", 4: "P1", 5: "P2"}
    assert done.contested() == []


def test_two_people_in_one_event() -> None:
    done = played("26-two-people-in-one-event")

    assert owners(done)[2] is None
    assert len(done.people()) == 3


def test_consent_withdrawn() -> None:
    done = played("27-consent")

    assert "user_id: 1, anonymous_id: a" in people(done, 1).values()
    assert set(people(done, 2).values()) == {"user_id: 1", "anonymous_id: a", "anonymous_id: b"}
