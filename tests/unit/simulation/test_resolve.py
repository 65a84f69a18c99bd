"""A simulated run decides by the rules of identity, whatever the order of what it is given."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from random import Random

from oneuser.events.capture import Link
from oneuser.events.identifiers import Identifier
from oneuser.simulation.resolve import resolve
from oneuser.simulation.world import (
    ImportedLink,
    ManualRule,
    Message,
    Resolution,
    Rules,
    State,
    World,
)
from oneuser.stages.identity_rules import TypeRules

RULES = Rules(
    {
        "u": TypeRules(1, is_known=True, is_unique=True),
        "e": TypeRules(2, is_known=True, limit=2, max_persons_per_value=2),
        "b": TypeRules(8, is_known=False),
        "c": TypeRules(9, is_known=False),
    }
)


def identifier(name: str) -> Identifier:
    return Identifier(name[0], name.encode(), name)


def event(at: int, names: str, **consent: bool) -> Message:
    links = tuple(Link(identifier(name), "event") for name in names.split())
    return Message(at.to_bytes(16), at, links, consent or None)


def alias(at: int, old: str, new: str) -> Message:
    """An alias of two logins; the old value could be a cookie `b...` too."""
    readings = (Link(identifier("b" + old), "previous_anonymous"), Link(identifier("u" + old), "previous_user"))
    return Message(at.to_bytes(16), at, (Link(identifier("u" + new), "alias"), *readings))


def run(*messages: Message, rules: Rules = RULES, state: State | None = None, **more: object) -> Resolution:
    world = replace(World(tuple(messages)), **more)
    return resolve(world, state or State(), rules, run_seq=1)


def people(found: Resolution) -> set[str]:
    return {" ".join(sorted(member.value for member in members)) for members in found.people().values()}


def names(found: Resolution, numbers: frozenset[int] | set[int]) -> set[str]:
    return {found.identifiers[number].value for number in numbers}


def refusals(found: Resolution) -> set[tuple[str, str]]:
    values = found.identifiers
    return {(" ".join(sorted((values[edge.src].value, values[edge.dst].value))), edge.rule) for edge in found.refusals}


def whose(found: Resolution, at: int) -> str | None:
    """The best identifier of a message's owner."""
    owner = found.owners[at.to_bytes(16)]
    return None if owner is None else min(member.value for member in found.people()[owner] if member.id_type == "u")


def test_identifiers_of_a_message_are_one_person() -> None:
    assert people(run(event(1, "u1 b1"), event(2, "b1 e1"), event(3, "u2"))) == {"b1 e1 u1", "u2"}


def test_a_blocked_value_is_dropped_and_its_messages_stay() -> None:
    messages = [event(1, "u1 e1"), event(2, "u2 e1"), event(3, "e1")]

    found = run(*messages, blocked=frozenset([identifier("e1")]))

    assert people(found) == {"u1", "u2"}
    assert (whose(found, 1), whose(found, 2), whose(found, 3)) == ("u1", "u2", None)


def test_a_message_that_names_two_people_links_nothing_and_has_no_owner() -> None:
    found = run(event(1, "u1 u2 b1"), event(2, "u1 e1"))

    assert people(found) == {"e1 u1", "u2", "b1"}
    assert whose(found, 1) is None


def test_a_blocked_value_is_no_second_person() -> None:
    assert people(run(event(1, "u1 u2 b1"), blocked=frozenset([identifier("u2")]))) == {"b1 u1"}


def test_a_value_that_too_many_people_carry_is_over_shared() -> None:
    found = run(*(event(n, f"u{n} e0") for n in (1, 2, 3)), event(4, "e0"))

    assert people(found) == {"u1", "u2", "u3"}
    assert names(found, found.over_shared) == {"e0"}
    assert refusals(found) == {("e0 u1", "over_shared"), ("e0 u2", "over_shared"), ("e0 u3", "over_shared")}
    assert whose(found, 4) is None


def test_where_nobody_logs_in_other_known_values_count_people() -> None:
    rules = replace(RULES, id_types={**RULES.id_types, "p": TypeRules(3, is_known=True)})
    messages = [event(n, f"p{n} e0") for n in (1, 2, 3)]

    assert people(run(*messages, rules=rules)) == {"p1", "p2", "p3"}
    # one login beside it, and logins are what counts
    assert people(run(*messages, event(4, "u1 e0"), rules=rules)) == {"e0 p1 p2 p3 u1"}


def test_an_alias_class_is_one_person_to_the_rule_of_over_shared_values() -> None:
    found = run(*(event(n, f"u{n} e0") for n in (1, 2, 3)), alias(4, "2", "3"))

    assert found.over_shared == frozenset()


def test_an_alias_between_two_logins_is_a_rename_unless_it_may_not_join_unique_values() -> None:
    messages = [event(1, "u1 b8"), event(2, "u2 b9"), alias(3, "1", "2")]

    assert people(run(*messages)) == {"b8 b9 u1 u2"}
    refused = run(*messages, rules=replace(RULES, may_join_unique=False))
    assert people(refused) == {"b8 u1", "b9 u2"}
    assert refusals(refused) == {("u1 u2", "unique")}


def test_a_previous_id_is_a_cookie_where_a_message_carries_it_as_one() -> None:
    assert people(run(event(1, "b1"), alias(2, "1", "2"))) == {"b1 u2"}
    assert people(run(event(1, "c1"), alias(2, "1", "2"))) == {"c1", "u1 u2"}
    # blocked or not
    blocked = frozenset([identifier("b1")])
    assert people(run(event(1, "b1"), alias(2, "1", "2"), blocked=blocked)) == {"u2"}


