"""The text of a simulation: what its lines mean, and what is said of lines that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser import simulate
from oneuser.config.rules import RuleSections
from oneuser.core.errors import ConfigError
from oneuser.simulation import Simulation


def people(done: Simulation, run: int | None = None) -> list[str]:
    """Identifiers of each person; those published by one message come in no order of ours."""
    return sorted(", ".join(map(str, person.identifiers)) for person in done.people(run))


def owners(done: Simulation) -> dict[int, str | None]:
    return {event.line: event.owner for event in done.events()}


def problems(text: str, **more: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        simulate(text, file="my.txt", **more)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    assert caught.value.next_step
    return [str(problem) for problem in caught.value.problems]


def test_comments_blank_lines_and_quotes() -> None:
    done = simulate('# a title\n\nuser_id: "a, b", anonymous_id: x#1  # the rest is a comment\nuser_id: "c # d | e"\n')

    assert people(done) == ["user_id: a, b, anonymous_id: x#1", "user_id: c # d | e"]


def test_values_are_normalised_and_garbage_is_dropped_as_ingest_does() -> None:
    done = simulate("email: ' Ann@Example.com, user_id: 1\nuser_id: null, anonymous_id: a\nemail: nobody\n")

    assert people(done) == ["anonymous_id: a", "user_id: 1"]
    assert [(note.line, note.text) for note in done.run().notes] == [
        (1, "email dropped: no e-mail address"),
        (2, "user_id dropped: a value such as null or 0 names nobody"),
        (3, "email dropped: no e-mail address"),
        (3, "not accepted: no identifier is left"),
    ]
    assert people(simulate("email: Ann@Example.com\nemail: ann@example.com ")) == ["email: ann@example.com"]


def test_known_identifiers_that_a_limit_cut_off_are_suppressed_with_their_person() -> None:
    runs = (
        "rule email limit 1\nuser_id: 1, email: a@example.com\nuser_id: 1, email: b@example.com\n---\n"
        "erase user_id: 1\nemail: a@example.com\nemail: b@example.com\nuser_id: 2\n"
    )

    assert people(simulate(runs)) == ["user_id: 2"]
    # one that somebody else has claimed, too, is contested still
    contested = runs.replace("---", "user_id: 2, email: a@example.com\n---")
    assert people(simulate(contested)) == ["user_id: 2, email: a@example.com"]


def test_what_only_a_link_said_of_an_erased_person_goes_and_is_not_linked_again() -> None:
    runs = (
        "user_id: 1, anonymous_id: a\n"
        "link crm: anonymous_id: a | anonymous_id: b\nlink crm: anonymous_id: b | anonymous_id: c\n"
        "---\nerase user_id: 1\nlink crm: anonymous_id: a | anonymous_id: b\nuser_id: 2\n"
    )

    assert people(simulate(runs)) == ["user_id: 2"]
    # what somebody else carries keeps what is linked with it
    shared = runs.replace("---", "user_id: 3, anonymous_id: c\nuser_id: 1, anonymous_id: c\n---")
    assert "anonymous_id: a" not in ", ".join(people(simulate(shared)))


def test_an_event_without_a_time_happens_a_minute_after_the_latest_above_it() -> None:
    done = simulate(
        "user_id: 1\n@10 user_id: 1\nuser_id: 1\n@-3 user_id: 1\nuser_id: 1\n@2026-01-01T00:05 user_id: 1\n"
    )

    assert [(event.line, event.time) for event in done.events()] == [
        (4, "@-3"), (1, "@1"), (6, "@5"), (2, "@10"), (3, "@11"), (5, "@12"),
    ]  # fmt: skip
    dated = simulate("@2026-03-02T10:30:00+01:00 user_id: 1\n")
    assert [event.time for event in dated.events()] == ["@2026-03-02T09:30:00"]


def test_among_events_of_one_instant_lines_decide() -> None:
    done = simulate("@5 user_id: 1, anonymous_id: a\n@5 user_id: 2, anonymous_id: a\n@5 anonymous_id: a\n")

    assert owners(done) == {1: "P1", 2: "P2", 3: "P2"}


def test_rules_hold_from_their_run_on_whatever_their_line() -> None:
    text = "user_id: 1, email: a@x.example\n---\nuser_id: 2, email: a@x.example\nblock email: A@X.example\n---\n"
    done = simulate(text + "unblock email: a@x.example\n")

    assert people(done, 1) == ["user_id: 1, email: a@x.example"]
    assert people(done, 2) == ["user_id: 1", "user_id: 2"]
    assert people(done, 3) == ["user_id: 1", "user_id: 2, email: a@x.example"]


def test_a_pattern_blocks_what_it_finds_in_normalised_values() -> None:
    done = simulate(
        "block email: re:^no-?reply@\nuser_id: 1, email: NoReply@x.example\n---\nunblock email: re:^no-?reply@"
    )

    assert people(done, 1) == ["user_id: 1"]
    assert people(done, 2) == ["user_id: 1, email: noreply@x.example"]


def test_rule_changes_and_declares_types() -> None:
    text = "rule user_id not unique\nrule loyalty_id priority 7 known normaliser lower\n"
    done = simulate(text + "user_id: 1, loyalty_id: X\nuser_id: 2, loyalty_id: x\n---\nrule user_id unique\n")

    assert people(done, 1) == ["user_id: 1, user_id: 2, loyalty_id: x"]
    assert people(done, 2) == ["user_id: 1", "user_id: 2, loyalty_id: x"]


def test_links_are_withdrawn_one_by_one_or_as_a_table() -> None:
    text = "user_id: 1\nemail: a@x.example\nphone: +4930901820\n"
    text += "link crm: user_id: 1 | email: a@x.example\nlink crm priority 1: user_id: 1 | phone: +4930901820\n"
    done = simulate(text + "---\nunlink crm: email: a@x.example | user_id: 1\n---\nunlink crm\n")

    assert [len(done.people(run)) for run in (1, 2, 3)] == [1, 2, 3]


def test_receipt_is_part_of_an_event_and_orders_those_of_one_time() -> None:
    logins = "@5 user_id: 1, anonymous_id: a{}\n@5 user_id: 2, anonymous_id: a{}\n"

    def holder(one: str, other: str) -> str:
        (person,) = (p for p in simulate(logins.format(one, other)).people() if len(p.identifiers) > 1)
        return str(person.identifiers[0])

    assert holder("", "") == "user_id: 2", "without receipts, the line further down"
    assert holder(", received @7", ", received @6") == "user_id: 1"
    assert holder(", received @7", ", received @2026-01-01T00:08") == "user_id: 2"
    assert holder("", ", received @7") == "user_id: 1"


def test_consent_is_part_of_an_event() -> None:
    text = "set required_for_linking ads, mail\nuser_id: 1, anonymous_id: a, consent ads=yes mail=yes\n"
    done = simulate(text + "user_id: 1, anonymous_id: b, consent ads=yes, consent mail=no\n")

    # the later refusal of user_id 1 holds for the event before it, too
    assert people(done) == ["anonymous_id: a", "anonymous_id: b", "user_id: 1"]
    assert people(simulate(text)) == ["user_id: 1, anonymous_id: a"]


def test_an_alias_may_carry_more() -> None:
    done = simulate("alias: old -> new, anonymous_id: a\nset previous_id_type user_id\n")

    assert people(done) == ["user_id: new, user_id: old, anonymous_id: a"]
    refused = simulate("user_id: 1\nalias: null -> new\n")
    assert [note.text for note in refused.run().notes][-1] == "not accepted: an alias needs both ids"


def test_an_erased_persons_messages_go_and_come_no_more() -> None:
    text = "user_id: 1, anonymous_id: shared\nuser_id: 2, anonymous_id: shared\nanonymous_id: shared\n---\n"
    done = simulate(
        text + "erase user_id: 2\nuser_id: 2\nanonymous_id: shared\n---\nunsuppress user_id: 2\nuser_id: 2\n"
    )

    assert [event.line for event in done.events(2)] == [1, 7]
    assert people(done, 2) == ["user_id: 1, anonymous_id: shared"]
    assert [(one.name, one.status) for one in done.user_ids(3)] == [("P1", "live"), ("P2", "erased"), ("P3", "live")]


def test_a_configuration_gives_rules_and_its_other_sections_are_not_looked_at(tmp_path: Path) -> None:
    rules = tmp_path / "mine.yaml"
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("action,id_type_a,id_value_a,id_type_b,id_value_b,reason\nexclude,login,1,card,X,two\n")
    rules.write_text(
        "sources: 5\nidentity:\n  manual_rules: " + str(pairs) + "\n  id_types:\n"
        "    login: {priority: 1, known: true, blocked: [test]}\n    card: {priority: 2, known: true}\n"
    )

    done = simulate("login: 1, card: X\nlogin: test, card: Y\n", rules)

    assert people(done) == ["card: X", "card: Y", "login: 1"]
    assert [edge.rule for edge in done.refused()] == ["exclude"]
    assert people(simulate("login: 1, card: Y", rules, overrides=["identity.id_types.card.blocked=[Y]"])) == [
        "login: 1"
    ]


def test_a_loaded_configuration_gives_rules_too() -> None:
    values = {
        "identity": {"id_types": {"login": {"priority": 1, "known": True}, "card": {"priority": 2, "known": True}}}
    }
    loaded = RuleSections.model_validate(values)

    for config in (values, loaded):
        done = simulate("login: 1, card: X\nlogin: 2, card: X\n", config)
        assert people(done) == ["login: 1, login: 2, card: X"]
        assert repr(done) == "<Simulation runs=1 people=1>"


def test_mistakes_in_a_configuration_are_told_with_their_lines(tmp_path: Path) -> None:
    rules = tmp_path / "mine.yaml"
    rules.write_text("identity:\n  id_types:\n    login: {priority: 0, known: true}\n")

    found = problems("login: 1", config=rules)

    assert found == [f"{rules}:3: identity.id_types.login.priority: must be greater than 0"]
    assert problems("a: b", config={"identity": {}, "sources": {}}) == problems("a: b", config={"sources": {}})
    assert problems("a: b", config={"identity": 1}) == ["identity: expected keys and values, found a whole number"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hello zed@example.com", "expected an event such as"),
        ("blok email: a@b.example", "did you mean block?"),
        ("user_id: 1, zed@example.com", "expected TYPE: VALUE, such as email: ann@example.com, between commas"),
        ("user_id: 1, email:", 'email has no value: expected one after the colon, or "" for an empty one'),
        ("emial: zed@example.com", "no identifier type emial: expected one of user_id, email"),
        ('user_id: "zed', 'a double quote is open: expected another `"`'),
        ("@noon user_id: 1", "not a time: expected minutes from the beginning such as @3"),
        ("@3 block email: a@b.example", "expected no @ before it"),
        ("alias: zed", "expected `alias: OLD -> NEW`"),
        ("user_id: 1, received @soon", "not a time: expected minutes from the beginning"),
        ("user_id: 1, consent ads=maybe", "expected `consent PURPOSE=yes` or `consent PURPOSE=no`"),
        ("block zed@example.com", "expected TYPE: VALUE"),
        ("exclude user_id: zed", "expected two identifiers, such as"),
        ("exclude user_id: zed | user_id: zed", "both ends are the same identifier: expected two"),
        ("include email: zed | user_id: 1", "cannot be a value of email: no e-mail address"),
        ("uninclude user_id: 1 | user_id: 2", "there is no such include to take back"),
        ("link user_id: 1 | email: a@b.example", "expected the name of a link table and a pair"),
        ("unlink crm", "there is no such link"),
        ("rule email", "expected an identifier type and what holds for it, such as `rule email limit 5`"),
        ("rule email shiny", "expected one of known, anonymous, unique, priority, limit"),
        ("rule email limit", "limit has no value: expected one after it"),
        ("rule email limit 0", "identity.id_types.email.limit: must be greater than 0"),
        ("rule email priority 3", "identity.id_types.phone.priority: 3 is already the priority of email"),
        ("rule card known", "identity.id_types.card.priority: is missing"),
        ("set colour red", "expected one of survivor, conflict, shared_device"),
        ("set survivor youngest", "identity.survivor: expected one of strongest, oldest"),
        ("erase user_id: 1", "nobody has it: expected an identifier of somebody in the last run"),
        ("unsuppress user_id: 1", "the identifier is not suppressed"),
        ("unblock email: a@b.example", "the value is not blocked"),
        ("block card: 1", "no identifier type card"),
        ("rollback 1", "there is no run 1: expected one of 1 to 0"),
        ("rollback yesterday", "expected the number of an earlier run, such as `rollback 1`"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named_with_what_is_expected_and_without_its_values(
    line: str, said: str
) -> None:
    (found,) = problems(f"# a comment\n{line}\n")

    assert found.startswith("my.txt:2: ")
    assert said in found
    assert "zed" not in found


def test_every_line_at_fault_is_named_at_once() -> None:
    found = problems("nonsense\nuser_id: 1\nuser_id\n---\nrollback 1\nuser_id: 2\n")

    assert [text.split(": ")[0] for text in found] == ["my.txt:1", "my.txt:3", "my.txt:5"]


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        simulate(tmp_path / "none.txt")

    assert [str(problem) for problem in caught.value.problems] == [
        f"{tmp_path / 'none.txt'}: cannot be read: No such file or directory"
    ]


PARTS = st.sampled_from(
    ["user_id: 1", "email: a@b.example", "anonymous_id: x", "user_id:", "|", ",", "->", "@3", "@", "---", "alias:", '"',
     "block", "unblock", "exclude", "include", "link crm:", "unlink crm", "rule", "set", "erase", "rollback", "1", "()",
     "consent", "ads=yes", "not", "unique", "#", "\t", "é", "\u202e", "email limit 1", "re:("]
)  # fmt: skip


@given(st.lists(st.lists(PARTS, max_size=6).map(" ".join), max_size=8).map("\n".join))
def test_any_text_is_played_or_refused_as_a_whole(text: str) -> None:
    try:
        said = simulate(text + "\n").text(events=True)
    except ConfigError as refused:
        said = str(refused)

    assert said
