"""The oracle of page 01 by itself, over seeded random histories: what must hold whatever the history is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.oracle.history import KEYS, History, Identifier, Rules, Run
from tests.oracle.people import BEGINNING, Deployment, Outcome, resolve_user_id
from tests.oracle.random_histories import random_history
from tests.oracle.rates import fired_in

N_HISTORIES = 60

# what has to happen in a good share of the histories, or comparing over them shows little
WANTED = {
    "live to retired": 0.3,
    "split": 0.3,
    "retired to live": 0.05,
    "live to vacant": 0.08,
    "vacant to live": 0.01,
    "redirect moved": 0.02,
    "anchor taken": 0.1,
    "anchor left": 0.05,
    "over-shared": 0.08,
    "refused: unique": 0.3,
    "refused: limit": 0.08,
    "refused: size": 0.1,
    "refused: exclude": 0.08,
    "refused: over_shared": 0.08,
    "contested, known": 0.1,
    "contested, several intervals": 0.3,
    "contested, at home elsewhere": 0.2,
    "receipt decides": 0.02,
    "alias class": 0.1,
    "consent withheld": 0.2,
    "two values of a unique type": 0.2,
    "kind: residual": 0.1,
    "erasure, connected": 0.05,
    "erasure, exact": 0.05,
    "message dropped, suppressed": 0.03,
    "message again": 0.2,
    "blocked": 0.2,
    "event without owner": 0.2,
}


def histories(first_seed: int, n: int = N_HISTORIES) -> Iterator[tuple[int, History]]:
    for seed in range(first_seed, first_seed + n):
        yield seed, random_history(Random(seed))


def run_all(history: History) -> Deployment:
    deployment = Deployment(KEYS)
    for run in history:
        deployment.run(run)
    return deployment


def people(outcome: Outcome) -> dict[str, Any]:
    """What does not depend on User IDs: components, and owners as what they hold."""
    members: dict[str | None, frozenset[Identifier]] = {None: frozenset()}
    for component in outcome.components:
        members[outcome.users[next(iter(component))]] = component
    return {
        "components": outcome.components,
        "over_shared": outcome.over_shared,
        "refused": outcome.refused,
        "contested": outcome.contested,
        "intervals": {i: [(at, members[user]) for at, user in parts] for i, parts in outcome.intervals.items()},
        "owners": {message: members[owner] for message, owner in outcome.owners.items()},
        "kinds": {members[user]: kind for user, kind in outcome.kinds.items()},
    }


def test_every_rule_fires_in_a_good_share_of_the_histories() -> None:
    found = [fired_in(history) for _, history in histories(0, 250)]

    share = {name: sum(name in fired for fired in found) / len(found) for name in WANTED}

    assert {name: share[name] for name in WANTED if share[name] < WANTED[name]} == {}


def test_no_user_id_is_on_two_people_and_none_is_lost() -> None:
    for seed, history in histories(1_000):
        deployment = Deployment(KEYS)
        for run in history:
            before = deployment.ledger
            outcome = deployment.run(run)
            live = {user for user, row in outcome.ledger.items() if row["status"] == "live"}
            assert len({outcome.users[i] for i in outcome.users}) == len(outcome.components) == len(live), seed
            assert set(outcome.users.values()) == live == outcome.kinds.keys(), seed
            assert {owner for owner in outcome.owners.values() if owner is not None} <= live, seed
            for user, row in outcome.ledger.items():
                assert resolve_user_id(outcome.ledger, user) in {*live, "vacant", "erased"}, (seed, user)
                assert row["present"] is None or row["present"] in row["anchors"], (seed, user)
            for user, row in before.items():
                after = outcome.ledger[user]
                assert after["anchors"][: len(row["anchors"])] == row["anchors"], (seed, user)
                assert row["status"] != "erased" or after == row, (seed, user)


def test_every_identifier_has_one_interval_at_least_and_its_first_has_no_beginning() -> None:
    for seed, history in histories(2_000):
        outcome = run_all(history).last
        assert outcome is not None
        assert outcome.intervals.keys() == outcome.users.keys(), seed
        for identifier, parts in outcome.intervals.items():
            starts = [start for start, _ in parts]
            assert starts[0] == BEGINNING, seed
            assert starts == sorted(set(starts)), seed
            if identifier not in outcome.contested:
                assert [owner for _, owner in parts] == [outcome.users[identifier]], seed


def test_what_was_erased_is_in_no_component() -> None:
    for seed, history in histories(3_000):
        deployment = Deployment(KEYS)
        for run in history:
            outcome = deployment.run(run)
            assert not deployment.suppressed & outcome.users.keys(), seed


def test_a_second_run_of_the_same_input_changes_nothing() -> None:
    for seed, history in histories(4_000):
        deployment = run_all(history)
        first = deployment.last

        assert deployment.run(Run(history[-1].rules, arrived=history[-1].arrived)) == first, seed


def test_the_order_of_messages_decides_nothing() -> None:
    for seed, history in histories(5_000):
        chance = Random(seed)
        shuffled = [replace(run, arrived=tuple(chance.sample(run.arrived, len(run.arrived)))) for run in history]
        expected = run_all(history)

        assert run_all(tuple(shuffled)).last == expected.last, seed


def test_batches_make_the_same_people_and_the_same_owners() -> None:
    for seed, history in histories(6_000):
        rules = history[-1].rules
        messages = tuple(message for run in history for message in run.arrived)
        n = Random(seed).randint(0, len(messages))
        whole = run_all((Run(rules, arrived=messages),)).last
        expected = people(whole) if whole else {}

        late_first = (Run(rules, arrived=messages[n:]), Run(rules, arrived=messages[:n]))

        for batches in (tuple(Run(rules, arrived=run.arrived) for run in history), late_first):
            found = run_all(batches).last
            assert found is not None
            assert people(found) == expected, seed


def test_a_rebuild_from_what_is_stored_makes_the_same_people() -> None:
    for seed, history in histories(7_000):
        deployment = run_all(history)
        assert deployment.last is not None
        assert deployment.rules is not None
        rebuilt = Deployment(KEYS, named=deployment.named)

        found = rebuilt.run(Run(deployment.rules, arrived=tuple(deployment.stored.values())))

        assert people(found) == people(deployment.last), seed


@pytest.mark.parametrize("n_blocked", [1, 2])
def test_what_is_blocked_and_unblocked_gets_former_ids_back(n_blocked: int) -> None:
    n_lasting = 0
    for seed, history in histories(8_000 * n_blocked, 2 * N_HISTORIES):
        deployment = run_all(history)
        before = deployment.last
        assert before is not None
        rules = history[-1].rules
        graph = sorted(before.users)
        blocked = frozenset(Random(seed).sample(graph, min(n_blocked, len(graph))))

        meanwhile = deployment.run(Run(replace(rules, blocked=rules.blocked | blocked)))
        after = deployment.run(Run(rules))

        if has_lasting_effect(before, meanwhile, rules):
            n_lasting += 1
        else:
            assert (after.users, after.owners) == (before.users, before.owners), seed
    assert n_lasting < 0.05 * 2 * N_HISTORIES


def has_lasting_effect(before: Outcome, meanwhile: Outcome, rules: Rules) -> bool:
    """Whether, while something was blocked, an ID came by an anchor that it keeps by the rules of the ledger.

    That is an ID that moved to a login of what used to be another person, as a visitor does who logs in; one that
    returned; and a new one on an anchor stronger than that of the ID which its identifiers had.
    """
    for user, row in meanwhile.ledger.items():
        anchor = row["present"]
        old = before.ledger.get(user)
        if anchor is None or (old is not None and anchor == old["present"]):
            continue
        former = before.users.get(anchor)
        if old is not None and (old["present"] is None or former != user):
            return True
        if old is None and (
            former is None or strength(anchor, rules) < strength(before.ledger[former]["present"], rules)
        ):
            return True
    return False


def strength(anchor: Identifier, rules: Rules) -> float:
    """Strength of an anchor, the smaller the stronger."""
    id_type = rules.types[anchor[0]]
    return id_type.priority if id_type.known else float("inf")