def test_a_shared_device_goes_with_the_last_login_and_its_events_go_by_time() -> None:
    found = run(event(1, "b1"), event(2, "u1 b1"), event(3, "b1"), event(4, "u2 b1"), event(5, "b1"))

    assert people(found) == {"u1", "b1 u2"}
    assert refusals(found) == {("b1 u1", "unique")}
    assert names(found, found.contested) == {"b1"}
    assert [whose(found, at) for at in range(1, 6)] == ["u1", "u1", "u1", "u2", "u2"]


def test_policies_of_shared_devices() -> None:
    messages = [event(1, "u1 b1"), event(2, "b1"), event(3, "u2 b1"), event(4, "b1")]

    last = run(*messages, rules=replace(RULES, shared_device="last_owner"))
    nobody = run(*messages, rules=replace(RULES, shared_device="quarantine"))
    earliest = run(*messages, rules=replace(RULES, conflict="earliest"))

    assert [whose(last, at) for at in range(1, 5)] == ["u1", "u2", "u2", "u2"]
    assert [whose(nobody, at) for at in range(1, 5)] == ["u1", None, "u2", None]
    assert people(earliest) == {"b1 u1", "u2"}
    assert [whose(earliest, at) for at in range(1, 5)] == ["u1", "u1", "u2", "u2"]


def test_what_a_limit_cuts_off_is_residual() -> None:
    found = run(*(event(n, f"u1 e{n}") for n in (1, 2, 3)))

    assert people(found) == {"e2 e3 u1", "e1"}
    assert {found.kinds[label] for label in found.users} == {"known", "residual"}
    assert names(found, {identifier for identifier, _ in found.cuts}) == {"e1"}
    (person,) = (found.users[label] for label, kind in found.kinds.items() if kind == "known")
    (residual,) = found.residual_ids_of(person)
    assert found.residual_ids_of(residual) == set()
    assert found.people()[residual] == frozenset([identifier("e1")])


def test_an_exclusion_keeps_apart_and_an_inclusion_outranks_bounds() -> None:
    apart = ManualRule("exclude", identifier("e1"), identifier("e2"))
    own = ManualRule("exclude", identifier("u1"), identifier("e1"))
    together = ManualRule("include", identifier("u1"), identifier("u2"))
    messages = [event(1, "u1 e1"), event(2, "u1 e2")]

    assert people(run(*messages, manual=(apart,))) == {"e2 u1", "e1"}
    named = run(*messages, manual=(own,))
    assert people(named) == {"e2 u1", "e1"}
    assert (refusals(named), named.contested) == ({("e1 u1", "exclude")}, frozenset())
    assert people(run(event(1, "u1 b1"), event(2, "u2"), manual=(together,))) == {"b1 u1 u2"}


def test_links_may_bridge_by_what_no_message_carries_unless_it_is_blocked() -> None:
    links = tuple(ImportedLink("crm", identifier("c9"), identifier(name)) for name in ("e1", "e2"))
    messages = [event(1, "e1 b1"), event(2, "e2")]

    assert people(run(*messages, links=links)) == {"b1 c9 e1 e2"}
    assert people(run(*messages, links=links, blocked=frozenset([identifier("c9")]))) == {"b1 e1", "e2"}


def test_without_consent_a_message_has_an_owner_and_links_nobody() -> None:
    rules = replace(RULES, required_purposes=("ads",))
    given, refused = event(1, "u1 b1", ads=True), event(3, "u1", ads=False)
    silent = event(2, "u1 b2")

    assert people(run(given, silent, rules=rules)) == {"b1 u1", "b2"}
    withdrawn = run(given, silent, refused, rules=rules)
    assert people(withdrawn) == {"u1", "b1", "b2"}
    assert whose(withdrawn, 1) == "u1"


def test_ids_are_carried_from_run_to_run() -> None:
    first = run(event(1, "b1"))
    (visitor,) = first.people()

    second = resolve(World((event(1, "b1"), event(2, "u1 b1"))), first.state, RULES, run_seq=2)
    third = resolve(World((event(1, "b1"), event(2, "u1 b1"))), second.state, RULES, run_seq=3)

    assert set(second.people()) == {visitor}
    assert [(row.change, row.user_id) for row in second.lineage] == [("anchored", visitor)]
    assert (third.lineage, third.ledger_changes, third.state) == ((), (), second.state)


def test_the_order_of_what_is_stored_decides_nothing() -> None:
    for seed in range(200):
        chance = Random(seed)
        pool = [f"{kind}{n}" for kind in "uebc" for n in range(3)]
        messages = [event(at, " ".join(chance.sample(pool, chance.randint(1, 3)))) for at in range(1, 9)]
        messages += [alias(9, str(chance.randint(0, 2)), str(chance.randint(0, 2)))]
        manual = (ManualRule("exclude", *(identifier(name) for name in chance.sample(pool, 2))),)
        one = run(*messages, manual=manual)
        other = run(*chance.sample(messages, len(messages)), manual=manual)

        assert (people(one), refusals(one), one.owners) == (people(other), refusals(other), other.owners), seed
        assert set(one.users.values()) == set(other.users.values())


def test_nothing_of_spark_is_loaded() -> None:
    program = (
        "import sys\n"
        "from oneuser.simulation import resolve, world\n"
        "sys.exit(','.join(m for m in sys.modules if m.split('.')[0] in {'pyspark', 'py4j', 'pandas'}) or None)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
